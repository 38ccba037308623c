//! A daemon that puts a file of its own at the path of its PID file. Readers would find a file that nobody has claimed.
//!
//! Race: daemon-replaces-file (docs/races.md)

use nix::unistd::Pid;
use racefree::claim::ClaimGuard;
use racefree::event::path_watch::PathWatch;
use racefree::process::pidfd::PidFd;
use racefree::process::tree::descends_from;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// The reason for which a start fails whose daemon has replaced its PID file.
pub(crate) fn why(path: &Path) -> String {
    let path = path.display();
    format!("{path} is not the claimed file any more; if it writes {path} itself, let it write another file")
}

/// A watch on the path of a claimed file, for as long as the daemon runs.
pub(crate) struct PathOfClaim<'a> {
    held: &'a ClaimGuard,
    watch: PathWatch,
}

impl<'a> PathOfClaim<'a> {
    /// Begins to watch. Begin before the daemon starts: then no change is missed.
    pub(crate) fn watch(held: &'a ClaimGuard, path: &Path) -> PathOfClaim<'a> {
        let mut watch = PathWatch::on(path);
        watch.arm();
        PathOfClaim { held, watch }
    }

    /// The descriptor that is readable when something has happened to the path.
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.watch.descriptor()
    }

    /// Whether `daemon`, or a process that it has started, has put a file of its own there. A file that names another
    /// process, or a removal, is the act of somebody else: the daemon runs on.
    pub(crate) fn is_taken_by(&mut self, daemon: Pid) -> bool {
        if !self.watch.drain() {
            return false;
        }
        self.watch.arm();
        self.held.named_by_another_at_path().is_some_and(|pid| {
            pid == daemon || matches!(PidFd::open(pid), Ok(Some(process)) if descends_from(&process, daemon))
        })
    }

    /// The reason for which the start has failed then.
    pub(crate) fn why(&self) -> String {
        why(self.watch.path())
    }
}
