//! `pidfile:` a PID file that a living process has claimed.

use super::{Answer, ProbeOptions, Target};
use racefree::claim::pin::{self, MaybePinned};
use racefree::claim::status::Status;
use racefree::error::Result;
use racefree::event::path_watch::PathWatch;
use racefree::process::pidfd::PidFd;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::task::Poll;

/// A claim to wait for.
pub(crate) struct Pidfile {
    watch: PathWatch,
    is_final: fn(&Answer) -> bool,
    claimant: Option<PidFd>,
    is_event_driven: bool,
}

impl Pidfile {
    pub(crate) fn new(path: PathBuf, options: &ProbeOptions) -> Pidfile {
        Pidfile { watch: PathWatch::on(path), is_final: options.is_final(), claimant: None, is_event_driven: false }
    }

    fn look(&mut self) -> Result<Answer> {
        self.claimant = None;
        let (answer, is_event_driven) = match pin::pin(self.watch.path())? {
            MaybePinned::Running(process, _) => {
                self.claimant = Some(process);
                (Answer::YES, true)
            }
            // A claimant writes its PID after it has the claim, and the write sends an event.
            MaybePinned::Nobody(status @ (Status::Absent | Status::Stale(_))) => {
                (Answer::no(status.in_words()), self.watch.trusted())
            }
            // A claim half-way, or the children of a dead claimant: a descriptor that is closed sends no event.
            MaybePinned::Nobody(status) => (Answer::unclear(status.in_words()), false),
        };
        self.is_event_driven = is_event_driven;
        Ok(answer)
    }
}

impl Target for Pidfile {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        let mut answer = self.look()?;
        if !(self.is_final)(&answer) && self.watch.arm() {
            answer = self.look()?;
        }
        Ok(Poll::Ready(answer))
    }

    fn ready_text(&self) -> &'static str {
        "it is claimed"
    }

    fn still_text(&self) -> String {
        Status::of(self.watch.path()).in_words()
    }

    fn event_sources(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.descriptor().into_iter().chain(self.claimant.iter().map(AsFd::as_fd)).collect()
    }

    fn drain_events(&mut self) -> bool {
        let ended = self.claimant.as_ref().is_some_and(|process| process.has_ended().unwrap_or(true));
        self.watch.drain() || ended
    }

    fn is_event_driven(&self) -> bool {
        self.is_event_driven
    }
}
