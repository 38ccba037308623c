//! The deadlock of a lock that an ancestor of this process holds: the ancestor waits for us, and we would wait for it.

use crate::event::time::Deadline;
use crate::lock::holders::{AT_MOST, Holder, Holds, holds_by};
use crate::lock::locked_file::LockedFile;
use crate::lock::proc_locks::flocks;
use crate::process::procfs;
use rustix::process::{Pid, getpid, getppid};
use std::fmt;
use std::fs::File;

/// The processes from the ancestor that holds the lock down to us.
#[derive(Debug)]
pub struct Deadlock(Vec<Holder>);

/// Finds the ancestor that holds this lock, in the time that a look at other processes' descriptors may take. A wait
/// for the lock would be hopeless.
pub fn deadlock(file: &File) -> Option<Deadlock> {
    let file = LockedFile::of(file).ok()?;
    let time = Deadline::after(AT_MOST);
    let mut chain = vec![getpid()];
    let mut ancestors: Vec<Pid> = std::iter::successors(getppid(), |&pid| Pid::from_raw(procfs::stat(pid)?.parent))
        // A chain longer than this is no real one. Parents that change while we climb cannot make the climb endless.
        .take(1000)
        .collect();
    let granted = || flocks(&file).unwrap_or_default().into_iter().filter(|lock| !lock.waits);
    let eldest = ancestors.iter().rposition(|&pid| match holds_by(pid, file, time) {
        Holds::Yes => true,
        Holds::No => false,
        Holds::Hidden => granted().any(|lock| lock.caller == Some(pid)),
    })?;
    ancestors.truncate(eldest + 1);
    chain.extend(ancestors);
    Some(Deadlock(chain.into_iter().rev().map(Holder::new).collect()))
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain: Vec<String> = self.0.iter().map(Holder::to_string).collect();
        write!(f, "held by an ancestor of this process, so waiting for it would be a deadlock: {}", chain.join(" > "))
    }
}
