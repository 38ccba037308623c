//! Who owns the byte of a number, and who stands behind the number.

use crate::kernel::{Byte, World};
use crate::numbers::{Ofd, Pid, Slot};

/// Who owns the byte of a number, as F_GETLK tells everybody but the owner.
pub fn owner(w: &World, asks: Slot, ofd: Ofd, pid: Pid) -> Option<Slot> {
    w.file(ofd).bytes[pid as usize][Byte::Own as usize].filter(|&owner| owner != asks)
}

/// Who stands behind a number: its owner, or a child of the process that now has the owner's number.
pub fn stood_for(w: &World, owner: Pid, named: Pid) -> Option<Slot> {
    let slot = w.living(named)?;
    let parent = w.process(slot).parent.map(|parent| w.process(parent).pid);
    (owner == named || parent == Some(owner)).then_some(slot)
}

/// Whether anybody else has locked the byte of a number.
pub fn any_lock(w: &World, asks: Slot, ofd: Ofd) -> bool {
    w.file(ofd).bytes.iter().any(|[own, _]| own.is_some_and(|owner| owner != asks))
}
