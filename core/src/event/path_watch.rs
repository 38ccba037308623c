//! A watch on a path that may not exist yet: on its nearest existing directory, and on the file once it exists.

use crate::event::filesystem::FileSystem;
use crate::event::inotify::{Inotify, Watch};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// A watch on a path. It opens nothing before it is armed, so a path that is right at the first look costs neither a
/// watch nor the time that its close takes.
#[derive(Debug)]
pub struct PathWatch {
    path: PathBuf,
    /// An event about any name counts, not only about those of the path.
    any_name: bool,
    hints: Option<Inotify>,
    watches: BTreeSet<Watch>,
    trusted: bool,
}

impl PathWatch {
    /// A watch on `path` that is not armed yet.
    pub fn on(path: impl Into<PathBuf>) -> PathWatch {
        PathWatch { path: path.into(), any_name: false, hints: None, watches: BTreeSet::new(), trusted: false }
    }

    /// A watch on the names in a directory, whatever they are. The directory may not exist yet.
    pub fn on_names_in(directory: &Path) -> PathWatch {
        PathWatch { any_name: true, ..PathWatch::on(directory.join("*")) }
    }

    /// The watched path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Watches what must be watched as the path is now. Arm the watch before each look. Returns whether the watch was
    /// not armed before: a look taken earlier must be repeated then.
    ///
    /// A watch that the kernel refuses (inotify(7): the user has too many) is not trusted, and asked for again by the
    /// next call.
    pub fn arm(&mut self) -> bool {
        if self.hints.is_none() {
            self.hints = Inotify::new().ok();
        }
        let begins = self.watches.is_empty() && self.hints.is_some();
        if begins {
            self.trusted = self.watch().unwrap_or(false);
        }
        begins
    }

    /// Whether the kernel will send an event at the next change, so that no look is needed before.
    pub fn trusted(&self) -> bool {
        self.trusted
    }

    /// The descriptor that is readable when an event has come; `None` before the watch is armed.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.hints.as_ref().map(AsFd::as_fd)
    }

    fn watch(&mut self) -> io::Result<bool> {
        let Some(hints) = &self.hints else { return Ok(false) };
        let mut place = hints.on_place_of(&self.path)?;
        self.watches.insert(place);
        // Race: look-before-watch (docs/races.md)
        // A nearer directory may be made between the look and the watch on the directory above it.
        loop {
            let now = hints.on_place_of(&self.path)?;
            self.watches.insert(now);
            if now == place {
                break;
            }
            place = now;
        }
        if let Ok(itself) = hints.on_file(&self.path) {
            self.watches.insert(itself);
        }
        Ok(!leads_nowhere(&self.path) && sees_every_change(&self.path))
    }

    /// Discards the events that have come. Returns whether one of them is about the path. If so, arm the watch again,
    /// and look.
    pub fn drain(&mut self) -> bool {
        let Some(hints) = &self.hints else { return false };
        if !hints.drain_about(|name| self.any_name || self.path.iter().any(|part| part == name)) {
            return false;
        }
        hints.keep_only(&self.watches, &BTreeSet::new());
        self.watches.clear();
        // Removing a watch is itself an event (IN_IGNORED).
        hints.forget();
        true
    }
}

/// Whether a symbolic link in the path points to a missing file. That file will appear in a directory that is not
/// watched.
fn leads_nowhere(path: &Path) -> bool {
    path.ancestors().any(|above| above.is_symlink() && !above.exists())
}

/// Whether the kernel sees every change of the path. Other hosts write to a network file system without this kernel,
/// and the files of /proc change without a write.
fn sees_every_change(path: &Path) -> bool {
    FileSystem::of_path(path) != FileSystem::Remote
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ready_now;

    fn hinted(watch: &mut PathWatch) -> bool {
        let ready = |watch: &PathWatch| ready_now(watch.descriptor().unwrap()).unwrap();
        let hinted = ready(watch) && watch.drain();
        watch.arm();
        assert!(!ready(watch));
        hinted
    }

    #[test]
    fn a_path_is_announced_from_its_first_missing_directory_on() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b/c");
        let mut watch = PathWatch::on(&path);
        assert!(watch.arm() && !watch.arm());
        assert!(watch.trusted() && !hinted(&mut watch));
        std::fs::create_dir_all(place.path().join("a/b")).unwrap();
        assert!(hinted(&mut watch) && !hinted(&mut watch));
        std::fs::write(&path, "").unwrap();
        assert!(hinted(&mut watch) && !hinted(&mut watch));
        std::fs::write(place.path().join("a/b/another"), "").unwrap();
        assert!(!hinted(&mut watch));
        std::fs::write(&path, "x").unwrap();
        assert!(hinted(&mut watch) && !hinted(&mut watch));
        std::fs::remove_file(&path).unwrap();
        assert!(hinted(&mut watch) && watch.trusted());
    }

    #[test]
    fn what_the_kernel_cannot_announce_is_not_relied_upon() {
        let place = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/nowhere/x", place.path().join("l")).unwrap();
        for path in [place.path().join("l"), place.path().join("l/x"), "/proc/x".into()] {
            let mut watch = PathWatch::on(&path);
            watch.arm();
            assert!(!watch.trusted(), "{}", path.display());
        }
    }
}
