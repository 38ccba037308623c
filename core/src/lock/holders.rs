//! Who holds the flock on a file: every process with a descriptor that has it, not only the one that asked for it.
//!
//! `/proc/locks` names the process that *called* flock(2), which may be long gone; the `lock:` line of
//! `/proc/PID/fdinfo/N` is right, and needs the right to look (the same user, or root). Nothing else of a stranger's
//! descriptor is touched: stat(2) of it hangs where its file system is dead. How many descriptors and locks there are is
//! a stranger's choice, so each look has its time and is cut short there.

use crate::event::time::Deadline;
use crate::lock::fdinfo::flocked_descriptor;
use crate::lock::locked_file::LockedFile;
use crate::process::procfs;
use crate::text::one_line;
use rustix::process::Pid;
use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

/// How long one look at other processes' descriptors may take.
pub const AT_MOST: Duration = Duration::from_millis(250);

/// The command lines of one look are no longer than this, all together.
const COMMANDS_AT_MOST: usize = 256 << 10;

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
pub fn holds(pid: Pid, file: LockedFile) -> Holds {
    holds_by(pid, file, Deadline::after(AT_MOST))
}

/// A descriptor that is not found until the deadline counts as hidden.
pub(crate) fn holds_by(pid: Pid, file: LockedFile, deadline: Deadline) -> Holds {
    match flocked_descriptor(pid, file, deadline) {
        Ok(Some(_)) => Holds::Yes,
        Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::TimedOut) => Holds::Hidden,
        Ok(None) | Err(_) => Holds::No,
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
        let Some(command) = &self.command else { return write!(f, "{}", self.pid) };
        let shown = one_line(&command.chars().take(SHOWN).collect::<String>());
        let cut = if command.chars().nth(SHOWN).is_some() { "..." } else { "" };
        write!(f, "{} ({shown}{cut})", self.pid)
    }
}

/// The processes that were seen to hold a lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holders {
    /// They, by their numbers.
    pub seen: Vec<Holder>,
    /// The look was cut short: there may be others.
    pub cut_short: bool,
}

/// Every process that is seen to hold the flock on this file, as far as [`AT_MOST`] allows.
pub fn of(file: LockedFile) -> Holders {
    let deadline = Deadline::after(AT_MOST);
    let (mut holders, mut length) = (Holders::default(), 0);
    for pid in procfs::processes() {
        if holds_by(pid, file, deadline) == Holds::Yes {
            let holder = Holder::new(pid);
            length += holder.command.as_ref().map_or(0, String::len);
            holders.seen.push(holder);
        }
        holders.cut_short = deadline.passed() || length > COMMANDS_AT_MOST;
        if holders.cut_short {
            break;
        }
    }
    holders.seen.sort_by_key(|holder| holder.pid.as_raw_pid());
    holders
}

/// The holders of what is at a path: nobody, where nothing is.
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
