//! Who stands: a living process that owns the byte of its own PID, or whose waiting parent owns it.
//!
//! The kernel tells who owns a byte; the answer is judged here. Whoever may write the file can lock any byte of it, and must
//! gain no power over a stranger by it: an owner vouches for itself, and for a child that it has not reaped, and for nobody
//! else. A number that the kernel tells is held by a pidfd before it is believed: a lock can outlive the process that took it
//! where another shares that process's table of descriptors (clone(2), CLONE_FILES).

use crate::claim::byte_lock::{self, HIGHEST_PID, Owner};
use crate::claim::pid_file::PidFile;
use crate::claim::pid_text::Text;
use crate::error::{Context, Result};
use crate::event::time::Deadline;
use crate::lock::fdinfo;
use crate::lock::holders::AT_MOST;
use crate::process::pidfd::PidFd;
use crate::process::procfs;
use nix::errno::Errno;
use rustix::process::Pid;

/// A process that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Its PID, valid here.
    pub(crate) pid: Pid,
    /// Its byte: its PID in its own namespace.
    byte: Pid,
    /// Who owns the byte, valid here: itself, or its parent.
    owner: Pid,
    /// The byte that marks a successor is owned too, by the same process.
    pub(crate) is_successor: bool,
}

/// Who stands at a file, all in all.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Nobody, but for successors of restarts that were not told to the text.
    Nobody,
    /// This one is the claimant.
    One(Standing),
    /// Several stand, and none of them has the right to replace the others.
    Several(Vec<Standing>),
    /// One that has no PID here, or more than can be told apart.
    Invisible,
}

/// Asks the kernel who the claimant is, and takes nothing.
pub(crate) fn judge(file: &PidFile) -> Result<Verdict> {
    let named = named(file)?;
    let others = match named.map(|standing| standing.byte.as_raw_pid()) {
        Some(byte) => byte_lock::is_locked(file, 1..=byte - 1) || byte_lock::is_locked(file, byte + 1..=HIGHEST_PID),
        None => byte_lock::is_locked(file, 1..=HIGHEST_PID),
    };
    match named {
        _ if !others && named.is_none() => Ok(Verdict::Nobody),
        Some(standing) if !others || standing.owns_all(file)? => Ok(Verdict::One(standing)),
        named => judge_all(file, named),
    }
}

fn judge_all(file: &PidFile, named: Option<Standing>) -> Result<Verdict> {
    let Some(all) = standing(file)? else { return Ok(Verdict::Invisible) };
    let rivals: Vec<Standing> =
        all.into_iter().filter(|one| !one.is_successor && named.is_none_or(|named| named.pid != one.pid)).collect();
    Ok(match (named, &rivals[..]) {
        (Some(named), []) => Verdict::One(named),
        // A restart has told it to the text, and the old one is yet to end.
        (Some(named), rivals) if named.may_replace(rivals) => Verdict::One(named),
        (None, []) => Verdict::Nobody,
        (None, [one]) => Verdict::One(*one),
        (named, rivals) => Verdict::Several(named.into_iter().chain(rivals.iter().copied()).collect()),
    })
}

/// The process that the text names, if it stands.
pub(crate) fn named(file: &PidFile) -> Result<Option<Standing>> {
    let byte = match file.text()? {
        Text::Names(pid) => pid,
        Text::Empty => Pid::INIT,
        Text::Garbage(_) => return Ok(None),
    };
    let Some(Owner { pid: Some(owner), whole_file }) = owner(file, byte)? else { return Ok(None) };
    match verify_owner(file, owner, byte)? {
        // A foreign program's claim is a record lock on the whole file. It is itself the claimant, whatever it has written.
        None if whole_file => verify_owner(file, owner, owner),
        standing => Ok(standing),
    }
}

/// Every process that stands; `None` where one has no PID here, or there are too many locks to look at.
pub(crate) fn standing(file: &PidFile) -> Result<Option<Vec<Standing>>> {
    let ranges = match byte_lock::locked_ranges(file) {
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => return Ok(Some(vec![])),
        ranges => ranges.act("ask who owns", "the bytes")?,
    };
    let Some(ranges) = ranges else { return Ok(None) };
    let mut found = Vec::new();
    for range in ranges {
        let Some(owner) = range.pid else { return Ok(None) };
        let own = i64::from(owner.as_raw_pid());
        let covers_own = own >= range.start && (range.length == 0 || own < range.start + range.length);
        let byte = i32::try_from(range.start).ok().and_then(Pid::from_raw);
        let byte = if covers_own { Some(owner) } else { byte.filter(|_| range.length == 1) };
        if let Some(byte) = byte
            && let Some(one) = verify_owner(file, owner, byte)?
        {
            found.push(one);
        }
    }
    Ok(Some(found))
}

/// The process behind the byte of this number, valid here, if it stands.
pub(crate) fn owner_of(file: &PidFile, byte: Pid) -> Result<Option<Standing>> {
    match owner(file, byte)?.and_then(|owner| owner.pid) {
        Some(owner) => verify_owner(file, owner, byte),
        None => Ok(None),
    }
}

/// Who owns the byte of `pid`; nobody, on a file system without record locks.
pub(crate) fn owner(file: &PidFile, pid: Pid) -> Result<Option<Owner>> {
    match byte_lock::owner(file, pid) {
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(None),
        answer => answer.act("ask who owns", format!("byte {pid}")),
    }
}

/// Resolves the owner of a byte to the process that stands. The owner is held by a pidfd first: while it lives and owns the
/// byte, its PID cannot have been recycled.
fn verify_owner(file: &PidFile, by: Pid, byte: Pid) -> Result<Option<Standing>> {
    let held = match PidFd::open(by) {
        Ok(Some(held)) => Some(held),
        Ok(None) => return Ok(None),
        // Where a process cannot be held, none can be signalled either: a status is all that comes of it.
        Err(_) => None,
    };
    let pid = if by == byte {
        Some(by)
    } else if owner(file, byte)?.and_then(|owner| owner.pid) == Some(by) {
        // A parent vouches for a child that it could signal itself: not for one that has changed its user (execve(2)).
        resolve(by, byte).filter(|&pid| pid == by || has_power_over(by, pid))
    } else {
        None
    };
    if held.map_or(Ok(false), |owner| owner.has_ended())? {
        return Ok(None);
    }
    let Some(pid) = pid else { return Ok(None) };
    let mark = byte_lock::successor_mark(file, byte).unwrap_or_default();
    let is_successor = mark.is_some_and(|mark| mark.pid == Some(by) && !mark.whole_file);
    Ok(Some(Standing { pid, byte, owner: by, is_successor }))
}

/// The PID, valid here, of the process that `owner` vouches for by owning the byte `named`: itself, its unreaped child, or one
/// of the two under the PID that it has in its own PID namespace.
fn resolve(owner: Pid, named: Pid) -> Option<Pid> {
    let inner = procfs::numbers_in_namespaces(owner);
    if inner.len() > 1 {
        let is_named = |pid: &Pid| procfs::numbers_in_namespaces(*pid).last() == Some(&named.as_raw_pid());
        return is_named(&owner).then_some(owner).or_else(|| children(owner).find(is_named));
    }
    is_child(named, owner).then_some(named)
}

fn is_child(pid: Pid, parent: Pid) -> bool {
    procfs::stat(pid).is_some_and(|stat| stat.parent == parent.as_raw_pid()) && PidFd::is_alive(pid)
}

fn children(parent: Pid) -> impl Iterator<Item = Pid> {
    procfs::processes().filter(move |&pid| is_child(pid, parent))
}

/// Whether the kernel's list of the owner's own locks has the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// It has.
    Proven,
    /// It has not: the lock is another's, who shared a table of descriptors with a process of that number.
    Refuted,
    /// The list may not be read, or is too long.
    Hidden,
}

impl Standing {
    /// Asks for the proof in the list of the process itself (or its parent), which the caller holds by a pidfd.
    pub(crate) fn proof(&self, file: &PidFile) -> Proof {
        let (byte, deadline) = (self.byte.as_raw_pid().into(), Deadline::after(AT_MOST));
        let owns = file.locked_file().map(|locked| fdinfo::owns_byte(self.owner, locked, byte, deadline));
        match owns {
            Ok(Ok(true)) => Proof::Proven,
            Ok(Ok(false)) => Proof::Refuted,
            // Where others' processes are hidden, a process that lives is not found (proc(5), hidepid).
            Ok(Err(_)) | Err(_) => Proof::Hidden,
        }
    }

    /// Whether it has the right to replace the others: it is a successor, and could have signalled each of them itself.
    pub(crate) fn may_replace(&self, others: &[Standing]) -> bool {
        self.is_successor && others.iter().all(|other| has_power_over(self.pid, other.pid))
    }

    /// Whether its one lock covers the whole file, so that the bytes of others are its own.
    fn owns_all(&self, file: &PidFile) -> Result<bool> {
        Ok(owner(file, self.byte)?.is_some_and(|owner| owner.whole_file && owner.pid == Some(self.owner)))
    }
}

/// Whether one process may signal the other, as far as users decide it (kill(2)).
pub(crate) fn has_power_over(one: Pid, other: Pid) -> bool {
    const ROOT: u32 = 0;
    match (procfs::users(one), procfs::users(other)) {
        (Some(ones), Some(others)) => ones.iter().any(|user| *user == ROOT || others.contains(user)),
        _ => false,
    }
}
