//! The one way in which the utilities open a file by its name.
//!
//! A user who may write a directory of the path chooses the file at its end: a FIFO without a writer, a device, a file
//! under a lease, a symbolic link to another user's file. So [`open`] finds the file first, without opening it
//! (`O_PATH`, open(2)), and checks its type. Then it opens this very file through `/proc/self/fd`, not a file that has
//! taken its name since. No open by name waits, none makes a terminal the controlling one, and no child inherits the
//! descriptor.

mod walk;

pub use walk::{Directory, directories_of};

use rustix::fs::{Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// The symbolic links that may be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Every link.
    Follow,
    /// A link that root or the caller has made. Another user's link is refused, in whichever component it stands.
    Trusted,
    /// As [`Links::Trusted`], and the last component must be no link.
    TrustedNotLast,
}

/// The purpose for which a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
    /// Writing at the end (`O_APPEND`).
    Append,
}

/// The types of file that may be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// A regular file.
    File,
    /// A regular file or a directory.
    FileOrDirectory,
}

/// The way to open a file.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// The purpose.
    pub access: Access,
    /// The permission bits, less the umask, of a new file. With `None` no file is made.
    pub create: Option<u32>,
    /// The links that may be followed.
    pub links: Links,
    /// The types that may be opened.
    pub kinds: Kinds,
}

impl How {
    /// Opens a regular file for reading.
    pub const fn read(links: Links) -> How {
        How { access: Access::Read, create: None, links, kinds: Kinds::File }
    }

    /// Opens a regular file for reading and writing.
    pub const fn read_write(links: Links) -> How {
        How { access: Access::ReadWrite, create: None, links, kinds: Kinds::File }
    }

    /// Opens a regular file for appending.
    pub const fn append(links: Links) -> How {
        How { access: Access::Append, create: None, links, kinds: Kinds::File }
    }

    /// Makes the file if it is absent.
    #[must_use]
    pub const fn or_create(self, mode: u32) -> How {
        How { create: Some(mode), ..self }
    }

    /// Opens a directory as well.
    #[must_use]
    pub const fn or_directory(self) -> How {
        How { kinds: Kinds::FileOrDirectory, ..self }
    }

    fn flags(self) -> OFlags {
        let access = match self.access {
            Access::Read => OFlags::RDONLY,
            Access::ReadWrite => OFlags::RDWR,
            Access::Append => OFlags::WRONLY | OFlags::APPEND,
        };
        access | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY
    }
}

/// An open file, and its metadata from the moment before it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// Its metadata. The type and the identity of an open file never change.
    pub metadata: Metadata,
}

/// The reason why a file was not opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A system call failed.
    Errno(Errno),
    /// The file is a FIFO, a device or the like; the text names the type.
    Kind(&'static str),
    /// The path leads through this symbolic link, which this user has made.
    Link(String, u32),
    /// Another process holds a lease on the file (fcntl(2), F_SETLEASE).
    Lease,
    /// Another process replaced the file again and again while it was opened.
    Changing,
    /// The file is longer than this many bytes.
    TooLong(u64),
}

impl Refused {
    /// Whether the file is absent.
    pub fn is_absent(&self) -> bool {
        matches!(self, Refused::Errno(Errno::NOENT))
    }

    /// The error of the system call, if one failed.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Refused::Errno(errno) => Some(*errno),
            _ => None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Errno(errno) => f.write_str(&crate::error::reason(errno)),
            Refused::Kind(kind) => write!(f, "it is {kind}"),
            Refused::Link(link, uid) => {
                write!(f, "{link} is a symbolic link made by user {uid}, who could make it lead anywhere")
            }
            Refused::Lease => f.write_str("another process holds a lease on it"),
            Refused::Changing => f.write_str("something keeps replacing it"),
            Refused::TooLong(limit) => write!(f, "it is longer than {limit} bytes"),
        }
    }
}

impl std::error::Error for Refused {}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Refused {
        Refused::Errno(errno)
    }
}

impl From<Refused> for io::Error {
    fn from(refused: Refused) -> io::Error {
        match refused {
            Refused::Errno(errno) => errno.into(),
            other => io::Error::other(other),
        }
    }
}

/// The number of times that a file may appear and vanish before that counts as an attack.
const CHANGED_AT_MOST: usize = 20;

/// Opens the file at `path`. It never waits, neither for the other end of a FIFO nor for a lease.
///
/// # Errors
/// See [`Refused`].
pub fn open(path: &Path, how: How) -> Result<Opened, Refused> {
    for _ in 0..CHANGED_AT_MOST {
        let found = match find(path, how.links) {
            Err(Refused::Errno(Errno::NOENT)) if how.create.is_some() => match create(path, how) {
                Err(Refused::Errno(Errno::EXIST)) => continue,
                made => return made,
            },
            found => found?,
        };
        match reopen(path, found, how) {
            Err(Refused::Errno(Errno::NOENT)) if how.create.is_some() => {}
            opened => return opened,
        }
    }
    Err(Refused::Changing)
}

/// Reads a file that has at most `limit` bytes.
///
/// # Errors
/// See [`Refused`].
pub fn read_small(path: &Path, links: Links, limit: u64) -> Result<Vec<u8>, Refused> {
    let content = read_at_most(&open(path, How::read(links))?.file, limit + 1)?;
    if content.len() as u64 > limit { Err(Refused::TooLong(limit)) } else { Ok(content) }
}

/// Reads the first `limit` bytes of a file of the kernel, in /proc or /sys, and leaves out the rest. The path must not
/// lead through `/proc/PID/fd`, `cwd` or `root`, because those lead to other processes' files.
///
/// # Errors
/// A refused open(2) or read(2).
pub fn read_proc(path: &str, limit: u64) -> io::Result<Vec<u8>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    Ok(read_at_most(&file, limit)?)
}

fn read_at_most(file: &File, limit: u64) -> Result<Vec<u8>, Errno> {
    let mut content = Vec::new();
    match file.take(limit).read_to_end(&mut content) {
        Ok(_) => Ok(content),
        Err(e) => Err(Errno::from_io_error(&e).unwrap_or(Errno::IO)),
    }
}

/// Finds the file at a path without opening it (`O_PATH`). The close of this descriptor drops none of our record locks
/// on the file.
pub(crate) fn find(path: &Path, links: Links) -> Result<OwnedFd, Refused> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let found = match links {
        Links::Follow => return Ok(rustix::fs::open(path, flags, Mode::empty())?),
        Links::Trusted => openat2(rustix::fs::CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS),
        Links::TrustedNotLast => {
            openat2(rustix::fs::CWD, path, flags | OFlags::NOFOLLOW, Mode::empty(), ResolveFlags::NO_SYMLINKS)
        }
    };
    match found {
        // LOOP: the path contains a link, so walk and check each one. The other errors: the kernel is older than 5.6,
        // or a filter refuses openat2(2).
        Err(Errno::LOOP | Errno::NOSYS | Errno::PERM) => walk::to(path, links)?.end.ok_or(Errno::NOENT.into()),
        found => Ok(found?),
    }
}

/// Opens the file that was found. Without /proc it opens the path again and compares.
fn reopen(path: &Path, found: OwnedFd, how: How) -> Result<Opened, Refused> {
    let found = File::from(found);
    let metadata = found.metadata().map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    fit(metadata.file_type(), how)?;
    let by_number = format!("/proc/self/fd/{}", found.as_raw_fd());
    let opened = match rustix::fs::open(by_number, how.flags(), Mode::empty()) {
        Err(Errno::NOENT | Errno::NOTDIR) => by_name(path, &metadata, how)?,
        Err(Errno::AGAIN) => return Err(Refused::Lease),
        opened => opened?,
    };
    Ok(Opened { file: opened.into(), metadata })
}

/// Opens the name in the directory to which the path has led, and compares the file with the one that was found.
fn by_name(path: &Path, found: &Metadata, how: How) -> Result<OwnedFd, Refused> {
    let way = walk::to(path, how.links)?;
    let opened = openat(&way.directory, &way.name, how.flags() | OFlags::NOFOLLOW, Mode::empty());
    match opened.map(File::from) {
        Ok(file) => match file.metadata() {
            Ok(now) if (now.dev(), now.ino()) == (found.dev(), found.ino()) => Ok(file.into()),
            _ => Err(Refused::Changing),
        },
        Err(Errno::AGAIN) => Err(Refused::Lease),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes the file. The file is new (`O_EXCL`), so it is a regular file of this process, without a lease.
///
/// `O_CREAT` alone would open a file that has appeared since. The kernel also refuses it for another user's file in a
/// sticky directory, even to root (`fs.protected_regular`, proc_sys_fs(5)).
fn create(path: &Path, how: How) -> Result<Opened, Refused> {
    let way = walk::to(path, how.links)?;
    if way.end.is_some() {
        return Err(Errno::EXIST.into());
    }
    let file = File::from(create_in(way.directory.as_fd(), &way.name, how)?);
    let metadata = file.metadata().map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::IO))?;
    Ok(Opened { file, metadata })
}

fn create_in(directory: BorrowedFd<'_>, name: &OsStr, how: How) -> Result<OwnedFd, Errno> {
    let mode = Mode::from_bits_truncate(how.create.unwrap_or(0o600));
    openat(directory, name, how.flags() | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW, mode)
}

/// Makes a file, which must be absent.
///
/// # Errors
/// EEXIST: something has this name.
pub fn create_new(path: &Path, access: Access, links: Links, mode: u32) -> Result<Opened, Refused> {
    create(path, How { access, create: Some(mode), links, kinds: Kinds::File })
}

fn fit(kind: FileType, how: How) -> Result<(), Refused> {
    match kind {
        kind if kind.is_file() => Ok(()),
        kind if kind.is_dir() && how.kinds == Kinds::FileOrDirectory => Ok(()),
        kind => Err(Refused::Kind(in_words(kind))),
    }
}

/// A type of file in words.
pub fn in_words(kind: FileType) -> &'static str {
    match kind {
        kind if kind.is_file() => "a regular file",
        kind if kind.is_dir() => "a directory",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_fifo() => "a FIFO",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(test)]
mod tests;
