//! Who holds the flock on a file: every process with a descriptor that has it, not only the one that asked for it.
//!
//! `/proc/locks` names the process that *called* flock(2), which may be long gone; the `lock:` line of
//! `/proc/PID/fdinfo/N` is right, and needs the right to look (the same user, or root).

use crate::process::procfs;
use rustix::process::Pid;
use std::fmt;
use std::fs::{self, Metadata};
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;

/// A file's identity: what its path names may change, this does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl From<&Metadata> for FileId {
    fn from(metadata: &Metadata) -> Self {
        FileId { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// What could be learned about one process and one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It has a descriptor with the lock.
    Yes,
    /// It has none.
    No,
    /// Its descriptors may not be looked at.
    Hidden,
}

/// Whether a process has a descriptor that holds the flock on this file.
pub fn holds(pid: Pid, file: FileId) -> Holds {
    match descriptor(pid, file) {
        Ok(Some(_)) => Holds::Yes,
        Err(e) if e.kind() == std::io::ErrorKind::PermissionDenied => Holds::Hidden,
        Ok(None) | Err(_) => Holds::No,
    }
}

/// The number of a descriptor by which a process holds the flock on this file.
///
/// # Errors
/// EACCES: its descriptors may not be looked at. ENOENT: it is gone.
pub fn descriptor(pid: Pid, file: FileId) -> std::io::Result<Option<RawFd>> {
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd"))?.flatten() {
        let same_file = fs::metadata(descriptor.path()).is_ok_and(|m| FileId::from(&m) == file);
        let number = descriptor.file_name();
        if same_file && has_flock(pid, &number.to_string_lossy()) {
            return Ok(number.to_string_lossy().parse().ok());
        }
    }
    Ok(None)
}

fn has_flock(pid: Pid, descriptor: &str) -> bool {
    flock_line(pid, descriptor).is_some()
}

fn flock_line(pid: Pid, descriptor: &str) -> Option<String> {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}")).ok()?;
    info.lines().find(|line| line.starts_with("lock:") && line.contains(" FLOCK ")).map(str::to_owned)
}

/// Whether a process holds the flock on this file without having taken it, while nobody who has taken it is there: what
/// the workers of a dead daemon do. One that has taken it itself, or that the taker has started, is on its way to a claim.
pub fn inherited(pid: Pid, file: FileId) -> bool {
    let Ok(Some(number)) = descriptor(pid, file) else { return false };
    let Some(line) = flock_line(pid, &number.to_string()) else { return false };
    // `lock: 1: FLOCK ADVISORY WRITE 1234 fe:01:5678 0 EOF`; a taker in another PID namespace is 0.
    let taker = line.split_ascii_whitespace().nth(5).and_then(|number| number.parse().ok());
    match taker.filter(|&number| number > 0).and_then(Pid::from_raw) {
        Some(taker) => taker != pid && holds(taker, file) != Holds::Yes,
        None => true,
    }
}

/// A process that holds a lock, as it is shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its number.
    pub pid: Pid,
    /// Its command line, where /proc shows it.
    pub command: Option<String>,
}

impl Holder {
    /// Describes a process by what /proc shows of it.
    pub fn new(pid: Pid) -> Holder {
        Holder { pid, command: procfs::command_line(pid) }
    }
}

const SHOWN: usize = 60;

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.command {
            Some(command) if command.chars().count() > SHOWN => {
                write!(f, "{} ({}...)", self.pid, command.chars().take(SHOWN).collect::<String>())
            }
            Some(command) => write!(f, "{} ({command})", self.pid),
            None => write!(f, "{}", self.pid),
        }
    }
}

/// Every process that is seen to hold the flock on this file.
pub fn of(file: FileId) -> Vec<Holder> {
    let mut holders: Vec<Holder> =
        procfs::processes().filter(|&pid| holds(pid, file) == Holds::Yes).map(Holder::new).collect();
    holders.sort_by_key(|holder| holder.pid.as_raw_pid());
    holders
}

/// The holders in one line: `held by 12 (sleep 60), 13 (sh)`.
pub fn in_words(holders: &[Holder]) -> String {
    match holders {
        [] => "held by a process that cannot be seen from here (another user's, or in another PID namespace)".into(),
        seen => format!("held by {}", seen.iter().map(Holder::to_string).collect::<Vec<_>>().join(", ")),
    }
}
