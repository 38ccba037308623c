//! The verified owners of a PID file: living processes that own the byte of their own PID, or whose waiting parent owns
//! it.
//!
//! The kernel names the owner of a byte, and this module checks the answer. A writer of the file can lock any byte of
//! it, and must gain no power over a stranger by it. So an owner counts for itself and for a child that it has not
//! reaped, and for no other process. A PID that the kernel names is pinned before it is believed: a lock can outlive
//! the process that took it, if another process shares the table of descriptors (clone(2), CLONE_FILES).

use crate::claim::byte_lock::{self, HIGHEST_PID, Owner};
use crate::claim::pid_file::PidFile;
use crate::claim::pid_text::Text;
use crate::error::{Context, Result};
use crate::event::deadline::Deadline;
use crate::lock::fdinfo;
use crate::lock::holders::AT_MOST;
use crate::pid;
use crate::process::pidfd::PidFd;
use crate::process::procfs;
use nix::errno::Errno;
use nix::unistd::Pid;

/// A process with a verified owner of its byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Its PID in our PID namespace.
    pub(crate) pid: Pid,
    /// Its byte: its PID in its own PID namespace.
    pub(crate) byte: Pid,
    /// The owner of the byte, by its PID in our PID namespace: the process itself, or its parent.
    owner: Pid,
    /// Whether the owner also owns the byte that marks a successor.
    pub(crate) is_successor: bool,
}

/// The judgement about all processes at a file.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// There is no claimant. There may be successors that the text does not name yet.
    Nobody,
    /// This one is the claimant.
    One(Standing),
    /// Several processes own their byte, and none of them may replace the others.
    Several(Vec<Standing>),
    /// A process without a PID in our PID namespace owns a byte, or too many locks are held.
    Invisible,
}

/// Asks the kernel for the claimant without taking a lock.
pub(crate) fn judge(file: &PidFile) -> Result<Verdict> {
    let named = named(file)?;
    let alone =
        |byte: i32| !byte_lock::is_locked(file, 1..=byte - 1) && !byte_lock::is_locked(file, byte + 1..=HIGHEST_PID);
    match named {
        Some(standing) if alone(standing.byte.as_raw()) => Ok(Verdict::One(standing)),
        None if !byte_lock::is_locked(file, 1..=HIGHEST_PID) => Ok(Verdict::Nobody),
        named => judge_all(file, named),
    }
}

fn judge_all(file: &PidFile, named: Option<Standing>) -> Result<Verdict> {
    let Some(all) = standing(file)? else { return Ok(Verdict::Invisible) };
    let named = named_by_attribute(file)?.or(named);
    let rivals: Vec<Standing> =
        all.into_iter().filter(|one| !one.is_successor && named.is_none_or(|named| named.pid != one.pid)).collect();
    Ok(match (named, &rivals[..]) {
        (Some(named), []) => Verdict::One(named),
        // A restart has written its PID, and the old daemon has not ended yet.
        (Some(named), rivals) if named.may_replace(rivals) => Verdict::One(named),
        (None, []) => Verdict::Nobody,
        (None, [one]) => Verdict::One(*one),
        (named, rivals) => Verdict::Several(named.into_iter().chain(rivals.iter().copied()).collect()),
    })
}

/// The process that the text names, if its byte has a verified owner.
pub(crate) fn named(file: &PidFile) -> Result<Option<Standing>> {
    // Race: recycled-pid (docs/races.md)
    match file.text()? {
        Text::Names(pid) => owner_of(file, pid),
        Text::Empty | Text::Garbage(_) => Ok(None),
    }
}

/// The process that is on record: the one that the PID attribute names, or else the one that the text names, if its byte
/// has a verified owner.
pub(crate) fn recorded(file: &PidFile) -> Result<Option<Standing>> {
    named_by_attribute(file)?.map_or_else(|| named(file), |standing| Ok(Some(standing)))
}

/// The process that the PID attribute names, if its byte has a verified owner. The text can be the lie of a worker.
fn named_by_attribute(file: &PidFile) -> Result<Option<Standing>> {
    // Race: worker-denies-successor (docs/races.md)
    let Some(attribute) = file.attribute() else { return Ok(None) };
    Ok(owner_of(file, attribute.pid)?.filter(|standing| attribute.is_younger_than(standing.pid)))
}

/// Every process with a verified owner; `None` if one has no PID here, or if there are too many locks.
pub(crate) fn standing(file: &PidFile) -> Result<Option<Vec<Standing>>> {
    let ranges = match byte_lock::locked_ranges(file) {
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => return Ok(Some(vec![])),
        ranges => ranges.act("ask who owns", "the bytes")?,
    };
    let Some(ranges) = ranges else { return Ok(None) };
    let mut found = Vec::new();
    for range in ranges {
        let Some(owner) = range.pid else { return Ok(None) };
        let own = i64::from(owner.as_raw());
        let covers_own = own >= range.start && (range.length == 0 || own < range.start + range.length);
        let byte = i32::try_from(range.start).ok().and_then(pid::numbered);
        let byte = if covers_own { Some(owner) } else { byte.filter(|_| range.length == 1) };
        if let Some(byte) = byte
            && let Some(one) = verify_owner(file, owner, byte)?
        {
            found.push(one);
        }
    }
    Ok(Some(found))
}

/// The process behind the byte with this offset, if the byte has a verified owner.
pub(crate) fn owner_of(file: &PidFile, byte: Pid) -> Result<Option<Standing>> {
    match owner(file, byte)?.and_then(|owner| owner.pid) {
        Some(owner) => verify_owner(file, owner, byte),
        None => Ok(None),
    }
}

/// The owner of the byte of `pid`; `None` on a file system without record locks.
pub(crate) fn owner(file: &PidFile, pid: Pid) -> Result<Option<Owner>> {
    match byte_lock::owner(file, pid) {
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(None),
        answer => answer.act("ask who owns", format!("byte {pid}")),
    }
}

/// Resolves the owner of a byte to the process that it stands for. It pins the owner first: while the owner lives and
/// owns the byte, its PID cannot have been recycled.
fn verify_owner(file: &PidFile, by: Pid, byte: Pid) -> Result<Option<Standing>> {
    // Race: lock-outlives-owner (docs/races.md)
    let held = match PidFd::open(by) {
        Ok(Some(held)) => Some(held),
        Ok(None) => return Ok(None),
        // If a process cannot be pinned, it cannot be signalled either. Then this serves a status only.
        Err(_) => None,
    };
    let pid = if by == byte {
        Some(by)
    } else if owner(file, byte)?.and_then(|owner| owner.pid) == Some(by) {
        // A parent counts for a child that it could signal itself, not for a child that has changed its user
        // (execve(2)).
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

/// The PID, in our PID namespace, of the process for which `owner` owns the byte `named`: itself, its unreaped child,
/// or one of the two under the PID that it has in its own PID namespace.
fn resolve(owner: Pid, named: Pid) -> Option<Pid> {
    let inner = procfs::numbers_in_namespaces(owner);
    if inner.len() > 1 {
        let is_named = |pid: &Pid| procfs::numbers_in_namespaces(*pid).last() == Some(&named.as_raw());
        return is_named(&owner).then_some(owner).or_else(|| children(owner).find(is_named));
    }
    is_child(named, owner).then_some(named)
}

fn is_child(pid: Pid, parent: Pid) -> bool {
    procfs::stat(pid).is_some_and(|stat| stat.parent == parent.as_raw()) && PidFd::is_alive(pid)
}

fn children(parent: Pid) -> impl Iterator<Item = Pid> {
    procfs::processes().filter(move |&pid| is_child(pid, parent))
}

/// The answer of the owner's own list of locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// The list has the byte.
    Proven,
    /// The list does not have the byte. The lock belongs to a process that shared its table of descriptors with a
    /// process of that PID.
    Refuted,
    /// The list may not be read, or it is too long.
    Hidden,
}

impl Standing {
    /// Looks for the byte in the list of the process itself or of its parent. The caller has pinned that process.
    pub(crate) fn proof(&self, file: &PidFile) -> Proof {
        let (byte, deadline) = (self.byte.as_raw().into(), Deadline::after(AT_MOST));
        let owns = file.locked_file().map(|locked| fdinfo::owns_byte(self.owner, locked, byte, deadline));
        match owns {
            Ok(Ok(true)) => Proof::Proven,
            Ok(Ok(false)) => Proof::Refuted,
            // If other users' processes are hidden, /proc does not show a process that lives (proc(5), hidepid).
            Ok(Err(_)) | Err(_) => Proof::Hidden,
        }
    }

    /// Whether it may replace the others: it is a successor, and could have signalled each of them itself.
    pub(crate) fn may_replace(&self, others: &[Standing]) -> bool {
        self.is_successor && others.iter().all(|other| has_power_over(self.pid, other.pid))
    }
}

/// Whether one process may signal the other, judged by their users (kill(2)).
pub(crate) fn has_power_over(one: Pid, other: Pid) -> bool {
    const ROOT: u32 = 0;
    match (procfs::users(one), procfs::users(other)) {
        (Some(ones), Some(others)) => ones.iter().any(|user| *user == ROOT || others.contains(user)),
        _ => false,
    }
}
