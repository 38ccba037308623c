//! `pidfile claim --replace`: the restart lock, the old one, the shared claim, the successor, the switch; and the way back.

use crate::at::At;
use crate::kernel::{Byte, Flock, World};
use crate::launch::{child_of, fork, reap};
use crate::mover::{LOOK, Mover};
use crate::numbers::Ofd;
use crate::owner::stands;
use crate::process::{PidFd, Plan, Process};
use crate::setup::Flaw;

/// The steps of a restart.
pub fn moves(m: &mut Mover) {
    let (slot, p, setup) = (m.slot, m.process().clone(), m.setup);
    match (p.at, p.restart_lock, p.claim) {
        (At::RestartOpen, ..) => m.step("core::claim::restart_lock::RestartLock::take_by", "opens the file", |w| {
            let ofd = w.create_and_open(slot)?;
            let p = w.process_mut(slot);
            (p.restart_lock, p.at) = (Some(ofd), At::RestartTake);
            Some(())
        }),
        (At::RestartTake, Some(restart_lock), _) if m.world.file(restart_lock).restart_lock.is_none() => {
            m.go("core::claim::byte_lock::ofd_take", "takes the restart lock", At::RestartRecheck, |w| {
                w.file_mut(restart_lock).restart_lock = Some(restart_lock);
            });
        }
        (At::RestartRecheck, Some(restart_lock), _) => match m.world.path == Some(m.world.inode(restart_lock)) {
            true => m.go("core::lock::wait::still_at", "finds the file at its path", LOOK, |_| {}),
            false => m.go("core::lock::wait::still_at", "finds another file at the path", At::RestartOpen, |w| {
                w.close(slot, restart_lock);
                w.process_mut(slot).restart_lock = None;
            }),
        },
        (At::Share, ..) => share(m, &p),
        // A worker has written since the claim was shared.
        (At::NameOld, _, Some(claim)) if names_the_old_one(m, &p, claim) => {
            m.go("core::claim::recording::ClaimGuard::name_old", "finds the number of the old one", At::Fork, |_| {});
        }
        (At::NameOld, _, Some(claim)) => {
            m.go("core::claim::recording::ClaimGuard::name_old", "writes the number of the old one", At::Fork, |w| {
                if let PidFd::At(old) = p.old {
                    let old = w.process(old).pid;
                    w.record(claim, old);
                    let content = w.content(claim, setup);
                    let p = w.process_mut(slot);
                    (p.before, p.attribute_before) = content;
                }
            });
        }
        (At::Fork, ..) => match p.plan {
            Plan::Replace => fork(m, At::SuccessorRestartLock, At::Ready),
            Plan::Supervise => fork(m, At::NameText, At::Vouch),
            _ => fork(m, At::NameByte, At::Watch),
        },
        (At::SuccessorRestartLock | At::SuccessorMark | At::SuccessorByte, _, Some(claim)) => successor(m, &p, claim),
        (_, _, Some(claim)) => launcher_moves(m, &p, claim),
        _ => {}
    }
}

fn names_the_old_one(m: &Mover, p: &Process, claim: Ofd) -> bool {
    let text = m.world.file(claim).text;
    text != 0 && stands(m.world, m.slot, m.world.inode(claim), text).is_some_and(|slot| p.old == PidFd::At(slot))
}

fn share(m: &mut Mover, p: &Process) {
    let (slot, world, setup) = (m.slot, m.world, m.setup);
    let code = "core::claim::ways::ClaimGuard::shared_with";
    let theirs = world.path.and_then(|inode| match (p.old, world.files[inode as usize].flock) {
        (PidFd::At(old), Flock::Exclusive(ofd)) if world.process(old).fds & (1 << ofd) != 0 => Some(ofd),
        _ => None,
    });
    let held = |w: &mut World, ofd: Ofd, unshared| {
        let (before, attribute) = w.content(ofd, setup);
        let old = match p.old {
            PidFd::At(old) => w.process(old).pid,
            _ => before,
        };
        let p = w.process_mut(slot);
        p.fds |= 1 << ofd;
        (p.claim, p.before, p.attribute_before, p.unshared) = (Some(ofd), before, attribute, unshared);
        p.at = if before == old { At::Fork } else { At::NameOld };
    };
    if let Some(ofd) = theirs {
        m.step(code, "shares the claim of the old one", |w| {
            held(w, ofd, false);
            Some(())
        });
    }
    if theirs.is_none() || m.setup.unshared {
        m.step("core::claim::ways::ClaimGuard::unlocked", "cannot share the claim, and opens the file", |w| {
            let ofd = w.create_and_open(slot)?;
            held(w, ofd, true);
            Some(())
        });
    }
}

/// The successor, between fork and exec.
fn successor(m: &mut Mover, p: &Process, claim: Ofd) {
    let (slot, pid) = (m.slot, p.pid);
    match p.at {
        At::SuccessorRestartLock => {
            let kept = m.setup.has(Flaw::RestartLockIsInherited);
            m.go("core::process::pre_exec::close_first", "closes the restart lock", At::SuccessorMark, |w| {
                if let (false, Some(restart_lock)) = (kept, p.restart_lock) {
                    w.close(slot, restart_lock);
                    w.process_mut(slot).restart_lock = None;
                }
            });
        }
        At::SuccessorMark => {
            m.step("core::claim::record_pid::RecordPid::lock_as_successor", "marks itself as a successor", |w| {
                match w.take_byte(slot, claim, pid, Byte::Mark) {
                    true => w.process_mut(slot).at = At::SuccessorByte,
                    false => w.end(slot),
                }
                Some(())
            })
        }
        _ => m.step("core::sys::steps::Step::take", "locks its byte", |w| {
            match w.take_byte(slot, claim, pid, Byte::Own) {
                true => w.process_mut(slot).at = At::Exec,
                false => w.end(slot),
            }
            Some(())
        }),
    }
}

/// The launcher, from the start of the successor on.
fn launcher_moves(m: &mut Mover, p: &Process, claim: Ofd) {
    let slot = m.slot;
    let Some(new) = p.child else { return };
    let (dead, runs, pid) = match child_of(m) {
        Some(child) => (child.zombie, matches!(child.at, At::Daemon | At::Stranger), child.pid),
        None => return,
    };
    let inode = m.world.inode(claim);
    let mut fails = |at| m.go("pidfile::claim::replace::Restart::run", "the new one is not to be", at, |_| {});
    match p.at {
        At::Ready => {
            fails(At::Undo);
            let has = stands(m.world, slot, inode, pid) == Some(new) || !dead && m.world.holds(new, inode);
            if runs && has {
                let code = "pidfile::claim::ready::alive_and_claimed";
                m.go(code, "sees that the new one is ready, alive and has its claim", At::Switch, |_| {});
            }
        }
        At::Switch => {
            m.go("pidfile::claim::replace::Restart::switch", "writes the number of the new one", At::SignalOld, |w| {
                w.record(claim, pid);
                announced(w, slot, p, true);
                // The old one has ended already, and unlocked what both share.
                w.process_mut(new).unshared |= w.file(claim).flock != Flock::Exclusive(claim);
            })
        }
        At::SignalOld => {
            fails(if p.old == PidFd::Gone { At::Undo } else { At::PutOldBack });
            m.go("pidfile::signal::send", "sends the signal", At::StopOld, |w| {
                if let PidFd::At(old) = p.old {
                    w.process_mut(old).signalled = true;
                }
            });
        }
        At::StopOld => {
            // It dies, the time is over, a signal comes.
            fails(if p.old == PidFd::Gone { At::Undo } else { At::PutOldBack });
            if p.old == PidFd::Gone {
                m.go(
                    "pidfile::claim::replace::Restart::stop_old",
                    "sees the end of the old one",
                    At::LockShared,
                    |_| {},
                );
            }
        }
        At::PutOldBack => {
            m.go("core::claim::recording::ClaimGuard::put_back_text", "restores the text", At::Undo, |w| {
                w.restore(claim, p.before, p.attribute_before);
                announced(w, slot, p, false);
            })
        }
        At::LockShared if m.setup.has(Flaw::NotLockedAgain) => {
            m.go("(the flaw)", "does not look at the lock", At::Done, |w| {
                w.process_mut(new).unshared = false;
            })
        }
        At::LockShared => match m.world.clone().lock(slot, claim) {
            true => m.go("pidfile::claim::replace::Restart::lock", "takes the lock", At::Done, |w| {
                w.lock(slot, claim);
                w.process_mut(new).unshared = false;
            }),
            false => m.go("pidfile::claim::replace::Restart::lock", "finds the lock taken", At::Undo, |_| {}),
        },
        At::Undo => m.go("core::process::subreaper::Subreaper::end", "ends and reaps the new one", At::Done, |w| {
            if !w.process(new).zombie {
                w.end(new);
            }
            reap(w, slot);
        }),
        _ => {}
    }
}

/// The switch, or the way back: who is the claimant from now on.
fn announced(w: &mut World, slot: u8, p: &Process, new_one: bool) {
    if let Some(new) = p.child.filter(|&new| !w.process(new).zombie) {
        let new = w.process_mut(new);
        (new.claims, new.successor) = (new_one, !new_one);
        new.launcher = (!new_one).then_some(slot);
    }
    if let PidFd::At(old) = p.old {
        let old = w.process_mut(old);
        match new_one {
            true => (old.superseded, old.claims) = (old.claims || old.superseded, false),
            false => (old.claims, old.superseded) = (old.claims || old.superseded, false),
        }
        old.launcher = new_one.then_some(slot);
    }
}
