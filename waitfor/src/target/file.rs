//! `file:` a file that exists. `nonempty:` a file that something has been written to.

use super::{Answer, Step, Target};
use racefree_core::error::{Result, reason};
use racefree_core::events::Events;
use racefree_core::path_watch::PathWatch;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// A file to wait for.
pub(crate) struct File {
    path: PathBuf,
    least: u64,
    watch: Option<PathWatch>,
}

impl File {
    /// Whatever is in it.
    pub(crate) fn existing(path: PathBuf) -> File {
        File::of_length(path, 0)
    }

    /// With something in it.
    pub(crate) fn nonempty(path: PathBuf) -> File {
        File::of_length(path, 1)
    }

    fn of_length(path: PathBuf, least: u64) -> File {
        let watch = PathWatch::on(&path).ok();
        File { path, least, watch }
    }
}

impl Target for File {
    fn ask(&mut self, _: &Events) -> Result<Step> {
        if let Some(watch) = &mut self.watch {
            watch.arm();
        }
        Ok(Step::Answered(match std::fs::metadata(&self.path) {
            Ok(found) if found.len() < self.least => Answer::No("it is empty".into()),
            Ok(_) => Answer::YES,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Answer::No(reason(&e))
            }
            Err(e) => Answer::Unclear(reason(&e)),
        }))
    }

    fn still(&self) -> String {
        "it is still there".into()
    }

    fn announcers(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.iter().map(AsFd::as_fd).collect()
    }

    fn heed(&mut self) -> bool {
        self.watch.as_mut().is_some_and(PathWatch::heed)
    }

    fn is_announced(&self) -> bool {
        self.watch.as_ref().is_some_and(PathWatch::trusted)
    }
}
