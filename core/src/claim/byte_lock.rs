//! The third layer of a claim: a POSIX record lock on the one byte whose offset is the PID (fcntl(2), F_SETLK).
//!
//! The claimant takes it for itself. It survives execve(2), is not inherited by children and ends with the process, so
//! the kernel can vouch for the number in the file. Beware: closing *any* descriptor of the file drops it.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rustix::process::Pid;
use std::ops::RangeInclusive;
use std::os::fd::AsFd;

/// The first byte beyond those of all PIDs (PID_MAX_LIMIT is 2^22).
const ALL_PIDS: i64 = (1 << 22) + 1;

/// The highest PID that Linux gives.
pub(crate) const HIGHEST_PID: i32 = 1 << 22;

/// Where the bytes begin that mark the successors of restarts, beyond all PIDs.
pub(crate) const SUCCESSOR: i64 = 1 << 23;

/// Who owns a byte, as the kernel tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its number in our PID namespace; `None` for one that has no number here (or for an open file description).
    pub pid: Option<Pid>,
    /// What it owns reaches to the end of the file, however long that grows: a foreign program's lock on all of it.
    pub whole_file: bool,
}

fn byte(kind: i32, pid: Pid) -> libc::flock {
    byte_at(kind, pid.as_raw_pid().into())
}

fn byte_at(kind: i32, offset: i64) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: offset,
        l_len: 1,
        l_pid: 0,
    }
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
    fcntl(file, FcntlArg::F_SETLK(&byte_at(libc::F_WRLCK, SUCCESSOR + i64::from(pid.as_raw_pid())))).map(|_| ())
}

/// Who owns the byte that marks `pid` as the successor of a restart.
///
/// # Errors
/// As [`owner`].
pub(crate) fn successor_mark(file: impl AsFd, pid: Pid) -> Result<Option<Owner>, Errno> {
    owner_at(file, SUCCESSOR + i64::from(pid.as_raw_pid()))
}

/// Asks who owns the byte of `pid`, and takes nothing (fcntl(2), F_GETLK). The caller's own lock is not seen.
///
/// # Errors
/// EBADF, EINVAL, ENOLCK: the file system has no such locks.
pub fn owner(file: impl AsFd, pid: Pid) -> Result<Option<Owner>, Errno> {
    owner_at(file, pid.as_raw_pid().into())
}

fn owner_at(file: impl AsFd, offset: i64) -> Result<Option<Owner>, Errno> {
    let mut asked = byte_at(libc::F_RDLCK, offset);
    fcntl(file, FcntlArg::F_GETLK(&mut asked))?;
    if i32::from(asked.l_type) == libc::F_UNLCK {
        return Ok(None);
    }
    Ok(Some(Owner { pid: Pid::from_raw(asked.l_pid.max(0)), whole_file: asked.l_len == 0 }))
}

/// Locks one byte for the open file description, which whoever shares it shares, and asks no PID (fcntl(2),
/// F_OFD_SETLK). `false` if another has it.
///
/// # Errors
/// As [`take`].
pub(crate) fn ofd_take(file: impl AsFd, offset: i64) -> Result<bool, Errno> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&byte_at(libc::F_WRLCK, offset))) {
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        answer => answer.map(|_| true),
    }
}

/// Locks one byte for the open file description, in the kernel's queue.
///
/// # Errors
/// EINTR: a signal came.
pub(crate) fn ofd_wait(file: impl AsFd, offset: i64) -> Result<(), Errno> {
    fcntl(file, FcntlArg::F_OFD_SETLKW(&byte_at(libc::F_WRLCK, offset))).map(|_| ())
}

/// Whether anybody has locked the byte for writing.
///
/// # Errors
/// As [`owner`].
pub(crate) fn is_taken(file: impl AsFd, offset: i64) -> Result<bool, Errno> {
    let mut asked = byte_at(libc::F_RDLCK, offset);
    fcntl(file, FcntlArg::F_GETLK(&mut asked))?;
    Ok(i32::from(asked.l_type) != libc::F_UNLCK)
}

/// A range of the file that somebody has locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// Its first byte.
    pub(crate) start: i64,
    /// How many; 0 means as long as the file may grow.
    pub(crate) length: i64,
    /// Its owner in our PID namespace; `None` for one without a number here, and for an open file description.
    pub(crate) pid: Option<Pid>,
}

/// Whether another has locked a PID's byte in this range for writing; nobody has where there are no such locks.
pub(crate) fn is_locked(file: impl AsFd, pids: RangeInclusive<i32>) -> bool {
    let mut asked = byte_at(libc::F_RDLCK, (*pids.start()).into());
    asked.l_len = i64::from(*pids.end()) - asked.l_start + 1;
    asked.l_len > 0
        && fcntl(file, FcntlArg::F_GETLK(&mut asked)).is_ok_and(|_| i32::from(asked.l_type) != libc::F_UNLCK)
}

/// Whether no other has locked any part of the file for writing.
pub fn is_free(file: impl AsFd) -> bool {
    matches!(conflict(file, libc::F_RDLCK, 0, 0), Ok(None))
}

/// So many locked ranges are looked at: a claim has one, and a restart two more. Each question costs the kernel a walk along
/// all the locks that the file has.
pub const RANGES_AT_MOST: usize = 64;

/// The ranges among the PIDs' bytes that others have locked for writing, in no order; `None` if there are more than
/// [`RANGES_AT_MOST`]. Who may only read the file cannot add to them. The caller's own are not seen.
///
/// # Errors
/// As [`owner`].
pub(crate) fn locked_ranges(file: impl AsFd) -> Result<Option<Vec<Range>>, Errno> {
    let file = file.as_fd();
    let mut found = Vec::new();
    // The kernel tells one conflict at a time: what lies before and behind it is asked again.
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

/// One who has locked any byte, for reading or for writing, and keeps us from locking all of it.
///
/// # Errors
/// As [`owner`].
pub(crate) fn any_locker(file: impl AsFd) -> Result<Option<Pid>, Errno> {
    Ok(conflict(file, libc::F_WRLCK, 0, 0)?.and_then(|range| range.pid))
}

/// One range between `start` and `end` (0: as long as the file may grow) that is in the way of a lock of this kind.
fn conflict(file: impl AsFd, kind: i32, start: i64, end: i64) -> Result<Option<Range>, Errno> {
    let mut asked = byte_at(kind, start);
    asked.l_len = if end == 0 { 0 } else { end - start };
    fcntl(file, FcntlArg::F_GETLK(&mut asked))?;
    if i32::from(asked.l_type) == libc::F_UNLCK {
        return Ok(None);
    }
    // The kernel tells the whole of the other's range, which may begin before the part that was asked for.
    Ok(Some(Range { start: asked.l_start, length: asked.l_len, pid: Pid::from_raw(asked.l_pid.max(0)) }))
}
