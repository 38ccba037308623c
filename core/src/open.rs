//! The one way in which the utilities open a file by its name.
//!
//! A user who may write a directory of the path chooses the file at its end: a FIFO without a writer, a device, a file
//! under a lease, a symbolic link to another user's file. So [`open`] finds the file first, without opening it
//! (`O_PATH`, open(2)), and checks its type. Then it opens this very file through `/proc/self/fd`, not a file that has
//! taken its name since. No open by name waits, none makes a terminal the controlling one, and no child inherits the
//! descriptor.
//!
//! Every call is openat(2) or openat2(2): musl's open(3) marks the descriptor close-on-exec by a second system call.
#![allow(clippy::disallowed_methods, reason = "this is the door")]

mod how;
mod refused;
mod walk;

pub use how::{Access, How, Kinds, Links};
pub use refused::Refused;
pub use walk::{Directory, directories_of};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::sys::stat::Mode;
use std::ffi::OsStr;
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// An open file, and its metadata from the moment before it was opened.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// Its metadata. The type and the identity of an open file never change.
    pub metadata: Metadata,
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
            Err(Refused::Errno(Errno::ENOENT)) if how.create.is_some() => match create(path, how) {
                Err(Refused::Errno(Errno::EEXIST)) => continue,
                made => return made,
            },
            found => found?,
        };
        match open_found(path, found, how) {
            Err(Refused::Errno(Errno::ENOENT)) if how.create.is_some() => {}
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
    let Opened { file, metadata } = open(path, How::read(links))?;
    if metadata.len() > limit {
        return Err(Refused::TooLong(limit));
    }
    // It may have grown since.
    let content = read_at_most(&file, limit + 1)?;
    if content.len() as u64 > limit { Err(Refused::TooLong(limit)) } else { Ok(content) }
}

/// Reads the first `limit` bytes of a file of the kernel, in /proc or /sys, and leaves out the rest. The path must not
/// lead through `/proc/PID/fd`, `cwd` or `root`, because those lead to other processes' files.
///
/// # Errors
/// A refused open(2) or read(2).
pub fn read_proc(path: &str, limit: u64) -> io::Result<Vec<u8>> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = File::from(openat(AT_FDCWD, path, flags, Mode::empty())?);
    Ok(read_at_most(&file, limit)?)
}

fn read_at_most(file: &File, limit: u64) -> Result<Vec<u8>, Errno> {
    // std begins with 32 bytes where nothing is reserved, and one file of /proc takes ten reads.
    let mut content = Vec::with_capacity(usize::try_from(limit.min(4096)).unwrap_or(4096));
    match file.take(limit).read_to_end(&mut content) {
        Ok(_) => Ok(content),
        Err(e) => Err(Errno::try_from(e).unwrap_or(Errno::EIO)),
    }
}

/// Finds the file at a path without opening it (`O_PATH`). The close of this descriptor drops none of our record locks
/// on the file.
pub fn find(path: &Path, links: Links) -> Result<OwnedFd, Refused> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let flags = match links {
        Links::Follow => return Ok(openat(AT_FDCWD, path, flags, Mode::empty())?),
        Links::Trusted => flags,
        Links::TrustedNotLast => flags | OFlag::O_NOFOLLOW,
    };
    match openat2(AT_FDCWD, path, OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS)) {
        // LOOP: the path contains a link, so walk and check each one. The other errors: the kernel is older than 5.6,
        // or a filter refuses openat2(2).
        Err(Errno::ELOOP | Errno::ENOSYS | Errno::EPERM) => walk::to(path, links)?.end.ok_or(Errno::ENOENT.into()),
        found => Ok(found?),
    }
}

/// Opens the file that [`find`] has found at `path`. Without /proc it opens the path again and compares.
///
/// # Errors
/// See [`Refused`].
pub fn open_found(path: &Path, found: OwnedFd, how: How) -> Result<Opened, Refused> {
    let found = File::from(found);
    let metadata = found.metadata().map_err(|e| Errno::try_from(e).unwrap_or(Errno::EIO))?;
    fit(metadata.file_type(), how)?;
    // Race: swap-before-open (docs/races.md). Another object may have the name by now.
    let by_number = format!("/proc/self/fd/{}", found.as_raw_fd());
    let opened = match openat(AT_FDCWD, &*by_number, how.flags(), Mode::empty()) {
        Err(Errno::ENOENT | Errno::ENOTDIR) => by_name(path, &metadata, how)?,
        Err(Errno::EAGAIN) => return Err(Refused::Lease),
        opened => opened?,
    };
    Ok(Opened { file: opened.into(), metadata })
}

/// Opens the name in the directory to which the path has led, and compares the file with the one that was found.
fn by_name(path: &Path, found: &Metadata, how: How) -> Result<OwnedFd, Refused> {
    let way = walk::to(path, how.links)?;
    let opened = openat(&way.directory, &*way.name, how.flags() | OFlag::O_NOFOLLOW, Mode::empty());
    match opened.map(File::from) {
        Ok(file) => match file.metadata() {
            Ok(now) if (now.dev(), now.ino()) == (found.dev(), found.ino()) => Ok(file.into()),
            _ => Err(Refused::Changing),
        },
        Err(Errno::EAGAIN) => Err(Refused::Lease),
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
        return Err(Errno::EEXIST.into());
    }
    let file = File::from(create_in(way.directory.as_fd(), &way.name, how)?);
    let metadata = file.metadata().map_err(|e| Errno::try_from(e).unwrap_or(Errno::EIO))?;
    Ok(Opened { file, metadata })
}

fn create_in(directory: BorrowedFd<'_>, name: &OsStr, how: How) -> Result<OwnedFd, Errno> {
    let mode = Mode::from_bits_truncate(how.create.unwrap_or(0o600));
    openat(directory, name, how.flags() | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW, mode)
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
