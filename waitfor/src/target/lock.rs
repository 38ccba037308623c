//! `lock:` a file or directory that somebody has locked with flock(2).
//!
//! Whether it is locked the table of locks tells, so that nobody's `flock -n` fails because of us. Where the table does
//! not tell all, and where the lock is to be free, it is tried: taken without waiting, and given back at once.

use super::{Answer, Means, Step, Target};
use crate::blocking_call::Errand;
use racefree_core::error::{Context, Result};
use racefree_core::event::Events;
use racefree_core::event::path_watch::PathWatch;
use racefree_core::lock::holders;
use racefree_core::lock::locked_file::LockedFile;
use racefree_core::lock::proc_locks;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// A lock to wait for.
pub(crate) struct Lock {
    watch: PathWatch,
    down: bool,
    suffices: fn(&Answer) -> bool,
    absent: bool,
    freed: Option<Errand<()>>,
}

impl Lock {
    pub(crate) fn new(path: PathBuf, means: &Means) -> Lock {
        Lock { watch: PathWatch::on(path), down: means.down, suffices: means.suffices(), absent: false, freed: None }
    }

    fn look(&mut self) -> Result<Answer> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = open(self.watch.path(), flags, Mode::empty());
        self.absent = matches!(file, Err(Errno::NOENT | Errno::NOTDIR));
        let file = match file {
            Ok(file) => File::from(file),
            Err(e @ (Errno::NOENT | Errno::NOTDIR)) => return Ok(Answer::no(e)),
            Err(e) => return Ok(Answer::unclear(e)),
        };
        // That it is free ends a wait for its end: this is to be beyond doubt.
        let told = if self.down { None } else { proc_locks::is_held(&file) };
        let held = told.map_or_else(|| tried(&file), Ok).act("ask for the lock on", self.watch.path().display())?;
        if held && self.down && self.freed.is_none() {
            self.freed = Some(Errand::begin(move || wait_until_free(&file))?);
        }
        Ok(if held { Answer::YES } else { Answer::no("nobody holds it") })
    }
}

/// Whether it cannot be had. An exclusive lock is refused beside a shared one, too.
fn tried(file: &File) -> std::result::Result<bool, Errno> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        // NFS wants a file open for writing for that (flock(2)).
        Err(Errno::BADF) => is_refused(flock(file, FlockOperation::NonBlockingLockShared)),
        answer => is_refused(answer),
    }
}

fn is_refused(answer: std::result::Result<(), Errno>) -> std::result::Result<bool, Errno> {
    match answer {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(e) => Err(e),
    }
}

/// Waits in the kernel's queue. Blocks; the lock is given back with the descriptor, at once.
fn wait_until_free(file: &File) {
    // As above; any other refusal is a reason to look again, too.
    if flock(file, FlockOperation::LockExclusive) == Err(Errno::BADF) {
        let _ = flock(file, FlockOperation::LockShared);
    }
}

impl Target for Lock {
    fn ask(&mut self, _: &Events) -> Result<Step> {
        let mut answer = self.look()?;
        if !(self.suffices)(&answer) && self.watch.arm() {
            answer = self.look()?;
        }
        Ok(Step::Answered(answer))
    }

    fn ready(&self) -> &'static str {
        "it is held"
    }

    fn still(&self) -> String {
        let file = LockedFile::at(self.watch.path());
        file.map_or_else(|refused| refused.to_string(), |file| holders::of(file).to_string())
    }

    fn announcers(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.descriptor().into_iter().chain(self.freed.iter().map(AsFd::as_fd)).collect()
    }

    fn heed(&mut self) -> bool {
        let changed = self.watch.drain();
        let freed = self.freed.take_if(|freed| !matches!(freed.answer(), Ok(None)));
        changed || freed.is_some()
    }

    /// A file that appears is announced, and a lock that comes free; that somebody takes one is not.
    fn is_announced(&self) -> bool {
        self.freed.is_some() || self.absent && self.watch.trusted()
    }
}
