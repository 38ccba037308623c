//! `lock:` a file or directory that somebody has locked with flock(2).
//!
//! Whether it is locked is asked by a shared lock, taken without waiting and given back at once.

use super::lookout::Lookout;
use super::{Answer, Means, Step, Target};
use crate::errand::Errand;
use racefree_core::error::{Doing, Result, reason};
use racefree_core::events::Events;
use racefree_core::holders::{self, Identity};
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::io::Errno;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

/// A lock to wait for.
pub(crate) struct Lock {
    lookout: Lookout,
    down: bool,
    suffices: fn(&Answer) -> bool,
    absent: bool,
    freed: Option<Errand<()>>,
}

impl Lock {
    pub(crate) fn new(path: PathBuf, means: &Means) -> Lock {
        Lock { lookout: Lookout::on(path), down: means.down, suffices: means.suffices(), absent: false, freed: None }
    }

    fn look(&mut self) -> Result<Answer> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = open(self.lookout.path(), flags, Mode::empty());
        self.absent = matches!(file, Err(Errno::NOENT | Errno::NOTDIR));
        let file = match file {
            Ok(file) => file,
            Err(e @ (Errno::NOENT | Errno::NOTDIR)) => return Ok(Answer::No(reason(&e))),
            Err(e) => return Ok(Answer::Unclear(reason(&e))),
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(Answer::No("nobody holds it".into())),
            Err(Errno::WOULDBLOCK) => {
                if self.down && self.freed.is_none() {
                    self.freed = Some(Errand::begin(move || wait_until_free(&file))?);
                }
                Ok(Answer::YES)
            }
            Err(e) => Err(e).doing("ask for the lock on", self.lookout.path().display()),
        }
    }
}

/// Waits in the kernel's queue. Blocks; the lock is given back with the descriptor, at once.
fn wait_until_free(file: &OwnedFd) {
    // Any refusal is a reason to look again, too.
    let _ = flock(file, FlockOperation::LockShared);
}

impl Target for Lock {
    fn ask(&mut self, _: &Events) -> Result<Step> {
        let mut answer = self.look()?;
        if !(self.suffices)(&answer) && self.lookout.begins() {
            answer = self.look()?;
        }
        Ok(Step::Answered(answer))
    }

    fn still(&self) -> String {
        let file = std::fs::metadata(self.lookout.path());
        file.map_or_else(|e| reason(&e), |found| holders::in_words(&holders::of(Identity::from(&found))))
    }

    fn announcers(&self) -> Vec<BorrowedFd<'_>> {
        self.lookout.announcer().into_iter().chain(self.freed.iter().map(AsFd::as_fd)).collect()
    }

    fn heed(&mut self) -> bool {
        let changed = self.lookout.heed();
        let freed = self.freed.take_if(|freed| !matches!(freed.answer(), Ok(None)));
        changed || freed.is_some()
    }

    /// A file that appears is announced, and a lock that comes free; that somebody takes one is not.
    fn is_announced(&self) -> bool {
        self.freed.is_some() || self.absent && self.lookout.is_trusted()
    }
}
