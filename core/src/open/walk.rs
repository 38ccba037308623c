//! The walk along a path, one component at a time. It checks each symbolic link before it follows it, and records each
//! directory that it passes.

use crate::open::how::Links;
use crate::open::refused::Refused;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat, readlinkat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use nix::unistd::geteuid;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A directory that a path passes. A user who may write it could have made the path lead elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its path, as the walk has reached it, for messages.
    pub path: PathBuf,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its type and permission bits (inode(7)).
    pub mode: u32,
}

/// The end of a path.
#[derive(Debug)]
pub(super) struct Way {
    /// The directory that contains the last name, with links followed.
    pub(super) directory: OwnedFd,
    /// The last name in that directory.
    pub(super) name: OsString,
    /// The file with that name, if there is one.
    pub(super) end: Option<OwnedFd>,
    passed: Vec<Directory>,
}

/// The number of links that the kernel follows (path_resolution(7)).
const LINKS_AT_MOST: usize = 40;

/// The number of components that a path may have: the kernel's PATH_MAX.
const COMPONENTS_AT_MOST: usize = 4096;

const LOOK: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC).union(OFlag::O_NOFOLLOW);

/// The metadata of the file at a path, and every directory that the path passes.
///
/// # Errors
/// The path leads to no file, or through a link that must not be followed.
pub fn directories_of(path: &Path, links: Links) -> Result<(Metadata, Vec<Directory>), Refused> {
    let way = to(path, links)?;
    let end = File::from(way.end.ok_or(Errno::ENOENT)?);
    let metadata = end.metadata().map_err(|e| Errno::try_from(e).unwrap_or(Errno::EIO))?;
    Ok((metadata, way.passed))
}

/// A walk that has reached a directory.
struct Walk {
    links: Links,
    directory: OwnedFd,
    reached: PathBuf,
    passed: Vec<Directory>,
    ahead: VecDeque<OsString>,
    followed: usize,
}

/// Walks to the end of a path. The last name may be missing; a directory on the way may not.
pub(super) fn to(path: &Path, links: Links) -> Result<Way, Refused> {
    if path.as_os_str().is_empty() {
        return Err(Errno::ENOENT.into());
    }
    let mut walk = Walk::from(start_of(path.as_os_str()), links)?;
    walk.put_ahead(path.as_os_str());
    for _ in 0..COMPONENTS_AT_MOST {
        // "/" and "." have no last name, but they exist.
        let name = walk.ahead.pop_front().unwrap_or_else(|| ".".into());
        let last = walk.ahead.is_empty();
        let end = match openat(&walk.directory, &*name, LOOK, Mode::empty()) {
            Err(Errno::ENOENT) if last => None,
            found => Some(found?),
        };
        let Some(end) = end else { return Ok(walk.ended(name, None)) };
        let stat = fstat(&end)?;
        match kind(&stat) {
            SFlag::S_IFLNK if !(last && links == Links::TrustedNotLast) => match walk.follow(&name, &end, &stat)? {
                Some(end) if last => return Ok(walk.ended(name, Some(end))),
                Some(end) => walk.enter(&name, end)?,
                None => {}
            },
            _ if last => return Ok(walk.ended(name, Some(end))),
            _ => walk.enter(&name, end)?,
        }
    }
    Err(Errno::ENAMETOOLONG.into())
}

fn start_of(path: &OsStr) -> &'static str {
    if path.as_bytes().starts_with(b"/") { "/" } else { "." }
}

impl Walk {
    fn from(start: &str, links: Links) -> Result<Walk, Refused> {
        let directory = openat(AT_FDCWD, start, LOOK, Mode::empty())?;
        let stat = fstat(&directory)?;
        let reached = PathBuf::from(start);
        let passed = vec![described(&reached, &stat)];
        Ok(Walk { links, directory, reached, passed, ahead: VecDeque::new(), followed: 0 })
    }

    /// Puts the names of a path before the names that are ahead already. A slash at its end asks for a directory.
    fn put_ahead(&mut self, way: &OsStr) {
        let names = way.as_bytes().split(|&b| b == b'/').filter(|name| !name.is_empty());
        let mut names: Vec<OsString> = names.map(|name| OsStr::from_bytes(name).to_owned()).collect();
        if way.as_bytes().ends_with(b"/") {
            names.push(".".into());
        }
        names.into_iter().rev().for_each(|name| self.ahead.push_front(name));
    }

    fn enter(&mut self, name: &OsStr, directory: OwnedFd) -> Result<(), Refused> {
        let stat = fstat(&directory)?;
        if kind(&stat) != SFlag::S_IFDIR {
            return Err(Errno::ENOTDIR.into());
        }
        if name != "." {
            self.reached.push(name);
            self.passed.push(described(&self.reached, &stat));
        }
        self.directory = directory;
        Ok(())
    }

    /// Puts the link's target ahead. Returns the file to which the link leads if only the kernel knows it.
    fn follow(&mut self, name: &OsStr, link: &OwnedFd, stat: &FileStat) -> Result<Option<OwnedFd>, Refused> {
        self.followed += 1;
        if self.followed > LINKS_AT_MOST {
            return Err(Errno::ELOOP.into());
        }
        if self.links != Links::Follow && !self.is_trusted(stat)? {
            let link = self.reached.join(name).display().to_string();
            return Err(Refused::Link(link, stat.st_uid));
        }
        if fstatfs(link)?.filesystem_type() == PROC_SUPER_MAGIC {
            // The links in /proc belong to the kernel, and the text of some is no path (`/proc/self/fd/0`).
            return Ok(Some(openat(&self.directory, name, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?));
        }
        let target = readlinkat(link, "")?;
        if target.as_bytes().starts_with(b"/") {
            let root = Walk::from("/", self.links)?;
            (self.directory, self.reached) = (root.directory, root.reached);
            self.passed.extend(root.passed);
        }
        self.put_ahead(&target);
        Ok(None)
    }

    /// Whether root or the caller has made the link. The owner of the root directory is root, also in a user namespace
    /// that shows root by another number (user_namespaces(7)). There other users share that number.
    fn is_trusted(&self, link: &FileStat) -> Result<bool, Errno> {
        if link.st_uid == 0 || link.st_uid == geteuid().as_raw() {
            return Ok(true);
        }
        let owner_of_root = fstat(openat(AT_FDCWD, "/", LOOK, Mode::empty())?)?.st_uid;
        Ok(link.st_uid == owner_of_root && fstat(&self.directory)?.st_mode & 0o022 == 0)
    }

    fn ended(self, name: OsString, end: Option<OwnedFd>) -> Way {
        Way { directory: self.directory, name, end, passed: self.passed }
    }
}

/// The type of a file, from the bits of its mode.
fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

fn described(path: &Path, stat: &FileStat) -> Directory {
    Directory { path: path.to_owned(), uid: stat.st_uid, gid: stat.st_gid, mode: stat.st_mode }
}
