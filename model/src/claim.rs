//! `pidfile claim`: the flock, the second look at the path, the byte, the text, the exec; in this process, in a child of a
//! launcher (`--background`), or for the child of a supervisor.

use crate::kernel::{Byte, Flock, Ofd, Pid, Slot, World};
use crate::moves::{LOOK, Mover};
use crate::process::{At, Leftover, Plan, Process};
use crate::promises;
use crate::setup::Flaw;

/// Who owns the byte of a number, as F_GETLK tells everybody but the owner.
pub fn owner(w: &World, asks: Slot, ofd: Ofd, pid: Pid) -> Option<Slot> {
    w.file(ofd).bytes[pid as usize][Byte::Own as usize].filter(|&owner| owner != asks)
}

/// Who stands behind a number: its owner, or a child of the process that now has the owner's number.
pub fn stood_for(w: &World, owner: Pid, named: Pid) -> Option<Slot> {
    let slot = w.living(named)?;
    let parent = w.of(slot).parent.map(|parent| w.of(parent).pid);
    (owner == named || parent == Some(owner)).then_some(slot)
}

/// Whether anybody else has locked the byte of a number.
pub fn any_lock(w: &World, asks: Slot, ofd: Ofd) -> bool {
    w.file(ofd).bytes.iter().any(|[own, _]| own.is_some_and(|owner| owner != asks))
}

fn give_up(m: &mut Mover) {
    m.exit("pidfile::claim::busy", "says that it is claimed");
}

/// The steps of a claim.
pub fn moves(m: &mut Mover) {
    let (slot, p, setup) = (m.slot, m.process().clone(), m.setup);
    let flawed = setup.has(Flaw::LockAfterWrite);
    match (p.at, p.claim) {
        (At::Open, _) => m.step("core::claim::open", "opens the file", |w| {
            let ofd = w.create_and_open(slot)?;
            let p = w.of_mut(slot);
            let lock = if p.plan == Plan::Foreign { At::ForeignLock } else { At::Lock };
            (p.claim, p.at) = (Some(ofd), if flawed { At::NameText } else { lock });
            Some(())
        }),
        (At::AwaitTicket, _) => await_ticket(m),
        (_, Some(ofd)) => with_file(m, &p, ofd),
        _ => {}
    }
}

fn with_file(m: &mut Mover, p: &Process, ofd: Ofd) {
    let (slot, setup) = (m.slot, m.setup);
    let at_path = m.world.path == Some(m.world.inode(ofd));
    let start_over = |m: &mut Mover, code, does, at| {
        m.go(code, does, at, |w| {
            w.close(slot, ofd);
            w.of_mut(slot).claim = None;
        });
    };
    match p.at {
        At::Lock => match m.world.clone().lock(slot, ofd) {
            true => {
                let next = if setup.has(Flaw::NoRecheck) { At::ClaimTicket } else { At::Recheck };
                m.go("core::lock::wait::try_flock", "takes the flock", next, |w| {
                    w.lock(slot, ofd);
                    w.of_mut(slot).was_at = at_path;
                    w.file_mut(ofd).caller *= u8::from(setup.casts(Plan::Stop));
                });
            }
            false => m.go("core::lock::wait::try_flock", "is refused the flock", At::Refused, |_| {}),
        },
        At::Refused => refused(m, ofd),
        At::Recheck if at_path => {
            m.go("core::lock::wait::still_at", "finds the file at its path", At::ClaimTicket, |_| {})
        }
        At::Recheck => start_over(m, "core::lock::wait::still_at", "finds another file at the path", At::Open),
        At::ClaimTicket => match m.world.file(ofd).ticket {
            Some(_) if !setup.has(Flaw::NoTicket) => {
                start_over(
                    m,
                    "core::claim::restart_lock::try_take",
                    "sees that a restart is under way",
                    At::AwaitTicket,
                );
            }
            _ => m.go("core::claim::restart_lock::try_take", "keeps restarts away", At::AnyLock, |w| {
                let file = w.file_mut(ofd);
                if file.ticket.is_none() && !setup.has(Flaw::TicketOnlyAsked) {
                    file.ticket = Some(ofd);
                }
            }),
        },
        At::AnyLock => match any_lock(m.world, slot, ofd) {
            true => m.go("core::claim::byte_lock::is_locked", "sees a record lock", At::ClaimText, |_| {}),
            false => ours(m, "core::claim::byte_lock::is_locked", "sees no record lock"),
        },
        At::ClaimText => m.go("core::claim::owner::claimant", "reads the text", At::ClaimOwner, |w| {
            w.of_mut(slot).named = w.file(ofd).text;
        }),
        At::ClaimOwner => match owner(m.world, slot, ofd, p.named).map(|o| m.world.of(o).pid) {
            Some(o) if stood_for(m.world, o, p.named).is_some() => give_up(m),
            _ => ours(m, "core::claim::owner::claimant", "hears that nobody is vouched for"),
        },
        At::Ours => {
            let next = match any_lock(m.world, slot, ofd) {
                true => LOOK,
                false => after_leftovers(p.plan),
            };
            m.go("core::claim::restart_lock::abandoned_successors", "asks for leftovers of restarts", next, |w| {
                // The text before matters only where it may be restored.
                if p.plan == Plan::Supervise || setup.exec_fails {
                    w.of_mut(slot).before = w.file(ofd).text;
                }
            });
        }
        At::Fork => {}
        _ => name(m, p, ofd),
    }
}

/// What comes once nothing is left of an earlier restart.
pub fn after_leftovers(plan: Plan) -> At {
    if plan == Plan::Claim { At::NameByte } else { At::Fork }
}

fn ours(m: &mut Mover, code: &'static str, does: &'static str) {
    let slot = m.slot;
    let next = if m.setup.has(Flaw::LockAfterWrite) { At::Exec } else { At::Ours };
    m.go(code, does, next, |w| w.of_mut(slot).named = 0);
}

fn refused(m: &mut Mover, ofd: Ofd) {
    let (slot, world) = (m.slot, m.world);
    let named = world.file(ofd).text;
    let vouched = owner(world, slot, ofd, named).and_then(|o| stood_for(world, world.of(o).pid, named));
    let only_probed = matches!(world.file(ofd).flock, Flock::Shared(_));
    if vouched.is_some() {
        give_up(m);
        return;
    }
    if m.setup.has(Flaw::NoRetry) {
        m.step("(the flaw)", "does not try again", |w| {
            w.end(slot);
            w.broken = only_probed.then_some("never busy because of a reader");
            Some(())
        });
        return;
    }
    m.go("core::claim::take_flock", "hears that nobody is vouched for, and tries again", At::Lock, |_| {});
    // A probe is over long before the patience is.
    if !only_probed {
        give_up(m);
        if named != 0 && world.living(named).is_none() {
            m.go("pidfile::claim::Claim::hold", "finds it orphaned", At::Left(Leftover::Open, 1), |w| {
                w.close(slot, ofd);
                w.of_mut(slot).claim = None;
            });
        }
    }
}

fn await_ticket(m: &mut Mover) {
    let taken = m.world.path.is_some_and(|inode| m.world.files[inode as usize].ticket.is_some());
    if taken {
        give_up(m);
    } else {
        m.go("core::claim::restart_lock::RestartLock::take_by", "sees the end of the restart", At::Open, |_| {});
    }
}

/// The naming: by the process that is to become the daemon.
fn name(m: &mut Mover, p: &Process, ofd: Ofd) {
    let (slot, pid) = (m.slot, p.pid);
    let flawed = m.setup.has(Flaw::LockAfterWrite);
    match p.at {
        At::NameByte => match owner(m.world, slot, ofd, pid) {
            None => m.go("core::claim::byte_lock::take", "locks its byte", At::NameText, |w| {
                w.take_byte(slot, ofd, pid, Byte::Own);
            }),
            Some(_) => m.exit("core::claim::guard::ClaimGuard::not_recorded", "cannot lock its byte"),
        },
        At::NameText => {
            let next = if flawed { At::Lock } else { At::Exec };
            m.go("core::claim::record_pid::write_text", "writes its number", next, |w| {
                w.file_mut(ofd).text = pid;
                w.of_mut(slot).claims = true;
                promises::claimed(w, slot);
            });
        }
        At::Exec => {
            m.go("core::process::child::become_command", "becomes COMMAND", At::Daemon, |w| exec(w, slot));
            if m.setup.exec_fails && p.plan == Plan::Claim {
                let blind = m.setup.has(Flaw::PutBackBlindly);
                let next = if blind { At::PutBack } else { At::PutBackTicket };
                m.go("core::process::child::become_command", "cannot become COMMAND", next, |w| free_ticket(w, ofd));
            }
        }
        At::PutBackTicket => match m.world.file(ofd).ticket {
            None => m.go("core::claim::guard::ClaimGuard::unname", "keeps restarts away", At::PutBack, |w| {
                w.file_mut(ofd).ticket = Some(ofd);
            }),
            Some(_) => {
                m.exit("core::claim::guard::ClaimGuard::unname", "leaves the text to the restart that is under way")
            }
        },
        At::PutBack => {
            m.step("core::claim::guard::ClaimGuard::unname", "restores the text, if it names nobody else; ends", |w| {
                let text = w.file(ofd).text;
                let another = owner(w, slot, ofd, text).and_then(|o| stood_for(w, w.of(o).pid, text));
                if another.is_none() || m.setup.has(Flaw::PutBackBlindly) {
                    w.file_mut(ofd).text = p.before;
                }
                w.end(slot);
                Some(())
            })
        }
        At::Watch => watch(m, p, ofd),
        At::Vouch => vouch(m, p, ofd),
        _ => {}
    }
}

fn free_ticket(w: &mut World, ofd: Ofd) {
    let file = w.file_mut(ofd);
    if file.ticket == Some(ofd) {
        file.ticket = None;
    }
}

/// The ticket is given back; then execve(2) closes every descriptor but the one of the claim.
fn exec(w: &mut World, slot: Slot) {
    let p = w.of(slot);
    let (fds, claim) = (p.fds, p.claim);
    // A newcomer has not taken it; by the same description another may have.
    if let Some(claim) = claim.filter(|_| !p.newcomer) {
        free_ticket(w, claim);
    }
    for ofd in (0..crate::kernel::OFDS as Ofd).filter(|&ofd| fds & (1 << ofd) != 0 && Some(ofd) != claim) {
        w.close(slot, ofd);
    }
    let p = w.of_mut(slot);
    (p.read, p.ticket, p.named, p.before, p.was_at) = (None, None, 0, 0, false);
}

/// fork(2), of one that inherits every descriptor.
pub fn fork(m: &mut Mover, at: At, next: At) {
    let slot = m.slot;
    let pids: Vec<Pid> = m.world.free_pids().filter(|&pid| pid <= m.setup.pids).collect();
    for pid in pids {
        m.step("core::process::child::Child::try_spawn", "forks", |w| {
            let us = w.of(slot);
            let child = Process {
                parent: Some(slot),
                fds: us.fds,
                claim: us.claim,
                ticket: us.ticket,
                was_at: us.was_at,
                unshared: us.unshared,
                newcomer: us.plan == Plan::Replace,
                minder: (us.plan == Plan::Replace).then_some(slot),
                ..Process::new(pid, Plan::Child, at)
            };
            let child = w.born(child);
            let us = w.of_mut(slot);
            (us.child, us.at) = (Some(child), next);
            Some(())
        });
    }
}

/// Reaps the child.
pub fn reap(w: &mut World, slot: Slot) {
    if let Some(child) = w.of_mut(slot).child.take() {
        w.processes[child as usize] = None;
    }
}

/// How a launcher's child fares.
pub fn child_of<'a>(m: &Mover<'a>) -> Option<&'a Process> {
    m.process().child.map(|child| m.world.of(child))
}

fn watch(m: &mut Mover, p: &Process, _: Ofd) {
    let slot = m.slot;
    match child_of(m) {
        None => m.exit("pidfile::claim::supervise::watch_over", "ends as COMMAND ended"),
        Some(child) if child.zombie => m.step("core::process::child::Child::reap", "reaps its child", |w| {
            reap(w, slot);
            // A supervisor ends in a moment of its own; the number of its child is free meanwhile.
            if p.plan != Plan::Supervise {
                w.end(slot);
            }
            Some(())
        }),
        Some(child) if p.plan == Plan::Background && matches!(child.at, At::Daemon | At::Stranger) => {
            m.exit("pidfile::claim::start::Start::run", "has started it, and ends");
        }
        _ => {}
    }
}

fn vouch(m: &mut Mover, p: &Process, ofd: Ofd) {
    let slot = m.slot;
    let Some(child) = child_of(m) else { return };
    if !child.zombie && !matches!(child.at, At::Daemon | At::Stranger) {
        return;
    }
    // It cannot tell yet whether the child has ended; nobody reaps it meanwhile.
    let pid = child.pid;
    match owner(m.world, slot, ofd, pid) {
        None => m.go("core::claim::guard::ClaimGuard::vouch_for", "locks the byte of its child", At::Watch, |w| {
            w.take_byte(slot, ofd, pid, Byte::Own);
        }),
        Some(_) => {
            m.step("core::claim::guard::ClaimGuard::put_back_text", "cannot vouch: kills its child, and ends", |w| {
                if let Some(child) = p.child.filter(|&child| !w.of(child).zombie) {
                    w.end(child);
                }
                w.file_mut(ofd).text = p.before;
                reap(w, slot);
                w.end(slot);
                Some(())
            })
        }
    }
}
