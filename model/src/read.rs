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
        if p.freeing {
            m.exit("pidfile::stop::one_daemon::Stopping::give_up", "says that the time is over");
        }
        match m.world.path {
            None => answer(m, "core::claim::pid_file::PidFile::open", "finds no file", Answer::Free),
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
            0 => conclude(m, "core::claim::owner::named", "reads no number", round, false),
            text => m.go("core::claim::owner::named", "reads the text", At::Read(Reading::Owner(round)), |w| {
                w.process_mut(slot).named = text;
            }),
        },
        Reading::Owner(round) => match owner(m.world, slot, inode, p.named) {
            None => conclude(m, "core::claim::owner::owner", "hears that nobody owns the byte", round, false),
            Some(o) if o == p.named && m.setup.has(Flaw::DeadNumberBelieved) => {
                let (lived, believed) = (m.world.living(o).is_some(), believed_now(m.world, o, inode));
                answer(
                    m,
                    "(the flaw)",
                    "believes the number",
                    Answer::Named(Named { pid: o, lived, believed, by_descriptor: false }),
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
            None => conclude(m, "core::process::pidfd::PidFd::open", "finds the owner gone", round, false),
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
            false => conclude(m, VERIFY, "hears that it owns it no more", round, false),
        },
        Reading::Child(round) => child(m, &p, round, inode),
        Reading::OwnerLives(round) if p.old == PidFd::Gone => {
            conclude(m, VERIFY, "sees that the owner has ended", round, false)
        }
        Reading::OwnerLives(round) => conclude(m, VERIFY, "sees that the owner lives", round, true),
        Reading::Others(round, stands) => others(m, round, stands),
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
            finish(w, slot, Answer::Free);
            Some(())
        }),
        Reading::Opinion => match m.world.file(ofd).text {
            0 => answer(m, "core::claim::status::second_opinion", "finds no number", Answer::Unknown),
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
                    answer(m, "core::lock::holders::holds", "sees that it has the lock", Answer::Named(named));
                }
                false => answer(m, "core::lock::holders::holds", "sees that it has not the lock", Answer::Unknown),
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

/// What a reading says.
#[derive(Clone, Copy)]
enum Answer {
    Named(Named),
    /// There is no file, or nobody holds it.
    Free,
    /// The recorded process is dead, and others hold its lock.
    Orphaned,
    /// Somebody holds the lock, and no PID can be believed.
    Unknown,
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
        conclude(m, VERIFY, "sees that it is no child of the owner", round, false);
    } else if m.setup.has(Flaw::ParentAskedOnce) {
        let named = Named { pid: p.named, lived: true, believed, by_descriptor: false };
        answer(m, "(the flaw)", "sees a child of the owner", Answer::Named(named));
    } else {
        let next = At::Read(Reading::OwnerLives(round));
        m.go("core::claim::owner::is_child", "sees a child of the owner", next, |w| {
            w.process_mut(slot).believed = believed;
        });
    }
}

/// The one that the text names stands, or does not.
fn conclude(m: &mut Mover, code: &'static str, does: &'static str, round: u8, stands: bool) {
    let slot = m.slot;
    m.go(code, does, At::Read(Reading::Others(round, stands)), |w| {
        let p = w.process_mut(slot);
        (p.owner, p.old) = (0, PidFd::None);
        if !stands {
            (p.named, p.believed) = (0, PidFd::None);
        }
    });
}

/// The others are judged beside the one that the text names.
fn others(m: &mut Mover, round: u8, stands: bool) {
    let (slot, p) = (m.slot, m.process());
    let (code, does) = ("core::claim::owner::judge", "judges all who own their byte");
    let standing = stands.then_some(p.named);
    let inode = m.world.inode(p.read.expect("a file that is open"));
    match judge(m.world, slot, inode, standing, m.setup) {
        Verdict::One(pid) => {
            let believed = if standing == Some(pid) { p.believed } else { believed_now(m.world, pid, inode) };
            answer(m, code, does, Answer::Named(Named { pid, lived: true, believed, by_descriptor: false }));
        }
        Verdict::Several => answer(m, code, does, Answer::Unknown),
        Verdict::Nobody => {
            let next = At::Read(if round == 0 { Reading::Probe } else { Reading::Opinion });
            m.go(code, does, next, |w| {
                w.process_mut(slot).believed = PidFd::None;
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
    answer(m, "core::process::pidfd::PidFd::open", "finds it dead", Answer::Orphaned);
}

fn answer(m: &mut Mover, code: &'static str, does: &'static str, held: Answer) {
    let (slot, setup) = (m.slot, m.setup);
    m.step(code, does, |w| {
        if let Answer::Named(named) = held {
            promises::named(w, named.lived, named.believed, setup);
        }
        finish(w, slot, held);
        Some(())
    });
}

/// The reading is over: what was read, and what is done with it.
fn finish(w: &mut World, slot: u8, said: Answer) {
    if let Some(ofd) = w.process(slot).read {
        w.close(slot, ofd);
    }
    let p = w.process_mut(slot);
    (p.read, p.named, p.owner, p.old) = (None, 0, 0, PidFd::None);
    p.by_descriptor = matches!(said, Answer::Named(Named { by_descriptor: true, .. }))
        && matches!(p.plan, Plan::Signal | Plan::Stop | Plan::Replace);
    let (plan, freeing, again) = (p.plan, p.freeing, p.first != 0);
    if freeing {
        (p.believed, p.pidfd) = (PidFd::None, PidFd::None);
        // Whoever claims now is none of its business; it waits for those who keep the lock.
        let waits = matches!(said, Answer::Orphaned | Answer::Unknown);
        p.at = if waits { At::Read(Reading::Open) } else { At::Left(Leftover::Open, 1) };
        return;
    }
    match said {
        Answer::Named(Named { believed, .. }) if plan == Plan::Read => {
            p.believed = believed;
            w.end(slot);
        }
        Answer::Named(Named { pid, believed, .. }) if again && pid == p.first && p.pidfd != PidFd::None => {
            (p.believed, p.first) = (believed, 0);
            p.at = At::Prove;
        }
        Answer::Named(Named { pid, believed, .. }) => {
            (p.first, p.pidfd, p.believed, p.at) = (pid, PidFd::None, believed, At::Hold);
        }
        Answer::Free | Answer::Orphaned if plan == Plan::Stop => {
            (p.first, p.pidfd, p.believed) = (0, PidFd::None, PidFd::None);
            p.freeing = matches!(said, Answer::Free);
            p.at = At::Left(Leftover::Open, 1);
        }
        _ if plan == Plan::Replace => start_first(w, slot),
        _ => w.end(slot),
    }
}

/// A restart finds nobody to replace: it gives the restart lock back, and claims.
fn start_first(w: &mut World, slot: u8) {
    if let Some(restart_lock) = w.process(slot).restart_lock {
        w.close(slot, restart_lock);
    }
    let p = w.process_mut(slot);
    (p.restart_lock, p.first, p.pidfd, p.believed) = (None, 0, PidFd::None, PidFd::None);
    (p.plan, p.at) = (Plan::First, At::Open);
}
