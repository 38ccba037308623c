//! `file:` a file that exists. `nonempty:` a file that something has been written to.

use super::{Answer, Means, Step, Target};
use racefree_core::error::{Result, reason};
use racefree_core::event::Events;
use racefree_core::event::path_watch::PathWatch;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

/// A file to wait for.
pub(crate) struct File {
    watch: PathWatch,
    least: u64,
    suffices: fn(&Answer) -> bool,
}

impl File {
    /// Whatever is in it.
    pub(crate) fn existing(path: PathBuf, means: &Means) -> File {
        File { watch: PathWatch::on(path), least: 0, suffices: means.suffices() }
    }

    /// With something in it.
    pub(crate) fn nonempty(path: PathBuf, means: &Means) -> File {
        File { least: 1, ..File::existing(path, means) }
    }

    fn look(&self) -> Answer {
        match std::fs::metadata(self.watch.path()) {
            Ok(found) if found.len() < self.least => Answer::no("it is empty"),
            Ok(_) => Answer::YES,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Answer::no(reason(&e))
            }
            Err(e) => Answer::unclear(reason(&e)),
        }
    }
}

impl Target for File {
    fn ask(&mut self, _: &Events) -> Result<Step> {
        let mut answer = self.look();
        if !(self.suffices)(&answer) && self.watch.arm() {
            answer = self.look();
        }
        Ok(Step::Answered(answer))
    }

    fn ready(&self) -> &'static str {
        if self.least == 0 { "it is there" } else { "it is there, and not empty" }
    }

    fn still(&self) -> String {
        "it is still there".into()
    }

    fn announcers(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.descriptor().into_iter().collect()
    }

    fn heed(&mut self) -> bool {
        self.watch.drain()
    }

    fn is_announced(&self) -> bool {
        self.watch.trusted()
    }
}
