//! `pidfile claim`: the flock, the second look at the path, the byte, the text, the exec; in this process, in a child of a
//! launcher (`--background`), or for the child of a supervisor.

use crate::at::{At, Leftover};
use crate::kernel::Flock;
use crate::leftovers::after_leftovers;
use crate::mover::{LOOK, Mover};
use crate::numbers::Ofd;
use crate::owner::{Verdict, any_lock, claimant, judge, stands};
use crate::process::{Plan, Process};
use crate::promise::Promise;
use crate::record_pid;
use crate::setup::Flaw;

fn give_up(m: &mut Mover) {
    m.exit("pidfile::claim::hold::busy", "says that it is claimed");
}

/// The steps of a claim.
pub fn moves(m: &mut Mover) {
    let (slot, p, setup) = (m.slot, m.process().clone(), m.setup);
    let flawed = setup.has(Flaw::LockAfterWrite);
    match (p.at, p.claim) {
        (At::Open, _) => m.step("core::claim::pid_file::PidFile::open_for_claim", "opens the file", |w| {
            let ofd = w.create_and_open(slot)?;
            let p = w.process_mut(slot);
            let lock = if p.plan == Plan::Foreign { At::ForeignLock } else { At::Lock };
            (p.claim, p.at) = (Some(ofd), if flawed { At::NameText } else { lock });
            Some(())
        }),
        (At::AwaitRestart, _) => await_restart(m),
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
            false => m.go("core::lock::wait::try_flock", "is refused the flock", At::Refused, |_| {}),
        },
        At::Refused => refused(m, ofd),
        At::Recheck if at_path => {
            m.go("core::lock::wait::still_at", "finds the file at its path", At::ClaimRestartLock, |_| {})
        }
        At::Recheck => start_over(m, "core::lock::wait::still_at", "finds another file at the path", At::Open),
        At::ClaimRestartLock => match m.world.file(ofd).restart_lock {
            Some(_) if !setup.has(Flaw::NoRestartLock) => {
                start_over(
                    m,
                    "core::claim::restart_lock::try_take",
                    "sees that a restart is under way",
                    At::AwaitRestart,
                );
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
                _ => give_up(m),
            }
        }
        At::Ours if p.plan == Plan::Stop => {
            m.step(
                "core::claim::recording::ClaimGuard::forget",
                "empties the file if nothing was written, and ends",
                |w| {
                    if w.file(ofd).text == p.before {
                        w.file_mut(ofd).text = 0;
                    }
                    w.end(slot);
                    Some(())
                },
            );
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
                    w.process_mut(slot).before = w.file(ofd).text;
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
    let named = world.file(ofd).text;
    let stands = claimant(world, slot, world.inode(ofd), m.setup) != Verdict::Nobody;
    let only_probed = matches!(world.file(ofd).flock, Flock::Shared(_));
    if stands {
        give_up(m);
        return;
    }
    if m.setup.has(Flaw::NoRetry) {
        m.step("(the flaw)", "does not try again", |w| {
            w.end(slot);
            w.broken = only_probed.then_some(Promise::ReaderDisturbsNobody);
            Some(())
        });
        return;
    }
    m.go("core::claim::flock::take_flock", "hears that nobody is vouched for, and tries again", At::Lock, |_| {});
    // A probe is over long before the patience is.
    if !only_probed {
        give_up(m);
        if named != 0 && world.living(named).is_none() && m.process().plan != Plan::Stop {
            m.go("pidfile::claim::hold::claim", "finds it orphaned", At::Left(Leftover::Open, 1), |w| {
                w.close(slot, ofd);
                w.process_mut(slot).claim = None;
            });
        }
    }
}

fn await_restart(m: &mut Mover) {
    let taken = m.world.path.is_some_and(|inode| m.world.files[inode as usize].restart_lock.is_some());
    if taken {
        give_up(m);
    } else {
        m.go("core::claim::restart_lock::RestartLock::take_by", "sees the end of the restart", At::Open, |_| {});
    }
}
