//! `pidfile read`: one reading, step by step.

use crate::at::{At, Leftover, Reading};
use crate::kernel::{Flock, World};
use crate::mover::Mover;
use crate::numbers::{Inode, Ofd, Pid};
use crate::owner::{Verdict, judge, owner};
use crate::process::{PidFd, Plan, Process};
use crate::promises;
use crate::setup::Flaw;

/// The steps of one reading: the kernel is asked, then the flock is probed, then the kernel once more.
pub fn moves(m: &mut Mover, reading: Reading) {
    let (slot, p) = (m.slot, m.process().clone());
    let Some(ofd) = p.read else {
        match m.world.path {
            None => answer(m, "core::claim::pid_file::PidFile::open", "finds no file", None),
            Some(_) => m.step("core::claim::pid_file::PidFile::open", "opens the file", |w| {
                let ofd = w.open_path(slot)?;
                let p = w.process_mut(slot);
                (p.read, p.at, p.believed) = (Some(ofd), At::Read(Reading::Text(0)), PidFd::None);
                Some(())
            }),
        }
        return;
    };
    let inode = m.world.inode(ofd);
    match reading {
        Reading::Open => {}
        Reading::Text(round) => match m.world.file(ofd).text {
            0 => conclude(m, "core::claim::owner::named", "reads no number", round, None),
            text => m.go("core::claim::owner::named", "reads the text", At::Read(Reading::Owner(round)), |w| {
                w.process_mut(slot).named = text;
            }),
        },
        Reading::Owner(round) => match owner(m.world, slot, inode, p.named) {
            None => conclude(m, "core::claim::owner::owner", "hears that nobody owns the byte", round, None),
            Some(o) if o == p.named && m.setup.has(Flaw::DeadNumberBelieved) => {
                let (lived, believed) = (m.world.living(o).is_some(), believed_now(m.world, o, inode));
                answer(
                    m,
                    "(the flaw)",
                    "believes the number",
                    Some(Named { pid: o, lived, believed, by_descriptor: false }),
                );
            }
            Some(o) => {
                let believed = if o == p.named { believed_now(m.world, o, inode) } else { PidFd::None };
                let once = o != p.named && m.setup.has(Flaw::ParentAskedOnce);
                let next = if once { Reading::Child(round) } else { Reading::OwnerHold(round) };
                m.go("core::claim::owner::owner", "hears who owns it", At::Read(next), |w| {
                    let p = w.process_mut(slot);
                    (p.owner, p.believed) = (o, believed);
                });
            }
        },
        Reading::OwnerHold(round) => match m.world.living(p.owner) {
            None => conclude(m, "core::process::pidfd::PidFd::open", "finds the owner gone", round, None),
            Some(owner) => {
                let own = p.owner == p.named;
                let next = if own { Reading::OwnerLives(round) } else { Reading::OwnerAgain(round) };
                m.go("core::process::pidfd::PidFd::open", "holds the owner", At::Read(next), |w| {
                    w.process_mut(slot).old = PidFd::At(owner);
                });
            }
        },
        Reading::OwnerAgain(round) => match owner(m.world, slot, inode, p.named) == Some(p.owner) {
            true => m.go(VERIFY, "hears that it still owns the byte", At::Read(Reading::Child(round)), |_| {}),
            false => conclude(m, VERIFY, "hears that it owns it no more", round, None),
        },
        Reading::Child(round) => child(m, &p, round, inode),
        Reading::OwnerLives(round) if p.old == PidFd::Gone => {
            conclude(m, VERIFY, "sees that the owner has ended", round, None)
        }
        Reading::OwnerLives(round) => conclude(m, VERIFY, "sees that the owner lives", round, Some(p.named)),
        Reading::Probe => match m.world.files[inode as usize].flock {
            Flock::Exclusive(_) => {
                m.go(IS_FLOCKED, "is refused the shared flock", At::Read(Reading::Text(1)), |_| {});
            }
            _ => m.go(IS_FLOCKED, "takes the shared flock", At::Read(Reading::Release), |w| {
                w.lock_shared(ofd);
            }),
        },
        Reading::Release => m.step(IS_FLOCKED, "gives it back: nobody holds it", |w| {
            w.unlock(ofd);
            finish(w, slot, None);
            Some(())
        }),
        Reading::Opinion => match m.world.file(ofd).text {
            0 => answer(m, "core::claim::status::second_opinion", "finds no number", None),
            text => m.go("core::claim::status::second_opinion", "reads the text", At::Read(Reading::Lives), |w| {
                w.process_mut(slot).named = text;
            }),
        },
        Reading::Lives => match m.world.living(p.named) {
            None => orphaned(m, ofd),
            Some(_) => m.go("core::process::pidfd::PidFd::open", "finds it alive", At::Read(Reading::Holds), |_| {}),
        },
        Reading::Holds => {
            let holds = m.world.living(p.named).is_some_and(|other| m.world.holds(other, inode));
            match holds || m.setup.has(Flaw::TextIsBelieved) {
                true => {
                    let believed = believed_now(m.world, p.named, inode);
                    let named = Named { pid: p.named, lived: true, believed, by_descriptor: true };
                    answer(m, "core::lock::holders::holds", "sees that it has the lock", Some(named));
                }
                false => answer(m, "core::lock::holders::holds", "sees that it has not the lock", None),
            }
        }
    }
}

/// Who a reading names, and who truly was the claimant behind the number.
#[derive(Clone, Copy)]
struct Named {
    pid: Pid,
    /// It was seen alive during the reading.
    lived: bool,
    believed: PidFd,
    by_descriptor: bool,
}

const VERIFY: &str = "core::claim::owner::verify_owner";
const IS_FLOCKED: &str = "core::claim::status::is_flocked";

/// Who is truly the claimant behind the number at this moment.
fn believed_now(w: &World, named: Pid, inode: Inode) -> PidFd {
    match w.living(named) {
        Some(slot) if promises::is_party(w, slot, inode) => PidFd::At(slot),
        _ => PidFd::None,
    }
}

/// The owner of the byte is another: it vouches for a child that it has not reaped.
fn child(m: &mut Mover, p: &Process, round: u8, inode: Inode) {
    let (slot, world) = (m.slot, m.world);
    let parent = world.living(p.named).and_then(|child| world.process(child).parent);
    let believed = believed_now(world, p.named, inode);
    if parent.is_none_or(|parent| world.process(parent).pid != p.owner) {
        conclude(m, VERIFY, "sees that it is no child of the owner", round, None);
    } else if m.setup.has(Flaw::ParentAskedOnce) {
        let named = Named { pid: p.named, lived: true, believed, by_descriptor: false };
        answer(m, "(the flaw)", "sees a child of the owner", Some(named));
    } else {
        let next = At::Read(Reading::OwnerLives(round));
        m.go("core::claim::owner::is_child", "sees a child of the owner", next, |w| {
            w.process_mut(slot).believed = believed;
        });
    }
}

/// The one that the text names stands, or does not; the others are judged beside it, in the same step.
fn conclude(m: &mut Mover, code: &'static str, does: &'static str, round: u8, standing: Option<Pid>) {
    let (slot, p) = (m.slot, m.process());
    let inode = m.world.inode(p.read.expect("a file that is open"));
    match judge(m.world, slot, inode, standing, m.setup) {
        Verdict::One(pid) => {
            let believed = if standing == Some(pid) { p.believed } else { believed_now(m.world, pid, inode) };
            answer(m, code, does, Some(Named { pid, lived: true, believed, by_descriptor: false }));
        }
        Verdict::Several => answer(m, code, does, None),
        Verdict::Nobody => {
            let next = At::Read(if round == 0 { Reading::Probe } else { Reading::Opinion });
            m.go(code, does, next, |w| {
                let p = w.process_mut(slot);
                (p.owner, p.old, p.believed) = (0, PidFd::None, PidFd::None);
            });
        }
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
                let p = w.process_mut(slot);
                (p.read, p.named, p.owner, p.first) = (None, 0, 0, pid);
            });
        }
    }
    answer(m, "core::process::pidfd::PidFd::open", "finds it dead", None);
}

fn answer(m: &mut Mover, code: &'static str, does: &'static str, held: Option<Named>) {
    let (slot, setup) = (m.slot, m.setup);
    m.step(code, does, |w| {
        if let Some(named) = held {
            promises::named(w, named.lived, named.believed, setup);
        }
        finish(w, slot, held);
        Some(())
    });
}

/// The reading is over: what was read, and what is done with it.
fn finish(w: &mut World, slot: u8, held: Option<Named>) {
    if let Some(ofd) = w.process(slot).read {
        w.close(slot, ofd);
    }
    let p = w.process_mut(slot);
    (p.read, p.named, p.owner, p.old) = (None, 0, 0, PidFd::None);
    p.by_descriptor =
        held.is_some_and(|named| named.by_descriptor) && matches!(p.plan, Plan::Signal | Plan::Stop | Plan::Replace);
    let (plan, freeing, again) = (p.plan, p.freeing, p.first != 0);
    match held {
        // A stop whose daemon has ended: whoever claims now is none of its business.
        _ if freeing => {
            p.at = At::Left(Leftover::Open, 1);
            (p.believed, p.pidfd) = (PidFd::None, PidFd::None);
        }
        Some(Named { believed, .. }) if plan == Plan::Read => {
            p.believed = believed;
            w.end(slot);
        }
        Some(Named { pid, believed, .. }) if again && pid == p.first && p.pidfd != PidFd::None => {
            (p.believed, p.first) = (believed, 0);
            p.at = At::Prove;
        }
        Some(Named { pid, believed, .. }) => {
            (p.first, p.pidfd, p.believed, p.at) = (pid, PidFd::None, believed, At::Hold);
        }
        None if plan == Plan::Stop => {
            (p.first, p.pidfd, p.believed, p.freeing) = (0, PidFd::None, PidFd::None, true);
            p.at = At::Left(Leftover::Open, 1);
        }
        None => w.end(slot),
    }
}
