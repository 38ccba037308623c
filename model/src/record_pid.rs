//! The claim names the process that is to become the daemon: its byte, its number, its exec.

use crate::at::At;
use crate::kernel::{Byte, World};
use crate::launch::{vouch, watch};
use crate::mover::Mover;
use crate::numbers::{OFDS, Ofd, Slot};
use crate::owner::{owner, stands};
use crate::process::{PidFd, Plan, Process};
use crate::promises;
use crate::setup::Flaw;

/// The steps from the byte to the exec, and back where COMMAND cannot be executed.
pub fn moves(m: &mut Mover, p: &Process, ofd: Ofd) {
    let (slot, pid) = (m.slot, p.pid);
    let flawed = m.setup.has(Flaw::LockAfterWrite);
    match p.at {
        At::NameByte => match owner(m.world, slot, m.world.inode(ofd), pid) {
            None => m.go("core::sys::steps::Step::take", "locks its byte", At::NameText, |w| {
                w.take_byte(slot, ofd, pid, Byte::Own);
            }),
            Some(_) => m.exit("core::claim::recording::ClaimGuard::not_recorded", "cannot lock its byte"),
        },
        At::NameText => {
            let next = if flawed { At::Lock } else { At::Exec };
            m.go("core::sys::steps::write_pid", "writes its number", next, |w| {
                w.record(ofd, pid);
                w.process_mut(slot).claims = true;
                promises::claimed(w, slot);
            });
        }
        At::Exec => {
            m.go("core::process::child::become_command", "becomes COMMAND", At::Daemon, |w| exec(w, slot));
            if m.setup.exec_fails && p.plan == Plan::Claim {
                let blind = m.setup.has(Flaw::PutBackBlindly);
                let next = if blind { At::PutBack } else { At::PutBackRestartLock };
                m.go("core::process::child::become_command", "cannot become COMMAND", next, |w| {
                    free_restart_lock(w, ofd)
                });
            }
        }
        At::PutBackRestartLock => match m.world.file(ofd).restart_lock {
            None => m.go("core::claim::recording::ClaimGuard::unname", "keeps restarts away", At::PutBack, |w| {
                w.file_mut(ofd).restart_lock = Some(ofd);
            }),
            Some(_) => {
                m.exit("core::claim::recording::ClaimGuard::unname", "leaves the text to the restart that is under way")
            }
        },
        At::PutBack => m.step(
            "core::claim::recording::ClaimGuard::unname",
            "restores the text, if it names nobody else; ends",
            |w| {
                let another = stands(w, slot, w.inode(ofd), w.file(ofd).text);
                if another.is_none() || m.setup.has(Flaw::PutBackBlindly) {
                    w.restore(ofd, p.before, w.process(slot).attribute_before);
                }
                w.end(slot);
                Some(())
            },
        ),
        At::Watch => watch(m, p, ofd),
        At::Vouch => vouch(m, p, ofd),
        _ => {}
    }
}

/// The restart lock is given back, if it was taken through this description.
pub fn free_restart_lock(w: &mut World, ofd: Ofd) {
    let file = w.file_mut(ofd);
    if file.restart_lock == Some(ofd) {
        file.restart_lock = None;
    }
}

/// The restart lock is given back; then execve(2) closes every descriptor but the one of the claim.
fn exec(w: &mut World, slot: Slot) {
    let p = w.process(slot);
    let (fds, claim) = (p.fds, p.claim);
    // A successor has not taken it; by the same description another may have.
    if let Some(claim) = claim.filter(|_| !p.successor) {
        free_restart_lock(w, claim);
    }
    for ofd in (0..OFDS as Ofd).filter(|&ofd| fds & (1 << ofd) != 0 && Some(ofd) != claim) {
        w.close(slot, ofd);
    }
    let p = w.process_mut(slot);
    (p.read, p.restart_lock, p.named, p.before, p.was_at) = (None, None, 0, 0, false);
    p.attribute_before = PidFd::None;
}
