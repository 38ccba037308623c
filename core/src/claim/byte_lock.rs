//! The byte lock, the third layer of a claim: a POSIX record lock on the one byte whose offset is the PID (fcntl(2),
//! F_SETLK).
//!
//! The claimant takes it for itself. It survives execve(2), is not inherited by children, and ends with the process. So
//! the kernel can verify that the PID in the file is true. The close of *any* descriptor of the file in that process
//! drops it.

use crate::pid;
use crate::sys::steps::byte as byte_at;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::unistd::Pid;
use std::ops::RangeInclusive;
use std::os::fd::AsFd;

/// The first byte beyond the bytes of all PIDs (PID_MAX_LIMIT is 2^22).
const ALL_PIDS: i64 = (1 << 22) + 1;

/// The highest PID that Linux gives.
pub(crate) const HIGHEST_PID: i32 = 1 << 22;

/// The offset of the marks of successors, beyond the bytes of all PIDs.
pub(crate) const SUCCESSOR: i64 = 1 << 23;

/// The owner of a byte, as the kernel names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its PID in our PID namespace; `None` if it has no PID here, or if an open file description is the owner.
    pub pid: Option<Pid>,
    /// Whether its lock reaches to the end of the file, however long the file grows: a foreign program's lock on the
    /// whole file.
    pub whole_file: bool,
}

fn byte(kind: i32, pid: Pid) -> libc::flock {
    byte_at(kind, pid.as_raw().into())
}

/// Locks the byte of `pid` for the calling process. Async-signal-safe.
///
/// # Errors
/// EAGAIN or EACCES: another process has locked it. ENOLCK: the file system has no such locks.
pub fn take(file: impl AsFd, pid: Pid) -> Result<(), Errno> {
    fcntl(file, FcntlArg::F_SETLK(&byte(libc::F_WRLCK, pid))).map(|_| ())
}

/// Marks a child of the calling process as the successor of a restart, by a second byte.
///
/// # Errors
/// As [`take`].
pub(crate) fn mark_successor(file: impl AsFd, pid: Pid) -> Result<(), Errno> {
    // Race: claim-taken-for-leftover (docs/races.md)
    fcntl(file, FcntlArg::F_SETLK(&byte_at(libc::F_WRLCK, SUCCESSOR + i64::from(pid.as_raw())))).map(|_| ())
}

/// Asks for the owner of the byte that marks `pid` as the successor of a restart.
///
/// # Errors
/// As [`owner`].
pub(crate) fn successor_mark(file: impl AsFd, pid: Pid) -> Result<Option<Owner>, Errno> {
    owner_at(file, SUCCESSOR + i64::from(pid.as_raw()))
}

/// Asks for the owner of the byte of `pid` without taking a lock (fcntl(2), F_GETLK). The kernel does not report the
/// caller's own lock.
///
/// # Errors
/// EBADF, EINVAL, ENOLCK: the file system has no such locks.
pub fn owner(file: impl AsFd, pid: Pid) -> Result<Option<Owner>, Errno> {
    owner_at(file, pid.as_raw().into())
}

fn owner_at(file: impl AsFd, offset: i64) -> Result<Option<Owner>, Errno> {
    let mut asked = byte_at(libc::F_RDLCK, offset);
    fcntl(file, FcntlArg::F_GETLK(&mut asked))?;
    if i32::from(asked.l_type) == libc::F_UNLCK {
        return Ok(None);
    }
    Ok(Some(Owner { pid: pid::numbered(asked.l_pid), whole_file: asked.l_len == 0 }))
}

/// Locks one byte for the open file description (fcntl(2), F_OFD_SETLK). Every process that shares the description
/// shares the lock. `false` if another has it.
///
/// # Errors
/// As [`take`].
pub(crate) fn ofd_take(file: impl AsFd, offset: i64) -> Result<bool, Errno> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&byte_at(libc::F_WRLCK, offset))) {
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        answer => answer.map(|_| true),
    }
}

/// Waits in the kernel's queue, then locks one byte for the open file description.
///
/// # Errors
/// EINTR: a signal came.
pub(crate) fn ofd_wait(file: impl AsFd, offset: i64) -> Result<(), Errno> {
    fcntl(file, FcntlArg::F_OFD_SETLKW(&byte_at(libc::F_WRLCK, offset))).map(|_| ())
}

/// Whether another has locked the byte for writing.
///
/// # Errors
/// As [`owner`].
pub(crate) fn is_taken(file: impl AsFd, offset: i64) -> Result<bool, Errno> {
    let mut asked = byte_at(libc::F_RDLCK, offset);
    fcntl(file, FcntlArg::F_GETLK(&mut asked))?;
    Ok(i32::from(asked.l_type) != libc::F_UNLCK)
}

/// A range of the file that another has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// Its first byte.
    pub(crate) start: i64,
    /// The number of its bytes; 0 means to the end of the file, however long the file grows.
    pub(crate) length: i64,
    /// The PID of its owner in our PID namespace; `None` if the owner has no PID here, or is an open file description.
    pub(crate) pid: Option<Pid>,
}

/// Whether another has locked the byte of one of these PIDs for writing. On a file system without record locks none is
/// locked.
pub(crate) fn is_locked(file: impl AsFd, pids: RangeInclusive<i32>) -> bool {
    let mut asked = byte_at(libc::F_RDLCK, (*pids.start()).into());
    asked.l_len = i64::from(*pids.end()) - asked.l_start + 1;
    asked.l_len > 0
        && fcntl(file, FcntlArg::F_GETLK(&mut asked)).is_ok_and(|_| i32::from(asked.l_type) != libc::F_UNLCK)
}

/// Whether no other has locked a part of the file for writing.
pub fn is_free(file: impl AsFd) -> bool {
    matches!(conflict(file, libc::F_RDLCK, 0, 0), Ok(None))
}

/// The number of locked ranges that are looked at. A claim has one, and a restart two more. For each question the
/// kernel walks along all locks of the file.
pub const RANGES_AT_MOST: usize = 64;

/// The ranges of PIDs' bytes that others have locked for writing, in no order; `None` if there are more than
/// [`RANGES_AT_MOST`]. A process that may only read the file cannot add to them. The caller's own locks are not
/// reported.
///
/// # Errors
/// As [`owner`].
pub(crate) fn locked_ranges(file: impl AsFd) -> Result<Option<Vec<Range>>, Errno> {
    let file = file.as_fd();
    let mut found = Vec::new();
    // The kernel reports one conflict at a time, so ask again for the range before it and the range after it.
    let mut unasked = vec![(1, ALL_PIDS)];
    while let Some((start, end)) = unasked.pop() {
        let Some(range) = conflict(file, libc::F_RDLCK, start, end)? else { continue };
        if found.len() == RANGES_AT_MOST {
            return Ok(None);
        }
        found.push(range);
        if range.start > start {
            unasked.push((start, range.start));
        }
        let behind = range.start + range.length;
        if range.length != 0 && behind < end {
            unasked.push((behind, end));
        }
    }
    Ok(Some(found))
}

/// A process that has locked any byte, for reading or for writing, and so keeps us from locking the whole file.
///
/// # Errors
/// As [`owner`].
pub(crate) fn any_locker(file: impl AsFd) -> Result<Option<Pid>, Errno> {
    Ok(conflict(file, libc::F_WRLCK, 0, 0)?.and_then(|range| range.pid))
}

/// One range between `start` and `end` (0: to the end of the file, however long it grows) that conflicts with a lock of
/// this kind.
fn conflict(file: impl AsFd, kind: i32, start: i64, end: i64) -> Result<Option<Range>, Errno> {
    let mut asked = byte_at(kind, start);
    asked.l_len = if end == 0 { 0 } else { end - start };
    fcntl(file, FcntlArg::F_GETLK(&mut asked))?;
    if i32::from(asked.l_type) == libc::F_UNLCK {
        return Ok(None);
    }
    // The kernel reports the whole range of the other lock, which may begin before the part that was asked for.
    Ok(Some(Range { start: asked.l_start, length: asked.l_len, pid: pid::numbered(asked.l_pid) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::restart_lock::PLACE;
    use std::fs::File;

    /// An open file description of its own, whose locks count as another's.
    fn opened(path: &std::path::Path) -> File {
        File::options().read(true).write(true).open(path).unwrap()
    }

    #[test]
    fn bytes_are_locked_if_another_has_locked_one_of_them() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for byte in 4..=8 {
            let other = opened(file.path());
            assert!(ofd_take(&other, byte).unwrap());
            assert_eq!(is_locked(&file, 5..=7), (5..=7).contains(&byte), "{byte}");
            assert!(!is_locked(&file, RangeInclusive::new(1, 0)), "{byte}");
        }
        assert!(!is_locked(&file, 1..=HIGHEST_PID));
        let other = opened(file.path());
        assert!(ofd_take(&other, HIGHEST_PID.into()).unwrap());
        assert!(is_locked(&file, 1..=HIGHEST_PID));
    }

    #[test]
    fn each_locked_range_of_the_pids_is_found_once_and_no_other_lock() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let [claims, restart] = [0; 2].map(|_| opened(file.path()));
        let highest = i64::from(HIGHEST_PID);
        for byte in [1, 5, 6, highest, SUCCESSOR + 9] {
            assert!(ofd_take(&claims, byte).unwrap(), "{byte}");
        }
        // The kernel reports the locks of one owner after those of the other.
        assert!(ofd_take(&restart, 3).unwrap() && ofd_take(&restart, PLACE).unwrap());
        let found = || {
            let mut found: Vec<(i64, i64)> =
                locked_ranges(&file).unwrap().unwrap().iter().map(|range| (range.start, range.length)).collect();
            found.sort_unstable();
            found
        };
        assert_eq!(found(), [(1, 1), (3, 1), (5, 2), (highest, 1)]);
        // The kernel reports two neighbours of one owner as one range.
        drop(restart);
        assert!(ofd_take(&claims, PLACE).unwrap());
        assert_eq!(found(), [(1, 1), (5, 2), (highest, 2)]);
    }
}
