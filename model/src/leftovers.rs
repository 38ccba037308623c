//! The look for what killed restarts have left, and its end.

use crate::at::{At, Leftover, Reading};
use crate::kernel::{Flock, World};
use crate::mover::{LOOK, Mover};
use crate::numbers::{Inode, Ofd, Pid, Slot};
use crate::owner::{Verdict, claimant, is_successor, recorded, stands};
use crate::process::{PidFd, Plan, Process};
use crate::promises;
use crate::setup::{Flaw, Setup};

/// The descriptor through which the process asks.
fn asks_through(p: &Process) -> Option<Ofd> {
    p.read.or(p.restart_lock).or(p.claim)
}

/// Whether one that stands was left behind by a restart: it is not on record, and it or the one on record is a successor.
fn is_leftover(w: &World, asks: Slot, inode: Inode, pid: Pid, text: Pid, setup: &Setup) -> bool {
    let recorded = recorded(w, asks, inode, text, setup);
    let by_mark = |pid| is_successor(w, asks, inode, pid);
    recorded != Some(pid) && (by_mark(pid) || recorded.is_some_and(by_mark))
}

/// The steps of the look, which asks byte after byte.
pub fn moves(m: &mut Mover, step: Leftover, pid: Pid) {
    let (slot, p, setup) = (m.slot, m.process().clone(), m.setup);
    if step == Leftover::Open {
        return open(m);
    }
    let Some(ofd) = asks_through(&p) else { return over(m, &p) };
    let inode = m.world.inode(ofd);
    let next = At::Left(Leftover::Stands, pid + 1);
    let then = |step| At::Left(step, pid);
    let flawed = setup.has(Flaw::LeftoverJudgedFirst);
    let skip = |m: &mut Mover, code, does| m.go(code, does, next, |w| w.process_mut(slot).pidfd = PidFd::None);
    match step {
        Leftover::Stands if flawed && pid == 1 && p.named == 0 => {
            m.go("(the flaw)", "reads the text, once for all", then(Leftover::Another), |w| {
                w.process_mut(slot).named = w.file(ofd).text;
            });
        }
        Leftover::Another if flawed => {
            m.go("(the flaw)", "asks whether another stands, once for all", At::Left(Leftover::Hold, pid), |w| {
                let text = w.file(ofd).text;
                w.process_mut(slot).another = text != 0 && stands(w, slot, inode, text).is_some();
            });
        }
        Leftover::Stands => {
            let standing: Vec<Pid> =
                (pid..=setup.pids).filter(|&pid| stands(m.world, slot, inode, pid).is_some()).collect();
            for &pid in &standing {
                let next = At::Left(Leftover::Hold, pid);
                m.go("core::claim::leftovers::abandoned", "sees who stands behind a byte", next, |_| {});
            }
            // The first look passes over the claimant.
            let named = m.world.file(ofd).text;
            if standing.iter().all(|&pid| !flawed && !is_leftover(m.world, slot, inode, pid, named, setup)) {
                over(m, &p);
            }
        }
        Leftover::Hold => match m.world.living(pid) {
            Some(other) if !flawed || p.named != pid && (p.another || is_successor(m.world, slot, inode, pid)) => {
                m.go("core::process::pidfd::PidFd::open", "holds it", then(Leftover::StandsAgain), |w| {
                    w.process_mut(slot).pidfd = PidFd::At(other)
                });
            }
            _ => quietly(m, next),
        },
        Leftover::StandsAgain => match stands(m.world, slot, inode, pid) {
            Some(_) => {
                let next = then(if flawed { Leftover::End } else { Leftover::Text });
                m.go("core::claim::leftovers::candidates", "sees that it still stands", next, |_| {});
            }
            None => skip(m, "core::claim::leftovers::candidates", "sees that it stands no more"),
        },
        Leftover::Text => m.go("core::claim::owner::named", "reads the text", then(Leftover::Another), |w| {
            w.process_mut(slot).named = w.file(ofd).text;
        }),
        Leftover::Another => match is_leftover(m.world, slot, inode, pid, p.named, setup) {
            true => m.go("core::claim::leftovers::may_be_ended", "judges it a leftover", then(Leftover::End), |_| {}),
            false => skip(m, "core::claim::leftovers::may_be_ended", "judges it none"),
        },
        Leftover::End => end(m, &p, then(Leftover::Await)),
        Leftover::Await if p.pidfd == PidFd::Gone => skip(m, "pidfile::claim::leftovers::end", "sees its end"),
        Leftover::Await | Leftover::Open => {}
    }
}

/// Goes on without a step of its own worth telling.
fn quietly(m: &mut Mover, next: At) {
    m.go("core::claim::leftovers::abandoned", "goes on", next, |_| {});
}

fn open(m: &mut Mover) {
    let slot = m.slot;
    let Some(inode) = m.world.path else { return over(m, &m.process().clone()) };
    if m.world.files[inode as usize].restart_lock.is_some() {
        return over(m, &m.process().clone());
    }
    let once = m.setup.has(Flaw::RestartLockAskedOnce) || m.setup.has(Flaw::LeftoverJudgedFirst);
    m.step("core::claim::leftovers::leftovers", "takes the restart lock, to look for leftovers of restarts", |w| {
        let ofd = w.open_path(slot)?;
        w.file_mut(ofd).restart_lock = (!once).then_some(ofd);
        let p = w.process_mut(slot);
        (p.read, p.at, p.pidfd) =
            (Some(ofd), LOOK, if p.freeing || p.plan != Plan::Stop { PidFd::None } else { p.pidfd });
        p.old = p.pidfd;
        Some(())
    });
}

fn end(m: &mut Mover, p: &Process, next: At) {
    let setup = m.setup;
    m.go("pidfile::claim::leftovers::end", "ends it", next, |w| {
        if let PidFd::At(other) = p.pidfd {
            promises::ended_as_leftover(w, other, setup);
            w.process_mut(other).signalled = true;
        }
    });
}

fn over(m: &mut Mover, p: &Process) {
    let slot = m.slot;
    let code = "core::claim::leftovers::abandoned";
    let forget = |w: &mut World| {
        if let Some(ofd) = p.read {
            w.close(slot, ofd);
        }
        let p = w.process_mut(slot);
        (p.read, p.named, p.another, p.pidfd) = (None, 0, false, PidFd::None);
    };
    match p.plan {
        Plan::Stop if p.freeing => m.go(code, "has seen all bytes", At::Freed, forget),
        Plan::Stop => m.go(code, "has seen all bytes", At::AwaitEnd, |w| {
            // Where a restart is under way, it has not looked.
            let looked = p.read.is_some();
            let held = w.process(slot);
            let held = if looked { held.old } else { held.pidfd };
            forget(w);
            let p = w.process_mut(slot);
            (p.pidfd, p.old) = (held, PidFd::None);
        }),
        Plan::Replace if p.restart_lock.is_some() => {
            m.go(code, "has seen all bytes", At::Read(Reading::Open), forget);
        }
        plan if p.claim.is_some_and(|ofd| m.world.file(ofd).flock == Flock::Exclusive(ofd)) => {
            m.go(code, "has seen all bytes", after_leftovers(plan), forget);
        }
        _ => m.go(code, "has seen all bytes", At::Open, forget),
    }
}

/// A stop that is over empties the file, unless the text is another one, or the file is held.
pub fn freed(m: &mut Mover) {
    let (slot, p, setup) = (m.slot, m.process().clone(), m.setup);
    let code = "pidfile::stop::old_text::OldText::empty";
    let leaves_the_text = m.world.path.is_none_or(|inode| {
        let file = &m.world.files[inode as usize];
        let held =
            matches!(file.flock, Flock::Exclusive(_)) || claimant(m.world, slot, inode, setup) != Verdict::Nobody;
        file.text == 0 || file.text != p.before || held
    });
    match leaves_the_text {
        true => m.exit(code, "leaves the text as it is"),
        false => m.go(code, "sees that the text is stale", At::Open, |w| {
            let p = w.process_mut(slot);
            (p.freeing, p.first, p.old) = (false, 0, PidFd::None);
        }),
    }
}

/// What comes once nothing is left of an earlier restart.
pub fn after_leftovers(plan: Plan) -> At {
    if matches!(plan, Plan::Claim | Plan::Wait | Plan::Ensure) { At::NameByte } else { At::Fork }
}
