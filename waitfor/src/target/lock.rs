//! `lock:` a file or directory that somebody has locked with flock(2).
//!
//! /proc/locks tells whether a file is locked, so that nobody's `flock -n` fails because of a wait. Where /proc/locks
//! does not show every lock, and where the wait is for a free lock, the lock is tried: taken without waiting, and
//! released at once.

use super::{Answer, ProbeOptions, Target};
use crate::blocking_call::BlockingCall;
use fs4::{FileExt, TryLockError};
use nix::errno::Errno;
use nix::libc;
use racefree::error::{Context, Result};
use racefree::event::path_watch::PathWatch;
use racefree::lock::holders;
use racefree::lock::locked_file::LockedFile;
use racefree::lock::proc_locks;
use racefree::open::{How, Links, Refused, open};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::task::Poll;

/// A lock to wait for.
pub(crate) struct Lock {
    watch: PathWatch,
    down: bool,
    is_final: fn(&Answer) -> bool,
    absent: bool,
    released: Option<BlockingCall<()>>,
}

impl Lock {
    pub(crate) fn new(path: PathBuf, options: &ProbeOptions) -> Lock {
        let (watch, is_final) = (PathWatch::on(path), options.is_final());
        Lock { watch, down: options.down, is_final, absent: false, released: None }
    }

    fn look(&mut self) -> Result<Answer> {
        let opened = open(self.watch.path(), How::read(Links::Follow).or_directory());
        self.absent = opened.as_ref().is_err_and(is_absent);
        let file = match opened {
            Ok(opened) => opened.file,
            Err(refused) if self.absent => return Ok(Answer::no(refused.to_string())),
            Err(refused) => return Ok(Answer::unclear(refused.to_string())),
        };
        // A lock seen free ends a wait for its end, so that must be beyond doubt.
        let seen = if self.down { None } else { proc_locks::is_held(&file) };
        let held =
            seen.map_or_else(|| is_refused(&file), Ok).act("ask for the lock on", self.watch.path().display())?;
        if held && self.down && self.released.is_none() {
            self.released = Some(BlockingCall::begin(move || wait_until_free(&file))?);
        }
        Ok(if held { Answer::YES } else { Answer::no("nobody holds it") })
    }
}

/// Whether there is no file of this name, nor a directory that it could be in.
fn is_absent(refused: &Refused) -> bool {
    matches!(refused.errno(), Some(Errno::ENOENT | Errno::ENOTDIR))
}

/// NFS gives an exclusive lock only on a file open for writing (flock(2)).
fn is_exclusive_impossible(e: &io::Error) -> bool {
    e.raw_os_error() == Some(libc::EBADF)
}

/// Whether the lock is refused. An exclusive lock is refused beside a shared one too.
fn is_refused(file: &File) -> io::Result<bool> {
    let answer = match FileExt::try_lock(file) {
        Err(TryLockError::Error(e)) if is_exclusive_impossible(&e) => FileExt::try_lock_shared(file),
        answer => answer,
    };
    match answer {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

/// Waits in the kernel's queue. Blocks; the lock is released with the descriptor, at once.
fn wait_until_free(file: &File) {
    // Any other refusal is a reason to look again, too.
    if FileExt::lock(file).is_err_and(|e| is_exclusive_impossible(&e)) {
        let _ = FileExt::lock_shared(file);
    }
}

impl Target for Lock {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        let mut answer = self.look()?;
        if !(self.is_final)(&answer) && self.watch.arm() {
            answer = self.look()?;
        }
        Ok(Poll::Ready(answer))
    }

    fn ready_text(&self) -> &'static str {
        "it is held"
    }

    fn still_text(&self) -> String {
        let file = LockedFile::at(self.watch.path());
        file.map_or_else(|refused| refused.to_string(), |file| holders::of(file).to_string())
    }

    fn event_sources(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.descriptor().into_iter().chain(self.released.iter().map(AsFd::as_fd)).collect()
    }

    fn drain_events(&mut self) -> bool {
        let changed = self.watch.drain();
        let released = self.released.take_if(|released| !matches!(released.result(), Ok(None)));
        changed || released.is_some()
    }

    /// The kernel sends an event for a file that appears, and its queue tells of a lock that comes free. Nothing tells
    /// that somebody takes a lock.
    fn is_event_driven(&self) -> bool {
        self.released.is_some() || self.absent && self.watch.trusted()
    }
}
