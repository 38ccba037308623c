//! `pidfile claim`: the flock, the second look at the path, the byte, the text, the exec; in this process, in a child of a
//! launcher (`--background`), or for the child of a supervisor.

use crate::at::{At, Leftover};
use crate::kernel::{Flock, World};
use crate::leftovers::after_leftovers;
use crate::mover::{LOOK, Mover};
use crate::numbers::{Inode, Ofd, Pid};
use crate::owner::{Verdict, any_lock, claimant, judge, stands};
use crate::process::{Plan, Process};
use crate::promise::Promise;
use crate::promises;
use crate::record_pid;
use crate::setup::Flaw;

fn give_up(m: &mut Mover) {
    m.exit("pidfile::claim::hold::busy", "says that it is claimed");
}

/// Another has claimed the file: a restart replaces that one, and every other claim gives up.
fn claimed_by_another(m: &mut Mover, by: Pid, inode: Inode) {
    let slot = m.slot;
    match m.process().plan {
        Plan::First => {}
        Plan::Ensure => {
            let party = m.world.living(by).is_some_and(|other| promises::is_party(m.world, other, inode));
            return m.step("pidfile::claim::hold::claim", "is content with the claimant, and ends", |w| {
                w.end(slot);
                w.broken = (!party).then_some(Promise::ReadingIsTrue);
                Some(())
            });
        }
        _ => return give_up(m),
    }
    m.go("pidfile::claim::replace::replace", "goes on with the claimant that has come", At::RestartOpen, |w| {
        let p = w.process_mut(slot);
        for ofd in [p.claim.take(), p.read.take()].into_iter().flatten() {
            w.close(slot, ofd);
        }
        let p = w.process_mut(slot);
        (p.plan, p.named, p.was_at) = (Plan::Replace, 0, false);
    });
}

/// The steps of a claim.
pub fn moves(m: &mut Mover) {
    let (slot, p, setup) = (m.slot, m.process().clone(), m.setup);
    let flawed = setup.has(Flaw::LockAfterWrite);
    match (p.at, p.claim) {
        (At::Open, _) => m.step("core::claim::pid_file::PidFile::open_for_claim", "opens the file", |w| {
            let ofd = w.create_and_open(slot)?;
            let p = w.process_mut(slot);
            let lock = match p.plan {
                Plan::Foreign => At::ForeignLock,
                Plan::Shell => At::ShellPath,
                _ => At::Lock,
            };
            (p.claim, p.at) = (Some(ofd), if flawed { At::NameText } else { lock });
            Some(())
        }),
        (At::AwaitRestart | At::Awaited, _) => await_restart(m, &p),
        (_, Some(ofd)) => with_file(m, &p, ofd),
        _ => {}
    }
}

fn with_file(m: &mut Mover, p: &Process, ofd: Ofd) {
    let (slot, setup) = (m.slot, m.setup);
    let inode = m.world.inode(ofd);
    let at_path = m.world.path == Some(inode);
    let start_over = |m: &mut Mover, code, does, at| {
        m.go(code, does, at, |w| {
            w.close(slot, ofd);
            w.process_mut(slot).claim = None;
        });
    };
    match p.at {
        At::Lock => match m.world.clone().lock(slot, ofd) {
            true => {
                let next = if setup.has(Flaw::NoRecheck) { At::ClaimRestartLock } else { At::Recheck };
                m.go("core::lock::wait::try_flock", "takes the flock", next, |w| {
                    w.lock(slot, ofd);
                    w.process_mut(slot).was_at = at_path;
                    w.file_mut(ofd).caller *= u8::from(setup.casts(Plan::Stop));
                });
            }
            false if setup.has(Flaw::RefusalIgnored) => {
                m.go("(the flaw)", "is refused the flock, and goes on", At::Recheck, |_| {})
            }
            // It waits in the kernel's queue until the lock is free, or the time is over.
            false if p.plan == Plan::Wait => {
                m.go("core::lock::wait::flock_by", "has waited in vain", At::Busy, |_| {});
            }
            false => m.go("core::lock::wait::try_flock", "is refused the flock", At::Refused, |_| {}),
        },
        At::Refused => refused(m, ofd),
        At::Busy => busy(m, ofd),
        At::Recheck if at_path => {
            m.go("core::lock::wait::still_at", "finds the file at its path", At::ClaimRestartLock, |_| {})
        }
        At::Recheck => start_over(m, "core::lock::wait::still_at", "finds another file at the path", At::Open),
        At::ClaimRestartLock => match m.world.file(ofd).restart_lock {
            Some(_) if !setup.has(Flaw::NoRestartLock) => {
                let code = "core::claim::restart_lock::try_take";
                m.step(code, "sees that a restart is under way, and opens the file to wait", |w| {
                    w.close(slot, ofd);
                    let waits = w.create_and_open(slot)?;
                    let p = w.process_mut(slot);
                    (p.claim, p.read, p.at) = (None, Some(waits), At::AwaitRestart);
                    Some(())
                });
            }
            _ => m.go("core::claim::restart_lock::try_take", "keeps restarts away", At::AnyLock, |w| {
                let file = w.file_mut(ofd);
                if file.restart_lock.is_none() && !setup.has(Flaw::RestartLockOnlyAsked) {
                    file.restart_lock = Some(ofd);
                }
            }),
        },
        At::AnyLock => match any_lock(m.world, slot, inode) {
            true => m.go("core::claim::byte_lock::is_locked", "sees a record lock", At::ClaimText, |_| {}),
            false => ours(m, "core::claim::byte_lock::is_locked", "sees no record lock"),
        },
        At::ClaimText => m.go("core::claim::owner::named", "reads the text", At::ClaimOwner, |w| {
            w.process_mut(slot).named = w.file(ofd).text;
        }),
        At::ClaimOwner => {
            let named = (p.named != 0 && stands(m.world, slot, inode, p.named).is_some()).then_some(p.named);
            match judge(m.world, slot, inode, named, setup) {
                Verdict::Nobody => ours(m, "core::claim::owner::judge", "hears that nobody stands"),
                Verdict::One(_) if p.plan == Plan::Wait => {
                    start_over(
                        m,
                        "core::claim::claiming::wait_for_end",
                        "waits for the end of the one who stands",
                        At::Open,
                    );
                    give_up(m);
                }
                Verdict::One(by) => claimed_by_another(m, by, inode),
                Verdict::Several => give_up(m),
            }
        }
        At::Ours if p.plan == Plan::Stop => {
            let code = "core::claim::recording::ClaimGuard::forget";
            m.go(code, "empties the file if nothing was written", At::Done, |w| {
                if w.file(ofd).text == p.before {
                    w.write(ofd, 0);
                }
            });
        }
        At::Ours if setup.has(Flaw::AnyTextIsBusy) && m.world.file(ofd).text != 0 => {
            m.exit("(the flaw)", "finds a number in the file, and says that it is claimed");
        }
        At::Ours => {
            let next = match any_lock(m.world, slot, inode) {
                true => LOOK,
                false => after_leftovers(p.plan),
            };
            m.go("core::claim::leftovers::abandoned", "asks for leftovers of restarts", next, |w| {
                // The text before matters only where it may be restored.
                if p.plan == Plan::Supervise || setup.exec_fails {
                    let content = w.content(ofd, setup);
                    let p = w.process_mut(slot);
                    (p.before, p.attribute_before) = content;
                }
            });
        }
        At::Fork => {}
        _ => record_pid::moves(m, p, ofd),
    }
}

fn ours(m: &mut Mover, code: &'static str, does: &'static str) {
    let slot = m.slot;
    let next = if m.setup.has(Flaw::LockAfterWrite) { At::Exec } else { At::Ours };
    m.go(code, does, next, |w| w.process_mut(slot).named = 0);
}

fn refused(m: &mut Mover, ofd: Ofd) {
    let (slot, world) = (m.slot, m.world);
    let code = "core::claim::flock::take_flock";
    let only_probed = matches!(world.file(ofd).flock, Flock::Shared(_));
    if claimant(world, slot, world.inode(ofd), m.setup) != Verdict::Nobody {
        return m.go(code, "hears that another has the file", At::Busy, |_| {});
    }
    if m.setup.has(Flaw::NoRetry) {
        m.step("(the flaw)", "does not try again", |w| {
            w.end(slot);
            w.broken = only_probed.then_some(Promise::ReaderDisturbsNobody);
            Some(())
        });
        return;
    }
    m.go(code, "hears that nobody is vouched for, and tries again", At::Lock, |_| {});
    // A probe is over long before the patience is.
    if !only_probed {
        m.go(code, "has no more patience", At::Busy, |_| {});
    }
}

/// Reads, in one step, who has the file.
fn busy(m: &mut Mover, ofd: Ofd) {
    let (slot, world, plan) = (m.slot, m.world, m.process().plan);
    let (file, inode) = (world.file(ofd), world.inode(ofd));
    let held = matches!(file.flock, Flock::Exclusive(_));
    let orphaned = held && file.text != 0 && world.living(file.text).is_none();
    match claimant(world, slot, inode, m.setup) {
        Verdict::One(by) => claimed_by_another(m, by, inode),
        Verdict::Nobody if orphaned && !matches!(plan, Plan::Stop | Plan::First) => {
            m.go("pidfile::claim::hold::claim", "finds it orphaned", At::Left(Leftover::Open, 1), |w| {
                w.close(slot, ofd);
                w.process_mut(slot).claim = None;
            });
        }
        Verdict::Nobody | Verdict::Several => give_up(m),
    }
}

fn await_restart(m: &mut Mover, p: &Process) {
    let (slot, Some(waits)) = (m.slot, p.read) else { return };
    let over = |w: &mut World| {
        w.close(slot, waits);
        let p = w.process_mut(slot);
        (p.read, p.at) = (None, At::Open);
    };
    if p.at == At::Awaited {
        return m.step(
            "core::claim::claiming::wait_for_restart",
            "gives the restart lock back, and tries again",
            |w| {
                over(w);
                Some(())
            },
        );
    }
    if m.world.file(waits).restart_lock.is_none() {
        return m.go("core::claim::byte_lock::ofd_wait", "gets the restart lock", At::Awaited, |w| {
            w.file_mut(waits).restart_lock = Some(waits);
        });
    }
    let inode = m.world.path.unwrap_or_default();
    match claimant(m.world, slot, inode, m.setup) {
        Verdict::One(by) => claimed_by_another(m, by, inode),
        Verdict::Nobody | Verdict::Several => give_up(m),
    }
}
