//! `pidfile read`, and what is done with a reading: the signal, the stop.

use crate::claim::owner;
use crate::kernel::{Flock, Ofd, Pid, World};
use crate::moves::Mover;
use crate::process::{Aim, At, Leftover, Plan, Process, Reading};
use crate::promises;
use crate::setup::Flaw;

/// The steps of one reading: the kernel is asked, then the flock is probed, then the kernel once more.
pub fn moves(m: &mut Mover, reading: Reading) {
    let (slot, p) = (m.slot, m.process().clone());
    let Some(ofd) = p.read else {
        match m.world.path {
            None => answer(m, "core::claim::status::open", "finds no file", None),
            Some(_) => m.step("core::claim::status::open", "opens the file", |w| {
                let ofd = w.open_path(slot)?;
                let p = w.of_mut(slot);
                (p.read, p.at, p.believed) = (Some(ofd), At::Read(Reading::Text(0)), Aim::None);
                Some(())
            }),
        }
        return;
    };
    let inode = m.world.inode(ofd);
    let otherwise = |round| At::Read(if round == 0 { Reading::Probe } else { Reading::Opinion });
    match reading {
        Reading::Open => {}
        Reading::Text(round) => {
            let text = m.world.file(ofd).text;
            let next = if text == 0 { otherwise(round) } else { At::Read(Reading::Owner(round)) };
            m.go("core::claim::owner::claimant", "reads the text", next, |w| w.of_mut(slot).named = text);
        }
        Reading::Owner(round) => match owner(m.world, slot, ofd, p.named).map(|o| m.world.of(o).pid) {
            None => m.go("core::claim::byte_lock::owner", "hears that nobody owns the byte", otherwise(round), |_| {}),
            Some(o) if o == p.named => {
                let (code, does) = ("core::claim::owner::resolve", "hears that it owns its byte");
                let believed = believed_now(m.world, p.named, ofd);
                answer(m, code, does, Some((p.named, believed)));
            }
            Some(o) => {
                let next =
                    if m.setup.has(Flaw::ParentAskedOnce) { Reading::Child(round) } else { Reading::OwnerHold(round) };
                m.go("core::claim::byte_lock::owner", "hears who owns it", At::Read(next), |w| {
                    w.of_mut(slot).owner = o
                });
            }
        },
        Reading::OwnerHold(_) | Reading::OwnerAgain(_) | Reading::Child(_) | Reading::OwnerLives(_) => {
            by_parent(m, &p, ofd, reading);
        }
        Reading::Probe => match m.world.files[inode as usize].flock {
            Flock::Exclusive(_) => {
                m.go(
                    "core::claim::status::is_flocked",
                    "is refused the shared flock",
                    At::Read(Reading::Text(1)),
                    |_| {},
                );
            }
            _ => m.go("core::claim::status::is_flocked", "takes the shared flock", At::Read(Reading::Release), |w| {
                w.lock_shared(ofd);
            }),
        },
        Reading::Release => m.step("core::claim::status::is_flocked", "gives it back: nobody holds it", |w| {
            w.unlock(ofd);
            finish(w, slot, None);
            Some(())
        }),
        Reading::Opinion => {
            let text = m.world.file(ofd).text;
            match text {
                0 => answer(m, "core::claim::status::second_opinion", "finds no number", None),
                _ => m.go("core::claim::status::second_opinion", "reads the text", At::Read(Reading::Lives), |w| {
                    w.of_mut(slot).named = text;
                }),
            }
        }
        Reading::Lives => match m.world.living(p.named) {
            None => orphaned(m, ofd),
            Some(_) => m.go("core::process::pidfd::PidFd::open", "finds it alive", At::Read(Reading::Holds), |_| {}),
        },
        Reading::Holds => {
            let holds = m.world.living(p.named).is_some_and(|other| m.world.holds(other, inode));
            match holds || m.setup.has(Flaw::TextIsBelieved) {
                true => {
                    let believed = believed_now(m.world, p.named, ofd);
                    answer(m, "core::lock::holders::holds", "sees that it has the lock", Some((p.named, believed)));
                }
                false => answer(m, "core::lock::holders::holds", "sees that it has not the lock", None),
            }
        }
    }
}

/// Who is truly the claimant behind the number at this moment.
fn believed_now(w: &World, named: Pid, ofd: Ofd) -> Aim {
    match w.living(named) {
        Some(slot) if promises::is_party(w, slot, w.inode(ofd)) => Aim::At(slot),
        _ => Aim::None,
    }
}

/// The owner of the byte is another: its child's word is good while it is held, owns the byte, and lives.
fn by_parent(m: &mut Mover, p: &Process, ofd: Ofd, reading: Reading) {
    let (slot, world) = (m.slot, m.world);
    let code = "core::claim::owner::verify_parent";
    let (Reading::OwnerHold(round) | Reading::OwnerAgain(round) | Reading::Child(round) | Reading::OwnerLives(round)) =
        reading
    else {
        return;
    };
    let otherwise = At::Read(if round == 0 { Reading::Probe } else { Reading::Opinion });
    let no = |m: &mut Mover, does| {
        m.go(code, does, otherwise, |w| {
            let p = w.of_mut(slot);
            (p.owner, p.old, p.believed) = (0, Aim::None, Aim::None);
        });
    };
    match reading {
        Reading::OwnerHold(_) => match world.living(p.owner) {
            Some(owner) => m.go(
                "core::process::pidfd::PidFd::open",
                "holds the owner",
                At::Read(Reading::OwnerAgain(round)),
                |w| {
                    w.of_mut(slot).old = Aim::At(owner);
                },
            ),
            None => no(m, "finds the owner gone"),
        },
        Reading::OwnerAgain(_) => match owner(world, slot, ofd, p.named).map(|o| world.of(o).pid) == Some(p.owner) {
            true => m.go(code, "hears that it still owns the byte", At::Read(Reading::Child(round)), |_| {}),
            false => no(m, "hears that it owns it no more"),
        },
        Reading::Child(_) => {
            let parent = world.living(p.named).and_then(|child| world.of(child).parent);
            let believed = believed_now(world, p.named, ofd);
            if parent.is_none_or(|parent| world.of(parent).pid != p.owner) {
                no(m, "sees that it is no child of the owner");
            } else if m.setup.has(Flaw::ParentAskedOnce) {
                answer(m, code, "sees a child of the owner", Some((p.named, believed)));
            } else {
                m.go(
                    "core::claim::owner::is_child",
                    "sees a child of the owner",
                    At::Read(Reading::OwnerLives(round)),
                    |w| {
                        w.of_mut(slot).believed = believed;
                    },
                );
            }
        }
        _ if p.old == Aim::Gone => no(m, "sees that the owner has ended"),
        _ => answer(m, code, "sees that the owner lives", Some((p.named, p.believed))),
    }
}

/// Nobody lives by the number, and others hold the lock.
fn orphaned(m: &mut Mover, ofd: Ofd) {
    let (slot, inode) = (m.slot, m.world.inode(ofd));
    let p = m.process();
    if p.plan == Plan::Stop && p.freeing {
        let holders: Vec<Pid> =
            m.world.all_living().filter(|&(other, _)| m.world.holds(other, inode)).map(|(_, p)| p.pid).collect();
        for pid in holders {
            m.go("core::lock::holders::of", "sees a holder of an orphaned lock", At::HolderHold, |w| {
                w.close(slot, ofd);
                let p = w.of_mut(slot);
                (p.read, p.named, p.owner, p.first) = (None, 0, 0, pid);
            });
        }
    }
    answer(m, "core::process::pidfd::PidFd::open", "finds it dead", None);
}

fn answer(m: &mut Mover, code: &'static str, does: &'static str, held: Option<(Pid, Aim)>) {
    let slot = m.slot;
    m.step(code, does, |w| {
        finish(w, slot, held);
        Some(())
    });
}

/// The reading is over: what was read, and what is done with it.
fn finish(w: &mut World, slot: u8, held: Option<(Pid, Aim)>) {
    if let Some((_, Aim::None)) = held {
        w.broken = Some("a reading names nobody but the claimant");
    }
    if let Some(ofd) = w.of(slot).read {
        w.close(slot, ofd);
    }
    let p = w.of_mut(slot);
    (p.read, p.named, p.owner, p.old) = (None, 0, 0, Aim::None);
    let (plan, freeing, again) = (p.plan, p.freeing, p.first != 0);
    match held {
        // A stop whose daemon has ended: whoever claims now is none of its business.
        _ if freeing => {
            p.at = At::Left(Leftover::Open, 1);
            (p.believed, p.aim) = (Aim::None, Aim::None);
        }
        Some((_, believed)) if plan == Plan::Read => {
            p.believed = believed;
            w.end(slot);
        }
        Some((pid, believed)) if again && pid == p.first && p.aim != Aim::None => {
            (p.believed, p.first) = (believed, 0);
            if plan == Plan::Replace {
                (p.old, p.aim, p.believed, p.at) = (p.aim, Aim::None, Aim::None, At::Share);
            } else {
                p.at = At::Send;
            }
        }
        Some((pid, believed)) => {
            (p.first, p.aim, p.believed, p.at) = (pid, Aim::None, believed, At::Hold);
        }
        None if plan == Plan::Stop => {
            (p.first, p.aim, p.believed, p.freeing) = (0, Aim::None, Aim::None, true);
            p.at = At::Left(Leftover::Open, 1);
        }
        None => w.end(slot),
    }
}

/// What is done with a reading.
pub fn use_moves(m: &mut Mover) {
    let (slot, p, setup) = (m.slot, m.process().clone(), m.setup);
    match p.at {
        At::Hold => {
            let aim = m.world.living(p.first).map_or(Aim::None, Aim::At);
            let flawed = setup.has(Flaw::NoSecondReading) && p.plan != Plan::Replace;
            let next = if flawed { At::Send } else { At::Read(Reading::Open) };
            m.go("core::process::pidfd::PidFd::open", "holds the process", next, |w| {
                let p = w.of_mut(slot);
                p.aim = aim;
                // The second reading says anew who was behind the number.
                p.believed = if flawed { p.believed } else { Aim::None };
            });
        }
        At::Send => m.step("pidfile::signal::send", "sends the signal", |w| {
            if let Aim::At(other) = p.aim {
                if p.believed != p.aim {
                    w.broken = Some("a signal reaches nobody but the claimant");
                }
                w.of_mut(other).told = true;
            }
            match p.plan {
                Plan::Signal => w.end(slot),
                _ => w.of_mut(slot).at = At::Left(Leftover::Open, 1),
            }
            let sent = w.processes[slot as usize].as_mut().filter(|_| p.plan == Plan::Stop);
            if let Some(p) = sent {
                p.believed = Aim::None;
            }
            Some(())
        }),
        At::AwaitEnd if matches!(p.aim, Aim::Gone | Aim::None) => {
            m.go("pidfile::stop::one_daemon::Stopping::look", "sees its end", At::Read(Reading::Open), |w| {
                let p = w.of_mut(slot);
                (p.freeing, p.first, p.aim) = (true, 0, Aim::None);
            });
        }
        At::HolderHold => {
            let aim = m.world.living(p.first).map_or(Aim::None, Aim::At);
            let flawed = setup.has(Flaw::HoldersAreKilled);
            let next = if flawed { At::HolderKill } else { At::HolderInherited };
            m.go("core::process::pidfd::PidFd::open", "holds the holder", next, |w| w.of_mut(slot).aim = aim);
        }
        At::HolderInherited => {
            let busy = m.world.path.is_some_and(|inode| m.world.files[inode as usize].ticket.is_some());
            let orphan = inherited(m.world, p.first) && !busy;
            let next = if orphan { At::HolderKill } else { At::Read(Reading::Open) };
            m.go(
                "core::lock::holders::inherited",
                "asks whether it has inherited the lock, and no restart is under way",
                next,
                |_| {},
            );
        }
        At::HolderKill => holder_kill(m, &p),
        _ => {}
    }
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
    m.go(
        "pidfile::stop::one_daemon::Stopping::kill_holders",
        "looks once more, and kills",
        At::Read(Reading::Open),
        |w| {
            let aim = std::mem::take(&mut w.of_mut(slot).aim);
            w.of_mut(slot).first = 0;
            if let (true, Aim::At(other)) = (kills, aim) {
                promises::killed_as_holder(w, other);
                w.of_mut(other).told = true;
            }
        },
    );
}
