//! `pidfile:` a PID file that a living process has claimed.

use super::{Answer, Step, Target};
use racefree_core::control::{self, Found};
use racefree_core::error::Result;
use racefree_core::events::Events;
use racefree_core::path_watch::PathWatch;
use racefree_core::process::Process;
use racefree_core::reading::Reading;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// A claim to wait for.
pub(crate) struct Pidfile {
    path: PathBuf,
    watch: Option<PathWatch>,
    claimant: Option<Process>,
    announced: bool,
}

impl Pidfile {
    pub(crate) fn new(path: PathBuf) -> Pidfile {
        let watch = PathWatch::on(&path).ok();
        Pidfile { path, watch, claimant: None, announced: false }
    }
}

impl Target for Pidfile {
    fn ask(&mut self, _: &Events) -> Result<Step> {
        if let Some(watch) = &mut self.watch {
            watch.arm();
        }
        let trusted = self.watch.as_ref().is_some_and(PathWatch::trusted);
        self.claimant = None;
        let (answer, announced) = match control::claimant(&self.path)? {
            Found::Running(process, _) => {
                self.claimant = Some(process);
                (Answer::YES, true)
            }
            // The claimer writes its number after it has the claim, and that is announced.
            Found::Nobody(reading @ (Reading::Absent | Reading::Stale(_))) => (Answer::No(reading.in_words()), trusted),
            // A claim half-way, or the children of a dead claimant: what they do with their descriptors is not announced.
            Found::Nobody(reading) => (Answer::Unclear(reading.in_words()), false),
        };
        self.announced = announced;
        Ok(Step::Answered(answer))
    }

    fn still(&self) -> String {
        Reading::of(&self.path).in_words()
    }

    fn announcers(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.iter().map(AsFd::as_fd).chain(self.claimant.iter().map(AsFd::as_fd)).collect()
    }

    fn heed(&mut self) -> bool {
        let ended = self.claimant.as_ref().is_some_and(|process| process.has_ended().unwrap_or(true));
        self.watch.as_mut().is_some_and(PathWatch::heed) || ended
    }

    fn is_announced(&self) -> bool {
        self.announced
    }
}
