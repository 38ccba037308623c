//! The watch on a path, begun only where the first look is not enough: what is there already needs none, nor the time
//! that it takes to end one.

use racefree_core::event::path_watch::PathWatch;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// Watches a path, or will.
pub(crate) struct Lookout {
    path: PathBuf,
    watch: Option<PathWatch>,
}

impl Lookout {
    /// Not yet watching.
    pub(crate) fn on(path: PathBuf) -> Lookout {
        Lookout { path, watch: None }
    }

    pub(crate) fn path(&self) -> &PathBuf {
        &self.path
    }

    /// Watches, and says whether it begins only now: then what was seen before may have changed since.
    pub(crate) fn begins(&mut self) -> bool {
        if self.watch.is_none() {
            // Too many watches: perhaps not for ever.
            self.watch = PathWatch::on(&self.path).ok();
        }
        self.watch.as_mut().is_some_and(PathWatch::begins)
    }

    /// Whether the kernel announces the next change.
    pub(crate) fn is_trusted(&self) -> bool {
        self.watch.as_ref().is_some_and(PathWatch::trusted)
    }

    /// What can be read when there is something to heed.
    pub(crate) fn announcer(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(AsFd::as_fd)
    }

    /// Takes what was announced, and says whether it is about the path.
    pub(crate) fn heed(&mut self) -> bool {
        self.watch.as_mut().is_some_and(PathWatch::heed)
    }
}
