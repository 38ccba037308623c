//! The look for what killed restarts have left, and its end.

use crate::claim::{after_leftovers, owner, stood_for};
use crate::kernel::{Byte, Flock, Ofd, Pid, Slot, World};
use crate::moves::{LOOK, Mover};
use crate::process::{Aim, At, Leftover, Plan, Process, Reading};
use crate::promises;
use crate::setup::Flaw;

/// The descriptor through which the process asks.
fn asks_through(p: &Process) -> Option<Ofd> {
    p.read.or(p.ticket).or(p.claim)
}

/// Who stands behind the byte of a number.
fn stands(w: &World, asks: Slot, ofd: Ofd, pid: Pid) -> Option<Slot> {
    owner(w, asks, ofd, pid).and_then(|o| stood_for(w, w.of(o).pid, pid))
}

fn is_another(w: &World, asks: Slot, ofd: Ofd, pid: Pid, named: Pid) -> bool {
    let marked = w.file(ofd).bytes[pid as usize][Byte::Mark as usize].is_some_and(|owner| owner != asks);
    named != pid && (marked || named != 0 && stands(w, asks, ofd, named).is_some())
}

/// The steps of the look, which asks byte after byte.
pub fn moves(m: &mut Mover, step: Leftover, pid: Pid) {
    let (slot, p, setup) = (m.slot, m.process().clone(), m.setup);
    if step == Leftover::Open {
        return open(m);
    }
    let Some(ofd) = asks_through(&p) else { return over(m, &p) };
    let next = At::Left(Leftover::Stands, pid + 1);
    let then = |step| At::Left(step, pid);
    let flawed = setup.has(Flaw::LeftoverJudgedFirst);
    let skip = |m: &mut Mover, code, does| m.go(code, does, next, |w| w.of_mut(slot).aim = Aim::None);
    match step {
        Leftover::Stands if flawed && pid == 1 && p.named == 0 => {
            m.go("(the flaw)", "reads the text, once for all", then(Leftover::Another), |w| {
                w.of_mut(slot).named = w.file(ofd).text;
            });
        }
        Leftover::Another if flawed => {
            m.go("(the flaw)", "asks whether another stands, once for all", At::Left(Leftover::Hold, pid), |w| {
                let text = w.file(ofd).text;
                w.of_mut(slot).another = text != 0 && stands(w, slot, ofd, text).is_some();
            });
        }
        Leftover::Stands => {
            let standing: Vec<Pid> =
                (pid..=setup.pids).filter(|&pid| stands(m.world, slot, ofd, pid).is_some()).collect();
            for &pid in &standing {
                let next = At::Left(Leftover::Hold, pid);
                m.go("core::claim::restart_lock::abandoned_successors", "sees who stands behind a byte", next, |_| {});
            }
            if standing.is_empty() {
                over(m, &p);
            }
        }
        Leftover::Hold => match m.world.living(pid) {
            Some(other) if !flawed || p.named != pid && (p.another || is_another(m.world, slot, ofd, pid, 0)) => {
                m.go("core::process::pidfd::PidFd::open", "holds it", then(Leftover::StandsAgain), |w| {
                    w.of_mut(slot).aim = Aim::At(other)
                });
            }
            _ => quietly(m, next),
        },
        Leftover::StandsAgain => match stands(m.world, slot, ofd, pid) {
            Some(_) => {
                let next = then(if flawed { Leftover::End } else { Leftover::Text });
                m.go("core::claim::restart_lock::is_unannounced", "sees that it still stands", next, |_| {});
            }
            None => skip(m, "core::claim::restart_lock::is_unannounced", "sees that it stands no more"),
        },
        Leftover::Text => m.go("core::claim::status::read_text", "reads the text", then(Leftover::Another), |w| {
            w.of_mut(slot).named = w.file(ofd).text;
        }),
        Leftover::Another => match is_another(m.world, slot, ofd, pid, p.named) {
            true => {
                m.go("core::claim::restart_lock::is_unannounced", "judges it a leftover", then(Leftover::End), |_| {})
            }
            false => skip(m, "core::claim::restart_lock::is_unannounced", "judges it none"),
        },
        Leftover::End => end(m, &p, then(Leftover::Await)),
        Leftover::Await if p.aim == Aim::Gone => skip(m, "pidfile::claim::leftovers::end", "sees its end"),
        Leftover::Await | Leftover::Open => {}
    }
}

/// Goes on without a step of its own worth telling.
fn quietly(m: &mut Mover, next: At) {
    m.go("core::claim::restart_lock::abandoned_successors", "goes on", next, |_| {});
}

fn open(m: &mut Mover) {
    let slot = m.slot;
    let Some(inode) = m.world.path else { return over(m, &m.process().clone()) };
    if m.world.files[inode as usize].ticket.is_some() {
        return over(m, &m.process().clone());
    }
    let once = m.setup.has(Flaw::TicketAskedOnce) || m.setup.has(Flaw::LeftoverJudgedFirst);
    m.step("core::claim::restart_lock::leftovers", "takes the ticket, to look for leftovers of restarts", |w| {
        let ofd = w.open_path(slot)?;
        w.file_mut(ofd).ticket = (!once).then_some(ofd);
        let p = w.of_mut(slot);
        (p.read, p.at, p.aim) = (Some(ofd), LOOK, if p.freeing || p.plan != Plan::Stop { Aim::None } else { p.aim });
        p.old = p.aim;
        Some(())
    });
}

fn end(m: &mut Mover, p: &Process, next: At) {
    let setup = m.setup;
    m.go("pidfile::claim::leftovers::end", "ends it", next, |w| {
        if let Aim::At(other) = p.aim {
            promises::ended_as_leftover(w, other, setup);
            w.of_mut(other).told = true;
        }
    });
}

fn over(m: &mut Mover, p: &Process) {
    let slot = m.slot;
    let code = "core::claim::restart_lock::abandoned_successors";
    let forget = |w: &mut World| {
        if let Some(ofd) = p.read {
            w.close(slot, ofd);
        }
        let p = w.of_mut(slot);
        (p.read, p.named, p.another, p.aim) = (None, 0, false, Aim::None);
    };
    match p.plan {
        Plan::Stop if p.freeing => m.exit("pidfile::stop::one_daemon::Stopping::outcome", "has stopped it, and ends"),
        Plan::Stop => m.go(code, "has seen all bytes", At::AwaitEnd, |w| {
            let old = w.of(slot).old;
            forget(w);
            let p = w.of_mut(slot);
            (p.aim, p.old) = (old, Aim::None);
        }),
        Plan::Replace if p.ticket.is_some() => {
            m.go(code, "has seen all bytes", At::Read(Reading::Open), forget);
        }
        plan if p.claim.is_some_and(|ofd| m.world.file(ofd).flock == Flock::Exclusive(ofd)) => {
            m.go(code, "has seen all bytes", after_leftovers(plan), forget);
        }
        _ => m.go(code, "has seen all bytes", At::Open, forget),
    }
}
