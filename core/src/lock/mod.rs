//! A file locked by flock(2), as states: opened, then held, then given back.
//!
//! The lock belongs to the open file description: whoever inherits the descriptor holds it too, closing frees it when
//! the last copy is closed, and an explicit release frees it for all of them. The file is never removed or written.

pub mod deadlock;
pub mod fdinfo;
pub mod file_id;
pub mod holders;
pub mod locked_file;
pub mod proc_locks;
pub mod report;
pub(crate) mod wait;

use crate::error::{Context, Result, Why, refused};
use crate::event::time::Deadline;
use crate::lock::deadlock::deadlock;
use crate::lock::file_id::FileId;
use crate::lock::report::LockReport;
use crate::lock::wait::{answered, blocked_by, still_at, try_flock};
use crate::open::{self, How, Links, Opened, Refused};
use crate::sys;
use fs4::FileExt;
use rustix::io::Errno;
use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::path::{Path, PathBuf};

/// How often a file may be replaced before that is taken for an attack.
pub const REPLACED_AT_MOST: usize = 100;

/// Whom a lock admits beside its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nobody.
    Exclusive,
    /// Other holders of a shared lock.
    Shared,
}

/// A file that can be locked, and is not yet.
#[derive(Debug)]
pub struct Lockfile {
    file: File,
    name: Name,
    kind: Kind,
}

/// A file locked by us.
#[must_use = "dropping it frees the lock, unless a child has inherited it"]
#[derive(Debug)]
pub struct LockGuard {
    file: File,
    name: Name,
}

/// How a lock file was named to us.
#[derive(Debug)]
enum Name {
    Path(PathBuf),
    Descriptor(RawFd),
}

/// What an attempt to lock came to.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours.
    Held(LockGuard),
    /// Another has it.
    Busy(Lockfile),
}

/// Opens `path` for an exclusive lock, and creates it if it is absent. A file that may not be written is opened for
/// reading, a directory too.
///
/// # Errors
/// The file can neither be opened nor created, or is a FIFO, a socket or a device.
pub fn open(path: &Path) -> Result<Lockfile> {
    match open_any_way(path) {
        Ok(Opened { file, .. }) => Ok(Lockfile { file, name: Name::Path(path.to_owned()), kind: Kind::Exclusive }),
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
        Err(why @ Refused::Errno(Errno::ACCESS | Errno::PERM | Errno::ISDIR | Errno::ROFS)) => {
            match open::open(path, How::read(Links::Trusted).or_directory()) {
                // There is none, and it was not to be made.
                Err(absent) if absent.is_absent() => Err(why),
                opened => opened,
            }
        }
        opened => opened,
    }
}

/// A descriptor that the shell opened for us. The lock is the shell's too: it outlives us.
///
/// # Errors
/// There is no such descriptor.
pub fn descriptor(number: RawFd) -> Result<Lockfile> {
    let file = sys::adopt(number).act("use", format!("descriptor {number}"))?;
    Ok(Lockfile { file: file.into(), name: Name::Descriptor(number), kind: Kind::Exclusive })
}

impl Lockfile {
    /// The same file, for a lock of this kind.
    #[must_use]
    pub fn of_kind(self, kind: Kind) -> Lockfile {
        Lockfile { kind, ..self }
    }

    /// The identity of the file itself, whatever its path names by now: the order in which several are locked.
    ///
    /// # Errors
    /// A refused fstat(2).
    pub fn identity(&self) -> Result<FileId> {
        Ok(FileId::from(&self.file.metadata().act("look at", &self.name)?))
    }

    /// Waits in the kernel's queue until the deadline, and for the file that the path names in the end.
    ///
    /// # Errors
    /// As `Lockfile::queue_until`.
    pub fn hold_by(mut self, deadline: Deadline) -> Result<Attempt> {
        for _ in 0..REPLACED_AT_MOST {
            match (self.queue_until(deadline)?, &self.name) {
                (false, _) => return Ok(Attempt::Busy(self)),
                (true, Name::Path(path)) if !still_at(&self.file, path) => self = open(path)?.of_kind(self.kind),
                (true, _) => return Ok(Attempt::Held(LockGuard { file: self.file, name: self.name })),
            }
        }
        Err(refused("lock", &self.name, Why::Replaced("something keeps replacing it".into())))
    }

    /// Waits likewise, for the file as it was opened: see [`LockGuard::still_there`].
    ///
    /// # Errors
    /// As `Lockfile::queue_until`.
    pub fn hold_as_opened(self, deadline: Deadline) -> Result<Attempt> {
        match self.queue_until(deadline)? {
            true => Ok(Attempt::Held(LockGuard { file: self.file, name: self.name })),
            false => Ok(Attempt::Busy(self)),
        }
    }

    /// `false` if another has the lock until the deadline, or an ancestor has it: then it will not come free.
    ///
    /// # Errors
    /// The file system refuses to lock.
    fn queue_until(&self, deadline: Deadline) -> Result<bool> {
        if self.try_now().map_err(|e| self.explained(e))? {
            return Ok(true);
        }
        // An ancestor would wait for us, and we for it.
        if deadline.passed() || deadlock(&self.file).is_some() {
            return Ok(false);
        }
        let awaited = || format!("waiting for the lock on {}: {}", self.name, LockReport::of(&self.file));
        let block = || match self.kind {
            Kind::Exclusive => FileExt::lock(&self.file),
            Kind::Shared => FileExt::lock_shared(&self.file),
        };
        blocked_by(deadline, awaited, || self.try_now(), block).map_err(|e| self.explained(e))
    }

    fn try_now(&self) -> std::io::Result<bool> {
        match self.kind {
            Kind::Exclusive => try_flock(&self.file),
            Kind::Shared => answered(FileExt::try_lock_shared(&self.file)),
        }
    }

    fn explained(&self, error: std::io::Error) -> anyhow::Error {
        match (Errno::from_io_error(&error), self.kind) {
            // NFS makes record locks of flocks, and those ask for a descriptor of the right kind (flock(2)).
            (Some(Errno::BADF), Kind::Exclusive) => {
                let why =
                    "an exclusive lock on NFS needs a file that may be written, and this one is open for reading only";
                refused("lock", &self.name, Why::Unfit(why.into()))
            }
            _ => anyhow::Error::from(error).context(format!("lock {}", self.name)),
        }
    }

    /// The refusal to go on, naming who holds the lock and how many wait.
    pub fn busy(&self) -> anyhow::Error {
        let why = match deadlock(&self.file) {
            Some(ancestry) => ancestry.to_string(),
            None => LockReport::of(&self.file).to_string(),
        };
        refused("lock", &self.name, Why::Busy(why))
    }

    /// Frees the lock of a descriptor, for all who share it.
    ///
    /// # Errors
    /// A refused flock(2).
    pub fn unlock(self) -> Result<()> {
        FileExt::unlock(&self.file).act("unlock", self.name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Path(path) => path.display().fmt(f),
            Name::Descriptor(number) => write!(f, "descriptor {number}"),
        }
    }
}

impl LockGuard {
    /// Whether the path still names this very file. The last holder may have replaced it between our open and our
    /// lock: then another may hold the lock on what the path names now.
    pub fn still_there(&self) -> bool {
        match &self.name {
            Name::Path(path) => still_at(&self.file, path),
            Name::Descriptor(_) => true,
        }
    }

    /// Lets children inherit the lock.
    ///
    /// # Errors
    /// A refused fcntl(2).
    pub fn let_children_inherit(&self) -> Result<()> {
        sys::set_inherited(self.file.as_raw_fd(), true).act("pass on", "the lock")
    }

    /// Frees the lock for everyone who shares it: a daemon that was started under it does not keep it.
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
