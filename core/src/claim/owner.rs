//! Who stands behind a number: the kernel's answer to "who owns this byte?", judged.
//!
//! Whoever may write the file can lock any byte of it, and must gain no power over a stranger by it: an owner vouches
//! for itself, and for a child that it has not reaped yet, and for nobody else.

use crate::claim::byte_lock::{self, Owner};
use crate::claim::pid_text::Text;
use crate::claim::status::{Claimant, Evidence, read_text};
use crate::error::{Context, Result};
use crate::process::pidfd::PidFd;
use crate::process::procfs;
use nix::errno::Errno;
use rustix::process::Pid;
use std::fs::File;

/// Asks the kernel for the living claimant, and takes nothing.
pub(crate) fn claimant(file: &File) -> Result<Option<Claimant>> {
    let named = match read_text(file)? {
        Text::Names(pid) => Some(pid),
        Text::Empty => None,
        Text::Garbage(_) => return Ok(None),
    };
    let Some(Owner { pid: Some(owner), whole_file }) = owner(file, named.unwrap_or(Pid::INIT))? else {
        return Ok(None);
    };
    let believed = match named {
        Some(named) => verify_owner(file, owner, named)?,
        None => None,
    };
    // A foreign program's claim: a record lock on the whole file. It is itself the claimant, whatever it has written.
    let believed = believed.or(whole_file.then_some(owner));
    Ok(believed.map(|pid| Claimant { pid, evidence: Evidence::Vouched }))
}

/// Who owns the byte of `pid`; nobody, on a file system without record locks.
pub(crate) fn owner(file: &File, pid: Pid) -> Result<Option<Owner>> {
    match byte_lock::owner(file, pid) {
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(None),
        answer => answer.act("ask who owns", format!("byte {pid}")),
    }
}

/// The number, valid here, of the process behind a byte.
pub(crate) fn owner_of(file: &File, byte: Pid) -> Result<Option<Pid>> {
    match owner(file, byte)?.and_then(|owner| owner.pid) {
        Some(owner) => verify_owner(file, owner, byte),
        None => Ok(None),
    }
}

/// Who stands behind a byte that the kernel says `by` owns. /proc knows a parent by its number only, so the owner is held:
/// while it lives and owns the byte, whoever has its number is it.
fn verify_owner(file: &File, by: Pid, named: Pid) -> Result<Option<Pid>> {
    if by == named { Ok(Some(named)) } else { verify_parent(file, by, named) }
}

fn verify_parent(file: &File, by: Pid, named: Pid) -> Result<Option<Pid>> {
    let held = match PidFd::open(by) {
        Ok(Some(held)) => Some(held),
        Ok(None) => return Ok(None),
        // Where a process cannot be held, none can be signalled either: a reading is all that comes of it.
        Err(_) => None,
    };
    if owner(file, named)?.and_then(|owner| owner.pid) != Some(by) {
        return Ok(None);
    }
    let standing = resolve(by, named);
    let ended = held.map_or(Ok(false), |owner| owner.has_ended())?;
    Ok(standing.filter(|_| !ended))
}

/// The number, valid here, of the process that `owner` vouches for by holding the byte `named`: itself, its unreaped
/// child, or one of the two under the number that it has in its own PID namespace.
fn resolve(owner: Pid, named: Pid) -> Option<Pid> {
    if owner == named {
        return Some(named);
    }
    let inner = procfs::numbers_in_namespaces(owner);
    if inner.len() > 1 {
        let is_named = |pid: &Pid| procfs::numbers_in_namespaces(*pid).last() == Some(&named.as_raw_pid());
        return is_named(&owner).then_some(owner).or_else(|| children(owner).find(is_named));
    }
    is_child(named, owner).then_some(named)
}

fn is_child(pid: Pid, parent: Pid) -> bool {
    procfs::stat(pid).is_some_and(|stat| stat.parent == parent.as_raw_pid() && !stat.zombie)
}

fn children(parent: Pid) -> impl Iterator<Item = Pid> {
    procfs::processes().filter(move |&pid| is_child(pid, parent))
}
