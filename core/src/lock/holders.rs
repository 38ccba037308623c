//! The holders of the flock on a file: every process with a descriptor that has it, not only the process that called
//! flock(2).
//!
//! `/proc/locks` names the process that *called* flock(2), which may be long gone. The `lock:` line of
//! `/proc/PID/fdinfo/N` is right; only the same user and root may read it. Nothing else of another process's descriptor
//! is touched, because stat(2) of it hangs if its file system is dead. Other processes decide how many descriptors and
//! locks they have, so each look ends after a limited time.

use crate::event::deadline::Deadline;
use crate::lock::fdinfo::{flocked_descriptor, flocked_descriptor_among};
use crate::lock::locked_file::LockedFile;
use crate::process::procfs;
use crate::text::one_line;
use nix::unistd::Pid;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

/// The time that one look at other processes' descriptors may take.
pub const AT_MOST: Duration = Duration::from_millis(250);

/// The length of all command lines of one look together.
const COMMANDS_AT_MOST: usize = 256 << 10;

/// The answer about one process and one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// The process has a descriptor with the lock.
    Yes,
    /// The process has no such descriptor.
    No,
    /// The descriptors of the process may not be read.
    Hidden,
}

/// Whether a process has a descriptor that holds the flock on this file.
pub fn holds(pid: Pid, file: LockedFile) -> Holds {
    holds_by(pid, file, Deadline::after(AT_MOST))
}

/// Whether a process has a descriptor that holds the flock. If the look is not finished at the deadline, the
/// descriptors count as hidden.
pub(crate) fn holds_by(pid: Pid, file: LockedFile, deadline: Deadline) -> Holds {
    match flocked_descriptor(pid, file, deadline) {
        Ok(Some(_)) => Holds::Yes,
        Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::TimedOut) => Holds::Hidden,
        Ok(None) | Err(_) => Holds::No,
    }
}

/// A process that holds a lock, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its PID.
    pub pid: Pid,
    /// Its command line, if /proc shows it.
    pub command: Option<String>,
}

impl Holder {
    /// Describes a process by its entry in /proc.
    pub fn new(pid: Pid) -> Holder {
        Holder { pid, command: procfs::command_line(pid) }
    }
}

const SHOWN: usize = 60;

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(command) = &self.command else { return write!(f, "{}", self.pid) };
        let shown = one_line(&command.chars().take(SHOWN).collect::<String>());
        let cut = if command.chars().nth(SHOWN).is_some() { "..." } else { "" };
        write!(f, "{} ({shown}{cut})", self.pid)
    }
}

/// The visible holders of a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// The holders, in the order of their PIDs.
    pub seen: Vec<Holder>,
    /// Whether the look was cut short, so that there may be other holders.
    pub cut_short: bool,
}

/// The number of descriptors that few processes exceed.
const FEW: usize = 64;

/// A look at many processes for the holders of a lock.
struct Look {
    deadline: Deadline,
    /// The length of the command lines that were read.
    length: usize,
    holders: Holders,
}

impl Look {
    fn at_each(&mut self, processes: impl Iterator<Item = Pid>, mut is_holder: impl FnMut(Pid) -> bool) {
        for pid in processes {
            if self.holders.cut_short {
                break;
            }
            if is_holder(pid) {
                let holder = Holder::new(pid);
                self.length += holder.command.as_ref().map_or(0, String::len);
                self.holders.seen.push(holder);
            }
            self.holders.cut_short = self.deadline.passed() || self.length > COMMANDS_AT_MOST;
        }
    }
}

/// Finds the visible holders of the flock on this file, in the time that [`AT_MOST`] allows.
pub fn of(file: LockedFile) -> Holders {
    let deadline = Deadline::after(AT_MOST);
    let mut look = Look { deadline, length: 0, holders: Holders::default() };
    // A process with many descriptors must not use up the time of the others.
    let mut with_many = vec![];
    look.at_each(procfs::processes(), |pid| match flocked_descriptor_among(FEW, pid, file, deadline) {
        Err(e) if e.kind() == io::ErrorKind::TimedOut => {
            with_many.push(pid);
            false
        }
        found => matches!(found, Ok(Some(_))),
    });
    look.at_each(with_many.into_iter(), |pid| holds_by(pid, file, deadline) == Holds::Yes);
    let mut holders = look.holders;
    holders.seen.sort_by_key(|holder| holder.pid.as_raw());
    holders
}

/// Finds the holders of the flock on the file at a path; none if the file is absent.
pub fn at(path: &Path) -> Holders {
    LockedFile::at(path).map(of).unwrap_or_default()
}

impl fmt::Display for Holders {
    /// The holders in one line: `held by 12 (sleep 60), 13 (sh)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = self.seen.iter().map(Holder::to_string).collect::<Vec<_>>().join(", ");
        match (self.seen.is_empty(), self.cut_short) {
            (true, false) => f.write_str(
                "held by a process that cannot be seen from here (another user's, or in another PID namespace)",
            ),
            (true, true) => f.write_str("held by a process that could not be found in time"),
            (false, false) => write!(f, "held by {named}"),
            (false, true) => write!(f, "held by {named}, and perhaps others"),
        }
    }
}
