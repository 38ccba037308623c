//! `pidfile claim --fd`: a shell claims through a descriptor that it has opened. The process that does it for the shell
//! ends at once, so its steps are the shell's here.

use crate::at::At;
use crate::kernel::World;
use crate::mover::Mover;
use crate::numbers::{Ofd, Slot};
use crate::owner::{Verdict, claimant};
use crate::promises;
use crate::record_pid::free_restart_lock;
use crate::setup::Flaw;

const THROUGH: &str = "core::claim::ways::ClaimGuard::through";

/// The steps from the open descriptor to the claim.
pub fn moves(m: &mut Mover) {
    let (slot, p, setup) = (m.slot, m.process().clone(), m.setup);
    let Some(ofd) = p.claim else { return };
    let inode = m.world.inode(ofd);
    let at_path = m.world.path == Some(inode);
    match p.at {
        At::ShellPath => match at_path {
            true => m.go(THROUGH, "finds the file at its path", At::ShellLock, |_| {}),
            false => m.exit(THROUGH, "finds another file at the path, and gives up"),
        },
        At::ShellLock => match m.world.clone().lock(slot, ofd) {
            true => m.go("core::claim::flock::take_flock", "takes the flock", At::ShellRecheck, |w| {
                w.lock(slot, ofd);
                w.process_mut(slot).was_at = at_path;
            }),
            false => m.exit("core::claim::flock::take_flock", "is refused the flock, and gives up"),
        },
        At::ShellRecheck => match at_path {
            true => m.go(THROUGH, "finds the file at its path", At::ShellRestartLock, |_| {}),
            false => give_back(m, slot, ofd, "finds another file at the path"),
        },
        At::ShellRestartLock => match m.world.file(ofd).restart_lock {
            Some(_) if !setup.has(Flaw::ShellBesideRestart) => {
                give_back(m, slot, ofd, "sees that a restart is under way, and gives the lock back");
            }
            taken => m.go("core::claim::restart_lock::try_take", "keeps restarts away", At::ShellJudge, |w| {
                if taken.is_none() && !setup.has(Flaw::ShellBesideRestart) {
                    w.file_mut(ofd).restart_lock = Some(ofd);
                }
            }),
        },
        At::ShellJudge => match claimant(m.world, slot, inode, setup) {
            Verdict::Nobody => m.go(THROUGH, "hears that nobody stands", At::ShellText, |_| {}),
            Verdict::One(_) | Verdict::Several => give_back(m, slot, ofd, "hears that another stands"),
        },
        At::ShellText => m.go("pidfile::claim::shell_fd::claim", "writes the number of the shell", At::Daemon, |w| {
            w.record(ofd, p.pid);
            free_restart_lock(w, ofd);
            w.process_mut(slot).claims = true;
            promises::claimed(w, slot);
        }),
        _ => {}
    }
}

fn give_back(m: &mut Mover, slot: Slot, ofd: Ofd, does: &'static str) {
    m.step("core::claim::guard::ClaimGuard::give_back", does, |w: &mut World| {
        w.unlock(ofd);
        w.end(slot);
        Some(())
    });
}
