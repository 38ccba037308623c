//! `pidfile read`: one reading, step by step.

use crate::at::{At, Leftover, Reading};
use crate::kernel::{Flock, World};
use crate::mover::Mover;
use crate::numbers::{Ofd, Pid};
use crate::owner::owner;
use crate::process::{PidFd, Plan, Process};
use crate::promise::Promise;
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
    let otherwise = |round| At::Read(if round == 0 { Reading::Probe } else { Reading::Opinion });
    match reading {
        Reading::Open => {}
        Reading::Text(round) => {
            let text = m.world.file(ofd).text;
            let next = if text == 0 { otherwise(round) } else { At::Read(Reading::Owner(round)) };
            m.go("core::claim::owner::named", "reads the text", next, |w| w.process_mut(slot).named = text);
        }
        Reading::Owner(round) => match owner(m.world, slot, ofd, p.named).map(|o| m.world.process(o).pid) {
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
                    w.process_mut(slot).owner = o
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
                    w.process_mut(slot).named = text;
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
fn believed_now(w: &World, named: Pid, ofd: Ofd) -> PidFd {
    match w.living(named) {
        Some(slot) if promises::is_party(w, slot, w.inode(ofd)) => PidFd::At(slot),
        _ => PidFd::None,
    }
}

/// The owner of the byte is another: its child's word is good while it is held, owns the byte, and lives.
fn by_parent(m: &mut Mover, p: &Process, ofd: Ofd, reading: Reading) {
    let (slot, world) = (m.slot, m.world);
    let code = "core::claim::owner::verify_owner";
    let (Reading::OwnerHold(round) | Reading::OwnerAgain(round) | Reading::Child(round) | Reading::OwnerLives(round)) =
        reading
    else {
        return;
    };
    let otherwise = At::Read(if round == 0 { Reading::Probe } else { Reading::Opinion });
    let no = |m: &mut Mover, does| {
        m.go(code, does, otherwise, |w| {
            let p = w.process_mut(slot);
            (p.owner, p.old, p.believed) = (0, PidFd::None, PidFd::None);
        });
    };
    match reading {
        Reading::OwnerHold(_) => match world.living(p.owner) {
            Some(owner) => m.go(
                "core::process::pidfd::PidFd::open",
                "holds the owner",
                At::Read(Reading::OwnerAgain(round)),
                |w| {
                    w.process_mut(slot).old = PidFd::At(owner);
                },
            ),
            None => no(m, "finds the owner gone"),
        },
        Reading::OwnerAgain(_) => match owner(world, slot, ofd, p.named).map(|o| world.process(o).pid) == Some(p.owner)
        {
            true => m.go(code, "hears that it still owns the byte", At::Read(Reading::Child(round)), |_| {}),
            false => no(m, "hears that it owns it no more"),
        },
        Reading::Child(_) => {
            let parent = world.living(p.named).and_then(|child| world.process(child).parent);
            let believed = believed_now(world, p.named, ofd);
            if parent.is_none_or(|parent| world.process(parent).pid != p.owner) {
                no(m, "sees that it is no child of the owner");
            } else if m.setup.has(Flaw::ParentAskedOnce) {
                answer(m, code, "sees a child of the owner", Some((p.named, believed)));
            } else {
                m.go(
                    "core::claim::owner::is_child",
                    "sees a child of the owner",
                    At::Read(Reading::OwnerLives(round)),
                    |w| {
                        w.process_mut(slot).believed = believed;
                    },
                );
            }
        }
        _ if p.old == PidFd::Gone => no(m, "sees that the owner has ended"),
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
                let p = w.process_mut(slot);
                (p.read, p.named, p.owner, p.first) = (None, 0, 0, pid);
            });
        }
    }
    answer(m, "core::process::pidfd::PidFd::open", "finds it dead", None);
}

fn answer(m: &mut Mover, code: &'static str, does: &'static str, held: Option<(Pid, PidFd)>) {
    let slot = m.slot;
    m.step(code, does, |w| {
        finish(w, slot, held);
        Some(())
    });
}

/// The reading is over: what was read, and what is done with it.
fn finish(w: &mut World, slot: u8, held: Option<(Pid, PidFd)>) {
    if let Some((_, PidFd::None)) = held {
        w.broken = Some(Promise::ReadingIsTrue);
    }
    if let Some(ofd) = w.process(slot).read {
        w.close(slot, ofd);
    }
    let p = w.process_mut(slot);
    (p.read, p.named, p.owner, p.old) = (None, 0, 0, PidFd::None);
    let (plan, freeing, again) = (p.plan, p.freeing, p.first != 0);
    match held {
        // A stop whose daemon has ended: whoever claims now is none of its business.
        _ if freeing => {
            p.at = At::Left(Leftover::Open, 1);
            (p.believed, p.pidfd) = (PidFd::None, PidFd::None);
        }
        Some((_, believed)) if plan == Plan::Read => {
            p.believed = believed;
            w.end(slot);
        }
        Some((pid, believed)) if again && pid == p.first && p.pidfd != PidFd::None => {
            (p.believed, p.first) = (believed, 0);
            if plan == Plan::Replace {
                (p.old, p.pidfd, p.believed, p.at) = (p.pidfd, PidFd::None, PidFd::None, At::Share);
            } else {
                p.at = At::Send;
            }
        }
        Some((pid, believed)) => {
            (p.first, p.pidfd, p.believed, p.at) = (pid, PidFd::None, believed, At::Hold);
        }
        None if plan == Plan::Stop => {
            (p.first, p.pidfd, p.believed, p.freeing) = (0, PidFd::None, PidFd::None, true);
            p.at = At::Left(Leftover::Open, 1);
        }
        None => w.end(slot),
    }
}
