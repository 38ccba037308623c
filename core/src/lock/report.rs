//! The report about a lock: the visible holders, and the number of waiters.
//!
//! `/proc/PID/fdinfo` shows the holders to their own user and to root. `/proc/locks` shows every process that *called*
//! flock(2), which may be long gone, and every process that waits; it hides other PID namespaces.

use crate::event::time::for_people;
use crate::lock::holders::{self, Holder, Holders};
use crate::lock::locked_file::LockedFile;
use crate::lock::proc_locks::flocks;
use crate::process::pidfd::PidFd;
use crate::process::procfs;
use rustix::process::{Pid, getpid};
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
        let mut holders = holders::of(file);
        // This process may have inherited a copy. The report leaves it out.
        holders.seen.retain(|holder| holder.pid != getpid());
        let (waiting, granted): (Vec<_>, Vec<_>) =
            flocks(&file).unwrap_or_default().into_iter().partition(|lock| lock.waits);
        let callers = granted.into_iter().filter_map(|lock| lock.caller).collect();
        LockReport { holders, callers, waiting: waiting.len() }
    }
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
