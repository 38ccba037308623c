//! The PID file of a daemon that writes its own and locks nothing: what may be believed of it, if one must.
//!
//! Nothing but the text speaks for the number, so the process has to fit it: alive, older than the last writing, running
//! the right program. And whoever could write the file must have had power over that process anyway.

use crate::claim::pid_text::{self, Text};
use crate::claim::status::{Claimant, Evidence, Status, read_start};
use crate::lock::holders::{FileId, Holder};
use crate::open::{self, How, Links, Opened};
use crate::process::procfs::{self, Stat};
use rustix::process::Pid;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Reads a PID file, and believes the text alone if nothing else speaks and the process fits it.
pub fn reading(path: &Path, exe: Option<&Path>) -> Status {
    let reading = Status::of(path);
    if matches!(reading, Status::Held(_) | Status::Absent) {
        return reading;
    }
    match named_by_text(path) {
        Some((pid, file)) => match misfit(pid, &file, exe) {
            None => Status::Held(Claimant { pid, evidence: Evidence::Recorded }),
            Some(why) => match reading {
                Status::Stale(_) => Status::Unfit(pid, why),
                other => other,
            },
        },
        None => reading,
    }
}

/// The number, and the file's metadata, taken from one open file. A symbolic link is not followed: whoever owns the
/// directory could point it at another daemon's PID file.
fn named_by_text(path: &Path) -> Option<(Pid, Metadata)> {
    let Opened { file, metadata } = open::open(path, How::read(Links::TrustedNotLast)).ok()?;
    match pid_text::parse(&read_start(&file).ok()?) {
        Text::Names(pid) => Some((pid, metadata)),
        _ => None,
    }
}

/// Why the process cannot be the one that wrote its number into the file.
pub(crate) fn misfit(pid: Pid, file: &Metadata, exe: Option<&Path>) -> Option<String> {
    const ROOT: u32 = 0;
    let Some(stat) = procfs::stat(pid).filter(|stat| !stat.zombie) else { return Some("it is dead".into()) };
    let process = Holder::new(pid);
    if !written_in_its_lifetime(stat, file) {
        return Some(format!("{process} is younger than the file"));
    }
    let user = fs::metadata(format!("/proc/{pid}")).ok().map(|m| m.uid());
    if file.uid() != ROOT && user != Some(file.uid()) {
        return Some(format!("{process} runs as another user than the one who could have written the file"));
    }
    if file.mode() & 0o002 != 0 {
        return Some("anybody may write the file".into());
    }
    if file.nlink() != 1 {
        return Some("the file has several names".into());
    }
    exe.and_then(|exe| other_program(pid, exe).map(|why| format!("{process} {why}")))
}

fn other_program(pid: Pid, exe: &Path) -> Option<String> {
    let running = match fs::read_link(format!("/proc/{pid}/exe")) {
        Ok(running) => running,
        Err(_) => return Some("does not let its program be seen".into()),
    };
    let same_file = || {
        let of = |path: &Path| fs::metadata(path).ok().map(|m| FileId::from(&m));
        of(exe).is_some() && of(exe) == of(Path::new(&format!("/proc/{pid}/exe")))
    };
    // After an upgrade the running program is a removed file of the same name.
    let upgraded = || {
        let name = running.to_string_lossy();
        name.strip_suffix(" (deleted)").is_some_and(|old| fs::canonicalize(exe).is_ok_and(|exe| Path::new(old) == exe))
    };
    (!same_file() && !upgraded()).then(|| format!("runs {}", running.display()))
}

/// Whether the process was started before the file was last written: a recycled number was not.
fn written_in_its_lifetime(process: Stat, file: &Metadata) -> bool {
    // Start times are cut to 10 ms, file times to the timer tick.
    const GRAIN: Duration = Duration::from_millis(20);
    file.modified().is_ok_and(|written| process.started() <= written + GRAIN)
}
