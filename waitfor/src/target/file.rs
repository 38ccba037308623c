//! `file:` a file that exists. `nonempty:` a file that something has been written to.

use super::{Answer, ProbeOptions, Target};
use racefree_core::error::{Result, reason};
use racefree_core::event::path_watch::PathWatch;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::task::Poll;

/// A file to wait for.
pub(crate) struct File {
    watch: PathWatch,
    least: u64,
    is_final: fn(&Answer) -> bool,
}

impl File {
    /// A file with any content, or none.
    pub(crate) fn existing(path: PathBuf, options: &ProbeOptions) -> File {
        File { watch: PathWatch::on(path), least: 0, is_final: options.is_final() }
    }

    /// A file that is not empty.
    pub(crate) fn nonempty(path: PathBuf, options: &ProbeOptions) -> File {
        File { least: 1, ..File::existing(path, options) }
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
    fn probe(&mut self) -> Result<Poll<Answer>> {
        let mut answer = self.look();
        if !(self.is_final)(&answer) && self.watch.arm() {
            answer = self.look();
        }
        Ok(Poll::Ready(answer))
    }

    fn ready_text(&self) -> &'static str {
        if self.least == 0 { "it is there" } else { "it is there, and not empty" }
    }

    fn still_text(&self) -> String {
        "it is still there".into()
    }

    fn event_sources(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.descriptor().into_iter().collect()
    }

    fn drain_events(&mut self) -> bool {
        self.watch.drain()
    }

    fn is_event_driven(&self) -> bool {
        self.watch.trusted()
    }
}
