//! Who owns the byte of a number, who stands behind the number, and who the claimant is by that.

use crate::kernel::{Byte, World};
use crate::numbers::{Inode, PIDS, Pid, Slot};
use crate::process::PidFd;
use crate::setup::{Flaw, Setup};

/// Who the claimant is, all in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody stands, but for successors that the text does not name.
    Nobody,
    /// This one.
    One(Pid),
    /// Several stand, and none of them may replace the others.
    Several,
}

/// Who owns the byte of a number, as F_GETLK tells everybody but the owner: a number, which may be a dead one.
pub fn owner(w: &World, asks: Slot, inode: Inode, byte: Pid) -> Option<Pid> {
    w.files[inode as usize].bytes[byte as usize][Byte::Own as usize]
        .filter(|lock| lock.table != asks)
        .map(|lock| lock.pid)
}

/// Who stands behind a number: its owner, or a child of the process that now has the owner's number.
pub fn stood_for(w: &World, owner: Pid, named: Pid) -> Option<Slot> {
    let slot = w.living(named)?;
    let parent = w.process(slot).parent.map(|parent| w.process(parent).pid);
    (owner == named || parent == Some(owner)).then_some(slot)
}

/// Who stands behind the byte of a number.
pub fn stands(w: &World, asks: Slot, inode: Inode, byte: Pid) -> Option<Slot> {
    owner(w, asks, inode, byte).and_then(|owner| stood_for(w, owner, byte))
}

/// Whether the owner of a byte has marked itself as the successor of a restart.
pub fn is_successor(w: &World, asks: Slot, inode: Inode, byte: Pid) -> bool {
    let mark = w.files[inode as usize].bytes[byte as usize][Byte::Mark as usize];
    mark.is_some_and(|mark| mark.table != asks && Some(mark.pid) == owner(w, asks, inode, byte))
}

/// Whether the list of locks of the owner itself (fdinfo) has the lock: not if the number is another process's by now.
pub fn is_proven(w: &World, inode: Inode, byte: Pid) -> bool {
    let lock = w.files[inode as usize].bytes[byte as usize][Byte::Own as usize];
    lock.is_some_and(|lock| w.living(lock.pid) == Some(lock.table))
}

/// Whether anybody else has locked the byte of a number.
pub fn any_lock(w: &World, asks: Slot, inode: Inode) -> bool {
    (1..=PIDS as Pid).any(|byte| owner(w, asks, inode, byte).is_some())
}

/// The process on record: the one that the attribute names, or else the one that the text names, if that one stands.
pub fn recorded(w: &World, asks: Slot, inode: Inode, text: Pid, setup: &Setup) -> Option<Pid> {
    let by_attribute = match w.files[inode as usize].attribute {
        PidFd::At(slot) if !setup.has(Flaw::TextOnRecord) => Some(w.process(slot).pid),
        _ => None,
    };
    let stands = |&pid: &Pid| stands(w, asks, inode, pid).is_some();
    by_attribute.filter(stands).or(Some(text).filter(|&text| text != 0).filter(stands))
}

/// Judges all who stand beside the one on record. `text` was read earlier, and named one who stood, or nobody.
pub fn judge(w: &World, asks: Slot, inode: Inode, text: Option<Pid>, setup: &Setup) -> Verdict {
    let named = recorded(w, asks, inode, 0, setup).or(text);
    let others = (1..=PIDS as Pid).filter(|&byte| named != Some(byte) && stands(w, asks, inode, byte).is_some());
    let rivals: Vec<Pid> = others.filter(|&byte| !is_successor(w, asks, inode, byte)).collect();
    match (named, &rivals[..]) {
        (None, []) => Verdict::Nobody,
        (None, _) if setup.has(Flaw::OnlyTheNamedIsAsked) => Verdict::Nobody,
        (None, &[one]) => Verdict::One(one),
        (Some(named), []) => Verdict::One(named),
        (Some(named), _) if setup.has(Flaw::OnlyTheNamedIsAsked) => Verdict::One(named),
        // A restart has told it to the text, and the old one is yet to end.
        (Some(named), _) if is_successor(w, asks, inode, named) => Verdict::One(named),
        _ => Verdict::Several,
    }
}

/// Reads the text and judges, in one step.
pub fn claimant(w: &World, asks: Slot, inode: Inode, setup: &Setup) -> Verdict {
    let named = recorded(w, asks, inode, w.files[inode as usize].text, setup);
    judge(w, asks, inode, named, setup)
}
