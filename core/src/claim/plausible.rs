//! Checks whether a process can have written a PID file that has no lock: it lives, is older than the last writing,
//! runs as the right user, and runs the right program.

use crate::claim::pid_file::PidFile;
use crate::error::Result;
use crate::lock::file_id::FileId;
use crate::lock::holders::Holder;
use crate::process::pidfd::PidFd;
use crate::process::procfs::{self, Stat};
use nix::unistd::Pid;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Returns the reason for which the process cannot have written its PID into the file, if there is one.
pub(crate) fn objection(pid: Pid, file: &PidFile, exe: Option<&Path>) -> Result<Option<String>> {
    Ok(misfit(pid, &file.metadata()?, exe))
}

fn misfit(pid: Pid, file: &Metadata, exe: Option<&Path>) -> Option<String> {
    const ROOT: u32 = 0;
    if !procfs::is_ours() {
        return Some("/proc shows another PID namespace, and is asked nothing".into());
    }
    let Some(stat) = procfs::stat(pid).filter(|_| PidFd::is_alive(pid)) else { return Some("it is dead".into()) };
    let process = Holder::new(pid);
    if pid == Pid::from_raw(1) && exe.is_none() {
        return Some(format!("{process} is the init process, which is believed only with --exe"));
    }
    if !written_in_its_lifetime(stat, file) {
        return Some(format!("{process} is younger than the file"));
    }
    let users = procfs::users(pid);
    if file.uid() != ROOT && !users.is_some_and(|users| users.contains(&file.uid())) {
        return Some(format!("{process} runs as another user than the one who could have written the file"));
    }
    if file.mode() & 0o022 != 0 {
        return Some("others than its owner may write the file".into());
    }
    if file.nlink() != 1 {
        return Some("the file has several names".into());
    }
    exe.and_then(|exe| other_program(pid, exe).map(|why| format!("{process} {why}")))
}

fn other_program(pid: Pid, exe: &Path) -> Option<String> {
    let its_program = format!("/proc/{pid}/exe");
    let running = match fs::read_link(&its_program) {
        Ok(running) => running,
        Err(_) => return Some("does not let its program be seen".into()),
    };
    let same_file = || identity(exe).is_some() && identity(exe) == identity(Path::new(&its_program));
    // After an upgrade, the running program is a removed file with the name of the new one.
    let upgraded = || {
        let name = running.to_string_lossy();
        name.strip_suffix(" (deleted)").is_some_and(|old| fs::canonicalize(exe).is_ok_and(|exe| Path::new(old) == exe))
    };
    (!same_file() && !upgraded()).then(|| format!("runs {}", running.display()))
}

/// The identity of the file at a path. The file is not opened.
fn identity(path: &Path) -> Option<FileId> {
    let found = crate::open::find(path, crate::open::Links::Follow).ok()?;
    File::from(found).metadata().ok().map(|metadata| FileId::from(&metadata))
}

/// Whether the process was started before the file was last written. A process that has got a recycled PID was not.
fn written_in_its_lifetime(process: Stat, file: &Metadata) -> bool {
    // The kernel rounds start times down to 10 ms, and file times to the timer tick.
    const GRAIN: Duration = Duration::from_millis(20);
    file.modified().is_ok_and(|written| process.started() <= written + GRAIN)
}
