//! A file locked by flock(2), as states: opened, then held, then given back.
//!
//! The lock belongs to the open file description: whoever inherits the descriptor holds it too, closing frees it when
//! the last copy is closed, and an explicit release frees it for all of them. The file is never removed or written.

use crate::error::{Doing, Result, refusal};
use crate::exit::Exit;
use crate::holders::{self, Identity};
use crate::sys::{self, Alarm};
use crate::time::Deadline;
use crate::voice::StatusLine;
use fs4::{FileExt, TryLockError};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file that can be locked, and is not yet.
#[derive(Debug)]
pub struct Lockfile {
    file: File,
    path: PathBuf,
}

/// A file locked by us.
#[must_use = "dropping it frees the lock, unless a child has inherited it"]
#[derive(Debug)]
pub struct Held {
    file: File,
}

/// What an attempt to lock came to.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours.
    Held(Held),
    /// Another has it.
    Busy(Lockfile),
}

/// Opens `path` for locking, and creates it if it is absent. A file that may not be written is opened for reading, a
/// directory too.
///
/// # Errors
/// The file can neither be opened nor created, or is a FIFO, a socket or a device.
pub fn open(path: &Path) -> Result<Lockfile> {
    let file = open_any_way(path).doing("open", path.display())?;
    let kind = file.metadata().doing("look at", path.display())?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(refusal(
            Exit::Failed,
            format!("open {}: neither a file nor a directory, so no lock on it would mean anything", path.display()),
        ));
    }
    Ok(Lockfile { file, path: path.to_owned() })
}

fn open_any_way(path: &Path) -> std::result::Result<File, Errno> {
    let common = OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mode = Mode::from_bits_truncate(0o666);
    let ways = [OFlags::RDWR | OFlags::CREATE, OFlags::RDWR, OFlags::RDONLY];
    let mut answer = Err(Errno::NOENT);
    for way in ways {
        answer = rustix::fs::open(path, way | common, mode);
        match answer {
            // ACCESS: not ours to write, or fs.protected_regular refuses O_CREAT on another's file in a sticky directory.
            Err(Errno::ACCESS | Errno::PERM | Errno::ISDIR | Errno::ROFS) => {}
            // NOENT after ACCESS: there is no file, and none may be made.
            Err(Errno::NOENT) if way != ways[0] => return Err(Errno::ACCESS),
            _ => break,
        }
    }
    answer.map(File::from)
}

impl Lockfile {
    /// Tries once, without waiting.
    ///
    /// # Errors
    /// The file system refuses to lock.
    pub fn try_hold(self) -> Result<Attempt> {
        match try_flock(&self.file).doing("lock", self.path.display())? {
            true => self.held_if_still_there(Deadline::after(Duration::ZERO)),
            false => Ok(Attempt::Busy(self)),
        }
    }

    /// Waits in the kernel's queue until the deadline.
    ///
    /// # Errors
    /// The file system refuses to lock.
    pub fn hold_by(self, deadline: Deadline) -> Result<Attempt> {
        let mut status = StatusLine::begin();
        let path = self.path.clone();
        let awaited = || format!("waiting for the lock on {}", path.display());
        match try_flock(&self.file).doing("lock", self.path.display())?
            || flock_by(&self.file, deadline, &mut status, awaited).doing("lock", self.path.display())?
        {
            true => self.held_if_still_there(deadline),
            false => Ok(Attempt::Busy(self)),
        }
    }

    /// The last holder may have replaced the file between our open and our lock: then another may hold the lock on what
    /// the path names now, and we start over.
    fn held_if_still_there(self, deadline: Deadline) -> Result<Attempt> {
        if still_at(&self.file, &self.path) {
            return Ok(Attempt::Held(Held { file: self.file }));
        }
        let again = open(&self.path)?;
        if deadline.passed() { again.try_hold() } else { again.hold_by(deadline) }
    }

    /// The refusal to go on, naming who holds the lock. Ends as `exit` says.
    pub fn busy(&self, exit: Exit) -> anyhow::Error {
        let holders = self.file.metadata().map(|m| holders::of(Identity::from(&m))).unwrap_or_default();
        refusal(exit, format!("lock {}: {}", self.path.display(), holders::in_words(&holders)))
    }
}

impl Held {
    /// Lets children inherit the lock.
    ///
    /// # Errors
    /// A refused fcntl(2).
    pub fn let_children_inherit(&self) -> Result<()> {
        sys::set_inherited(self.file.as_raw_fd(), true).doing("pass on", "the lock")
    }

    /// Frees the lock for everyone who shares it: a daemon that was started under it does not keep it.
    ///
    /// # Errors
    /// A refused flock(2).
    pub fn release(self) -> Result<()> {
        FileExt::unlock(&self.file).doing("release", "the lock")
    }
}

impl AsFd for Held {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Whether the path still names this very file.
pub(crate) fn still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(ours), Ok(there)) => Identity::from(&ours) == Identity::from(&there),
        _ => false,
    }
}

/// Takes the exclusive flock if it is free.
pub(crate) fn try_flock(file: &File) -> std::io::Result<bool> {
    match FileExt::try_lock(file) {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

/// Waits for the exclusive flock in the kernel's queue, which is first come, first served, until the deadline.
pub(crate) fn flock_by(
    file: &File,
    deadline: Deadline,
    status: &mut StatusLine,
    awaited: impl Fn() -> String,
) -> std::io::Result<bool> {
    blocked_by(deadline, status, awaited, || try_flock(file), || FileExt::lock(file))
}

/// Waits in a system call that blocks, until the deadline; then tries once more.
pub(crate) fn blocked_by(
    deadline: Deadline,
    status: &mut StatusLine,
    awaited: impl Fn() -> String,
    try_now: impl Fn() -> std::io::Result<bool>,
    block: impl Fn() -> std::io::Result<()>,
) -> std::io::Result<bool> {
    const AGAIN: Duration = Duration::from_millis(5);
    loop {
        if deadline.passed() {
            return try_now();
        }
        let alarm = match (deadline.left(), status.tick()) {
            (None, None) => None,
            (left, tick) => Some(Alarm::set(left.into_iter().chain(tick).min().unwrap_or(AGAIN), AGAIN)?),
        };
        match block() {
            Ok(()) => return Ok(true),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => drop(alarm),
            Err(e) => return Err(e),
        }
        status.show(&awaited);
    }
}
