//! A file locked by flock(2), as states: opened, then held, then released.
//!
//! The lock belongs to the open file description. Every process that inherits the descriptor holds it, the close of the
//! last copy frees it, and an explicit release frees it for all of them. This module never removes or writes the file.

pub mod busy;
pub mod deadlock;
pub mod fdinfo;
pub mod file_id;
pub mod holders;
pub mod locked_file;
mod name;
pub mod proc_locks;
pub mod report;
pub(crate) mod wait;

use crate::error::{Context, Result, Why, refused};
use crate::event::deadline::Deadline;
use crate::lock::busy::BusyLock;
use crate::lock::deadlock::{Lookout, deadlock};
use crate::lock::file_id::FileId;
use crate::lock::name::LockName;
use crate::lock::report::LockReport;
use crate::lock::wait::{answered, blocked_by, still_at, try_flock};
use crate::open::{self, How, Links, Opened, Refused};
use crate::sys;
use fs4::FileExt;
use nix::errno::Errno;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::Path;

/// The number of times that a file may be replaced before that counts as an attack.
pub const REPLACED_AT_MOST: usize = 100;

/// The locks that may stand beside a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No other lock.
    Exclusive,
    /// Other holders of a shared lock.
    Shared,
}

/// An open file that is not locked yet.
#[derive(Debug)]
pub struct Lockfile {
    file: File,
    name: LockName,
    kind: Kind,
}

/// A file that this process has locked.
#[must_use = "dropping it frees the lock, unless a child has inherited it"]
#[derive(Debug)]
pub struct LockGuard {
    file: File,
    name: LockName,
}

/// The result of an attempt to lock.
#[derive(Debug)]
pub enum Attempt {
    /// This process has the lock.
    Held(LockGuard),
    /// Another process has the lock.
    Busy(Lockfile),
}

/// Opens `path` for an exclusive lock, and creates it if it is absent. It opens a directory, and a file that may not be
/// written, for reading.
///
/// # Errors
/// The file can neither be opened nor created, or is a FIFO, a socket or a device.
pub fn open(path: &Path) -> Result<Lockfile> {
    match open_any_way(path) {
        Ok(Opened { file, .. }) => Ok(Lockfile { file, name: LockName::Path(path.to_owned()), kind: Kind::Exclusive }),
        Err(Refused::Kind(kind)) => {
            let why = format!("it is {kind}, so no lock on it would mean anything");
            Err(refused("open", path.display(), Why::Unfit(why)))
        }
        Err(why) => Err(why).act("open", path.display()),
    }
}

fn open_any_way(path: &Path) -> std::result::Result<Opened, Refused> {
    let read_write = How::read_write(Links::Trusted).or_create(0o666).or_directory();
    match open::open(path, read_write) {
        Err(why @ Refused::Errno(Errno::EACCES | Errno::EPERM | Errno::EISDIR | Errno::EROFS)) => {
            match open::open(path, How::read(Links::Trusted).or_directory()) {
                // The file is absent and could not be made.
                Err(absent) if absent.is_absent() => Err(why),
                opened => opened,
            }
        }
        opened => opened,
    }
}

/// Takes a descriptor that the shell has opened. The shell shares the lock, so the lock outlives this process.
///
/// # Errors
/// There is no such descriptor.
pub fn descriptor(number: RawFd) -> Result<Lockfile> {
    let file = sys::adopt(number).act("use", format!("descriptor {number}"))?;
    Ok(Lockfile { file: file.into(), name: LockName::Descriptor(number), kind: Kind::Exclusive })
}

impl Lockfile {
    /// Chooses the kind of the lock.
    #[must_use]
    pub fn of_kind(self, kind: Kind) -> Lockfile {
        Lockfile { kind, ..self }
    }

    /// The identity of the open file, whatever its path names now. Several files are locked in the order of their
    /// identities.
    ///
    /// # Errors
    /// A refused fstat(2).
    pub fn identity(&self) -> Result<FileId> {
        Ok(FileId::from(&self.file.metadata().act("look at", &self.name)?))
    }

    /// Locks the file that the path names in the end. It waits in the kernel's queue until the deadline.
    ///
    /// # Errors
    /// As `Lockfile::queue_until`.
    pub fn hold_by(mut self, deadline: Deadline) -> Result<Attempt> {
        for _ in 0..REPLACED_AT_MOST {
            match (self.queue_until(deadline)?, &self.name) {
                (false, _) => return Ok(Attempt::Busy(self)),
                (true, LockName::Path(path)) if !still_at(&self.file, path) => self = open(path)?.of_kind(self.kind),
                (true, _) => return Ok(Attempt::Held(LockGuard { file: self.file, name: self.name })),
            }
        }
        Err(refused("lock", &self.name, Why::Replaced("something keeps replacing it".into())))
    }

    /// Locks the file that was opened, whatever the path names by then: see [`LockGuard::still_there`]. It waits in the
    /// kernel's queue until the deadline.
    ///
    /// # Errors
    /// As `Lockfile::queue_until`.
    pub fn hold_as_opened(self, deadline: Deadline) -> Result<Attempt> {
        match self.queue_until(deadline)? {
            true => Ok(Attempt::Held(LockGuard { file: self.file, name: self.name })),
            false => Ok(Attempt::Busy(self)),
        }
    }

    /// Waits for the lock. `false` if another process has it until the deadline, or if an ancestor has it.
    ///
    /// # Errors
    /// The file system refuses to lock.
    fn queue_until(&self, deadline: Deadline) -> Result<bool> {
        if self.try_now().map_err(|e| self.explained(e))? {
            return Ok(true);
        }
        if deadline.passed() {
            return Ok(false);
        }
        // Race: ancestor-holds-lock (docs/races.md). The ancestor waits for us, so the lock will not come free.
        let lookout = Lookout::begin(&self.file);
        let awaited = || format!("waiting for the lock on {}: {}", self.name, LockReport::of(&self.file));
        let block = || match self.kind {
            Kind::Exclusive => FileExt::lock(&self.file),
            Kind::Shared => FileExt::lock_shared(&self.file),
        };
        blocked_by(deadline, awaited, || lookout.is_hopeless(), || self.try_now(), block).map_err(|e| self.explained(e))
    }

    fn try_now(&self) -> std::io::Result<bool> {
        match self.kind {
            Kind::Exclusive => try_flock(&self.file),
            Kind::Shared => answered(FileExt::try_lock_shared(&self.file)),
        }
    }

    fn explained(&self, error: std::io::Error) -> anyhow::Error {
        match (error.raw_os_error().map(Errno::from_raw), self.kind) {
            // NFS turns flocks into record locks, and a record lock needs a descriptor of the right kind (flock(2)).
            (Some(Errno::EBADF), Kind::Exclusive) => {
                let why =
                    "an exclusive lock on NFS needs a file that may be written, and this one is open for reading only";
                refused("lock", &self.name, Why::Unfit(why.into()))
            }
            _ => anyhow::Error::from(error).context(format!("lock {}", self.name)),
        }
    }

    /// Looks who holds the lock.
    pub fn busy(self) -> BusyLock {
        BusyLock::new(self.name, deadlock(&self.file), LockReport::of(&self.file))
    }

    /// Releases the lock of a descriptor, for every process that shares it.
    ///
    /// # Errors
    /// A refused flock(2).
    pub fn unlock(self) -> Result<()> {
        FileExt::unlock(&self.file).act("unlock", self.name)
    }
}

impl LockGuard {
    /// Whether the path still names this very file. Race: file-replaced (docs/races.md). The last holder may have
    /// replaced the file between our open and our lock. Then another process may hold the lock on the new file.
    pub fn still_there(&self) -> bool {
        match &self.name {
            LockName::Path(path) => still_at(&self.file, path),
            LockName::Descriptor(_) => true,
        }
    }

    /// Lets children inherit the lock.
    ///
    /// # Errors
    /// A refused fcntl(2).
    pub fn let_children_inherit(&self) -> Result<()> {
        sys::set_inherited(self.file.as_raw_fd(), true).act("pass on", "the lock")
    }

    /// Releases the lock for every process that shares it. A daemon that was started under the lock does not keep it.
    ///
    /// # Errors
    /// A refused flock(2).
    pub fn release(self) -> Result<()> {
        FileExt::unlock(&self.file).act("release", "the lock")
    }
}

impl AsFd for LockGuard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
