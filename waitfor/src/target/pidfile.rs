//! `pidfile:` a PID file that a living process has claimed.

use super::{Answer, Means, Step, Target};
use racefree_core::claim::pin::{self, Pinned};
use racefree_core::claim::status::Status;
use racefree_core::error::Result;
use racefree_core::event::Events;
use racefree_core::event::path_watch::PathWatch;
use racefree_core::process::pidfd::PidFd;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// A claim to wait for.
pub(crate) struct Pidfile {
    watch: PathWatch,
    suffices: fn(&Answer) -> bool,
    claimant: Option<PidFd>,
    announced: bool,
}

impl Pidfile {
    pub(crate) fn new(path: PathBuf, means: &Means) -> Pidfile {
        Pidfile { watch: PathWatch::on(path), suffices: means.suffices(), claimant: None, announced: false }
    }

    fn look(&mut self) -> Result<Answer> {
        self.claimant = None;
        let (answer, announced) = match pin::pin(self.watch.path())? {
            Pinned::Running(process, _) => {
                self.claimant = Some(process);
                (Answer::YES, true)
            }
            // The claimer writes its number after it has the claim, and that is announced.
            Pinned::Nobody(reading @ (Status::Absent | Status::Stale(_))) => {
                (Answer::no(reading.in_words()), self.watch.trusted())
            }
            // A claim half-way, or the children of a dead claimant: what they do with their descriptors is not announced.
            Pinned::Nobody(reading) => (Answer::unclear(reading.in_words()), false),
        };
        self.announced = announced;
        Ok(answer)
    }
}

impl Target for Pidfile {
    fn ask(&mut self, _: &Events) -> Result<Step> {
        let mut answer = self.look()?;
        if !(self.suffices)(&answer) && self.watch.arm() {
            answer = self.look()?;
        }
        Ok(Step::Answered(answer))
    }

    fn ready(&self) -> &'static str {
        "it is claimed"
    }

    fn still(&self) -> String {
        Status::of(self.watch.path()).in_words()
    }

    fn announcers(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.descriptor().into_iter().chain(self.claimant.iter().map(AsFd::as_fd)).collect()
    }

    fn heed(&mut self) -> bool {
        let ended = self.claimant.as_ref().is_some_and(|process| process.has_ended().unwrap_or(true));
        self.watch.drain() || ended
    }

    fn is_announced(&self) -> bool {
        self.announced
    }
}
