//! What is done with a reading: the signal, the stop.

use crate::at::{At, Leftover, Reading};
use crate::kernel::{Flock, World};
use crate::mover::Mover;
use crate::numbers::{Inode, Pid, Slot};
use crate::owner::{Verdict, claimant, is_proven};
use crate::process::{PidFd, Plan, Process};
use crate::promise::Promise;
use crate::promises;
use crate::setup::{Flaw, Setup};

/// The steps of a signal, and of a stop.
pub fn moves(m: &mut Mover) {
    let (slot, p, setup) = (m.slot, m.process().clone(), m.setup);
    match p.at {
        At::Remember => {
            let text = m.world.path.map(|inode| m.world.files[inode as usize].text).unwrap_or_default();
            let code = "pidfile::stop::one_daemon::Stopping::begin";
            m.go(code, "reads the text, to forget it in the end", At::Read(Reading::Open), |w| {
                w.process_mut(slot).before = text;
            });
        }
        At::Hold => {
            let pidfd = m.world.living(p.first).map_or(PidFd::None, PidFd::At);
            let flawed = setup.has(Flaw::NoSecondReading) && p.plan != Plan::Replace;
            let next = if flawed { At::Prove } else { At::Read(Reading::Open) };
            m.go("core::process::pidfd::PidFd::open", "holds the process", next, |w| {
                let p = w.process_mut(slot);
                p.pidfd = pidfd;
                // The second reading says anew who was behind the number.
                p.believed = if flawed { p.believed } else { PidFd::None };
            });
        }
        At::Prove => match judgement(m.world, &p, slot, setup) {
            Judgement::Granted if p.plan == Plan::Replace => {
                m.go("core::claim::evidence::pin_to_signal", "has proof enough", At::Share, |w| {
                    let p = w.process_mut(slot);
                    (p.old, p.pidfd, p.believed, p.by_descriptor) = (p.pidfd, PidFd::None, PidFd::None, false);
                });
            }
            Judgement::Granted => {
                m.go("core::claim::evidence::pin_to_signal", "has proof enough", At::Send, |_| {});
            }
            Judgement::Refused => m.exit("core::claim::evidence::pin_to_signal", "refuses to signal it"),
            Judgement::Changed => {
                let next = At::Read(Reading::Open);
                m.go("core::claim::evidence::pin_to_signal", "sees that the claimant is another, again", next, |w| {
                    let p = w.process_mut(slot);
                    (p.pidfd, p.believed, p.by_descriptor) = (PidFd::None, PidFd::None, false);
                });
            }
        },
        At::Send => m.step("pidfile::signal::send", "sends the signal", |w| {
            if let PidFd::At(other) = p.pidfd {
                if p.believed != p.pidfd {
                    w.broken = Some(Promise::SignalReachesClaimant);
                }
                w.process_mut(other).signalled = true;
            }
            match p.plan {
                Plan::Signal => w.end(slot),
                _ => w.process_mut(slot).at = At::Left(Leftover::Open, 1),
            }
            let sent = w.processes[slot as usize].as_mut().filter(|_| p.plan == Plan::Stop);
            if let Some(p) = sent {
                p.believed = PidFd::None;
            }
            Some(())
        }),
        At::AwaitEnd if matches!(p.pidfd, PidFd::Gone | PidFd::None) => {
            m.go("pidfile::stop::one_daemon::Stopping::look", "sees its end", At::Read(Reading::Open), |w| {
                let p = w.process_mut(slot);
                (p.freeing, p.first, p.pidfd) = (true, 0, PidFd::None);
            });
        }
        At::AwaitEnd => m.exit("pidfile::stop::one_daemon::Stopping::give_up", "says that the time is over"),
        At::HolderHold => {
            let pidfd = m.world.living(p.first).map_or(PidFd::None, PidFd::At);
            let flawed = setup.has(Flaw::HoldersAreKilled);
            let next = if flawed { At::HolderKill } else { At::HolderInherited };
            m.go("core::process::pidfd::PidFd::open", "holds the holder", next, |w| w.process_mut(slot).pidfd = pidfd);
        }
        At::HolderInherited => {
            let busy = m.world.path.is_some_and(|inode| m.world.files[inode as usize].restart_lock.is_some());
            let orphan = inherited(m.world, p.first) && !busy;
            let next = if orphan { At::HolderKill } else { At::Read(Reading::Open) };
            m.go(
                "pidfile::stop::workers::Workers::kill",
                "asks whether it has inherited the lock, and no restart is under way",
                next,
                |_| {},
            );
        }
        At::HolderKill => holder_kill(m, &p),
        _ => {}
    }
}

/// Whether a process may be signalled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Judgement {
    Granted,
    Refused,
    /// It is not the claimant any more.
    Changed,
}

/// Whether the evidence is proven for the very process that is held, and all who could have made it have power over it.
fn judgement(w: &World, p: &Process, slot: Slot, setup: &Setup) -> Judgement {
    let (Some(inode), PidFd::At(other)) = (w.path, p.pidfd) else { return Judgement::Changed };
    let pid = w.process(other).pid;
    // Whoever may write the file has power over itself and its children.
    let enemys = |p: &Process| p.plan == Plan::Enemy;
    let process = w.process(other);
    let theirs = enemys(process) || process.parent.is_some_and(|parent| enemys(w.process(parent)));
    let authority = !setup.casts(Plan::Enemy) || theirs || setup.has(Flaw::NoAuthority);
    let evidence = match p.by_descriptor {
        true => {
            let lock = w.files[inode as usize].flock;
            let writable = matches!(lock, Flock::Exclusive(ofd) if w.read_only & (1 << ofd) == 0);
            let by_a_writer = is_by_a_writer(w, inode, other) || setup.has(Flaw::AttributeIgnored);
            w.holds(other, inode) && by_a_writer && (writable || setup.has(Flaw::ReadOnlyBelieved))
        }
        false if claimant(w, slot, inode, setup) != Verdict::One(pid) => return Judgement::Changed,
        false => is_proven(w, inode, pid) || setup.has(Flaw::NoProof),
    };
    if authority && evidence { Judgement::Granted } else { Judgement::Refused }
}

/// Whether a text that names the process is by one who may write the file: the attribute names that very process. A file
/// without an attribute was never claimed by the tools, and is believed.
fn is_by_a_writer(w: &World, inode: Inode, named: Slot) -> bool {
    let file = &w.files[inode as usize];
    let repeats_the_text = file.attribute == PidFd::At(named) && file.text == w.process(named).pid;
    file.attribute == PidFd::None || repeats_the_text
}

/// Whether a process holds the lock that another took, who is not there any more.
fn inherited(w: &World, pid: Pid) -> bool {
    let (Some(inode), Some(slot)) = (w.path, w.living(pid)) else { return false };
    let caller = w.files[inode as usize].caller;
    let caller_holds = w.living(caller).is_some_and(|caller| w.holds(caller, inode));
    w.holds(slot, inode) && caller != pid && !caller_holds
}

fn holder_kill(m: &mut Mover, p: &Process) {
    let (slot, world) = (m.slot, m.world);
    let flawed = m.setup.has(Flaw::HoldersAreKilled);
    let is_orphaned = |w: &World| {
        let text = w.path.map(|inode| w.files[inode as usize].text).unwrap_or_default();
        text != 0 && w.living(text).is_none()
    };
    let holds = match (world.path, world.living(p.first)) {
        (Some(inode), Some(other)) => world.holds(other, inode),
        _ => false,
    };
    let kills = holds && (flawed || is_orphaned(world));
    m.go("pidfile::stop::workers::Workers::kill", "looks once more, and kills", At::Read(Reading::Open), |w| {
        let pidfd = std::mem::take(&mut w.process_mut(slot).pidfd);
        w.process_mut(slot).first = 0;
        if let (true, PidFd::At(other)) = (kills, pidfd) {
            promises::killed_as_holder(w, other);
            w.process_mut(other).signalled = true;
        }
    });
}
