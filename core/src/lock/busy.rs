//! A lock that another process holds: the account of it, for a message and for a program that reads it.

use crate::error::{Why, refused};
use crate::lock::deadlock::Deadlock;
use crate::lock::holders::Holder;
use crate::lock::name::LockName;
use crate::lock::report::LockReport;
use std::fmt;
use std::os::fd::RawFd;
use std::path::Path;

/// The account of a lock that another process holds.
#[derive(Debug)]
pub struct BusyLock {
    name: LockName,
    deadlock: bool,
    report: LockReport,
    words: String,
}

impl BusyLock {
    /// Makes the words once, because the ages in them grow.
    pub(super) fn new(name: LockName, deadlock: Option<Deadlock>, report: LockReport) -> BusyLock {
        let words = deadlock.as_ref().map_or_else(|| report.to_string(), Deadlock::to_string);
        BusyLock { name, deadlock: deadlock.is_some(), report, words }
    }

    /// The path of the file, if the user gave one.
    pub fn path(&self) -> Option<&Path> {
        match &self.name {
            LockName::Path(path) => Some(path),
            LockName::Descriptor(_) => None,
        }
    }

    /// The number of the descriptor, if the user gave one.
    pub fn descriptor(&self) -> Option<RawFd> {
        match self.name {
            LockName::Path(_) => None,
            LockName::Descriptor(number) => Some(number),
        }
    }

    /// Whether an ancestor of this process holds the lock, so that no wait for it ends.
    pub fn is_deadlock(&self) -> bool {
        self.deadlock
    }

    /// The processes that visibly hold the lock.
    pub fn holders(&self) -> &[Holder] {
        self.report.holders()
    }

    /// The living processes that called flock(2) for the lock. They say something only where no holder is visible.
    pub fn callers(&self) -> impl Iterator<Item = Holder> + '_ {
        self.report.callers()
    }

    /// The number of processes that wait for the lock.
    pub fn waiting(&self) -> usize {
        self.report.waiting()
    }

    /// The error that names the holders of the lock and the number of waiters.
    pub fn error(&self) -> anyhow::Error {
        refused("lock", &self.name, Why::Busy(self.words.clone()))
    }
}

impl fmt::Display for BusyLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error().fmt(f)
    }
}

impl std::error::Error for BusyLock {}
