//! The report about a lock: the visible holders, and the number of waiters.
//!
//! `/proc/PID/fdinfo` shows the holders to their own user and to root. `/proc/locks` shows every process that *called*
//! flock(2), which may be long gone, and every process that waits; it hides other PID namespaces.

use crate::event::deadline::Deadline;
use crate::event::duration::for_people;
use crate::lock::holders::{self, AT_MOST, Holder, Holders, Holds, holds_by};
use crate::lock::locked_file::LockedFile;
use crate::lock::proc_locks::flocks;
use crate::process::pidfd::PidFd;
use crate::process::procfs;
use nix::unistd::{Pid, getpid};
use std::fmt;
use std::fs::File;

/// The processes at one lock.
#[derive(Debug)]
pub struct LockReport {
    holders: Holders,
    callers: Vec<Pid>,
    waiting: usize,
}

/// The number of processes that one message names.
const NAMED_AT_MOST: usize = 20;

impl LockReport {
    /// Collects the report, in the time that a report may take (see [`holders::of`]).
    pub fn of(file: &File) -> LockReport {
        let Ok(file) = LockedFile::of(file) else {
            return LockReport { holders: Holders::default(), callers: vec![], waiting: 0 };
        };
        let (waiting, granted): (Vec<_>, Vec<_>) =
            flocks(&file).unwrap_or_default().into_iter().partition(|lock| lock.waits);
        let callers: Vec<Pid> = granted.into_iter().filter_map(|lock| lock.caller).collect();
        let mut holders = still_held_by(&callers, file).unwrap_or_else(|| holders::of(file));
        // This process may have inherited a copy. The report leaves it out.
        holders.seen.retain(|holder| holder.pid != getpid());
        LockReport { holders, callers, waiting: waiting.len() }
    }

    /// The visible holders.
    pub(crate) fn holders(&self) -> &[Holder] {
        &self.holders.seen
    }

    /// The living processes that called flock(2).
    pub(crate) fn callers(&self) -> impl Iterator<Item = Holder> + '_ {
        self.callers.iter().filter(|&&pid| PidFd::is_alive(pid)).map(|&pid| Holder::new(pid))
    }

    /// The number of processes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }
}

/// The processes that took the lock, if each of them still has it. Then no other process needs to be looked at, and there
/// may be thousands. Others that have inherited the lock are not named.
fn still_held_by(callers: &[Pid], file: LockedFile) -> Option<Holders> {
    let deadline = Deadline::after(AT_MOST);
    let hold = |pid: &Pid| *pid != getpid() && holds_by(*pid, file, deadline) == Holds::Yes;
    let named = !callers.is_empty() && callers.len() <= NAMED_AT_MOST && callers.iter().all(hold);
    named.then(|| Holders { seen: callers.iter().copied().map(Holder::new).collect(), cut_short: false })
}

impl fmt::Display for LockReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = &self.holders.seen;
        let (what, named): (_, Vec<String>) = match (&seen[..], &self.callers[..]) {
            ([], []) if self.holders.cut_short => ("held by a process that could not be found in time", vec![]),
            ([], []) => (
                "held by a process that cannot be seen from here (in another PID namespace, or on another host)",
                vec![],
            ),
            ([], callers) => {
                ("taken by ", callers.iter().take(NAMED_AT_MOST).map(|&pid| in_full(&Holder::new(pid))).collect())
            }
            (holders, _) => ("held by ", holders.iter().take(NAMED_AT_MOST).map(in_full).collect()),
        };
        write!(f, "{what}{}", named.join("; "))?;
        if !named.is_empty() && (self.holders.cut_short || seen.len().max(self.callers.len()) > named.len()) {
            f.write_str("; and perhaps others")?;
        }
        match self.waiting {
            0 => Ok(()),
            1 => f.write_str("; 1 process waits for it"),
            many => write!(f, "; {many} processes wait for it"),
        }
    }
}

/// `12 (sleep 60) of root, running for 3 s`.
fn in_full(holder: &Holder) -> String {
    match (procfs::user(holder.pid), procfs::stat(holder.pid)) {
        (Some(user), Some(stat)) if PidFd::is_alive(holder.pid) => {
            let age = stat.started().elapsed().unwrap_or_default();
            format!("{holder} of {user}, running for {}", for_people(age))
        }
        // A process without its line in /proc may live all the same (hidepid, proc(5)).
        _ if PidFd::is_alive(holder.pid) => format!("{}, which is hidden from us", holder.pid),
        _ => format!("{}, which has ended and left it to others", holder.pid),
    }
}
