//! The workers that keep the lock of a daemon, and the rule which of them may be killed.

use crate::send::Sender;
use racefree::claim::authority::objection_to;
use racefree::claim::leftovers::leftovers;
use racefree::claim::restart_lock;
use racefree::claim::status::Status;
use racefree::event::deadline::Deadline;
use racefree::lock::fdinfo;
use racefree::lock::holders::{self, AT_MOST, Holds};
use racefree::lock::locked_file::LockedFile;
use racefree::process::pidfd::PidFd;
use racefree::process::tree::descendants_of_any;
use racefree::signal::Signal;
use std::path::Path;

/// The descendants of a claimant that have its lock too, pinned while the claimant lived.
#[derive(Default)]
pub(crate) struct Workers(Vec<PidFd>);

impl Workers {
    /// Pins the descendants of a claimant that have its lock too, and those of its workers. `claimant` is `None` if it has
    /// ended.
    pub(crate) fn note(&mut self, pidfile: &Path, claimant: Option<&PidFd>) {
        let Ok(locked) = LockedFile::at(pidfile) else { return };
        let living: Vec<&PidFd> = self.0.iter().filter(|worker| !worker.has_ended().unwrap_or(true)).collect();
        let new = |process: &PidFd| living.iter().all(|known| known.pid() != process.pid());
        let ancestors: Vec<&PidFd> = claimant.into_iter().chain(living.iter().copied()).collect();
        let workers = descendants_of_any(&ancestors).into_iter().filter(new);
        let workers: Vec<PidFd> = workers.filter(|worker| holders::holds(worker.pid(), locked) == Holds::Yes).collect();
        self.0.extend(workers);
    }

    /// Sends KILL to the pinned processes that keep the lock of a dead claimant, and with `all` to every process that
    /// keeps it. Another process may have got the descriptor from a user who could read the file. Returns whether one
    /// was killed.
    pub(crate) fn kill(&self, sender: &Sender<'_>, pidfile: &Path, holders: &[PidFd], all: bool) -> bool {
        // If the file is gone, its holders cannot be found.
        let Ok(locked) = LockedFile::at(pidfile) else { return false };
        let mut killed = false;
        for process in holders {
            // Race: kill-meets-claim (docs/races.md)
            // The lock may belong to a claim half-way by now. A process that may not be killed is named at the
            // deadline.
            let orphaned = restart_lock::is_held(pidfile).is_ok_and(|under_way| !under_way)
                && matches!(Status::of(pidfile), Status::Orphaned(..))
                && fdinfo::has_inherited(process.pid(), locked, Deadline::after(AT_MOST));
            let worker = self.0.iter().find(|worker| worker.pid() == process.pid());
            let process = if all { Some(process) } else { worker };
            // A worker may run as another user by now, over which a writer of the file has no power.
            let may_be = |process: &&PidFd| objection_to(pidfile, process).is_ok_and(|objection| objection.is_none());
            if let Some(process) = process.filter(|_| orphaned).filter(may_be) {
                killed |= sender.send(process, Signal::KILL).unwrap_or(false);
            }
        }
        for left in leftovers(pidfile).unwrap_or_default() {
            killed |= sender.send(&left, Signal::KILL).unwrap_or(false);
        }
        killed
    }
}
