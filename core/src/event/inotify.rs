//! The kernel's events about changes of files and directories (inotify(7)).
//!
//! An event wakes the caller, and the caller looks again. A bounded look stands behind each wait, because some file
//! systems send no events (NFS, overlays) and the number of watches is limited. Add the watch first, look then, and
//! wait last: so no change is missed.

use crate::event::deferred_close::DeferredClose;
use nix::errno::Errno;
use nix::sys::inotify::{self, AddWatchFlags, InitFlags, WatchDescriptor};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// The watches behind one descriptor. It is readable when an event has come.
#[derive(Debug)]
pub struct Inotify {
    kernel: DeferredClose<inotify::Inotify>,
}

/// One watched file or directory. A second watch on the same file is the same watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watch(WatchDescriptor);

/// Events of a file: growth, truncation, renaming, removal, a change of permissions.
const OF_A_FILE: AddWatchFlags = AddWatchFlags::IN_MODIFY
    .union(AddWatchFlags::IN_ATTRIB)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_CLOSE_WRITE);

/// Events of a directory: names that come and go, and its own end.
const OF_A_DIRECTORY: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_MOVE)
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_ATTRIB)
    .union(AddWatchFlags::IN_MOVE_SELF)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_ONLYDIR);

impl Inotify {
    /// Opens a descriptor that has no watch yet.
    ///
    /// # Errors
    /// The user's instances (`fs.inotify.max_user_instances`) or our descriptors run out.
    pub fn new() -> io::Result<Inotify> {
        let flags = InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK;
        Ok(Inotify { kernel: inotify::Inotify::init(flags)?.into() })
    }

    /// Watches a file's content and its removal. It follows a symbolic link.
    ///
    /// # Errors
    /// The file is absent or unreadable, or the user's watches (`fs.inotify.max_user_watches`) run out.
    pub fn on_file(&self, path: &Path) -> io::Result<Watch> {
        Ok(Watch(self.kernel.add_watch(path, OF_A_FILE)?))
    }

    /// Watches the names in a directory.
    ///
    /// # Errors
    /// As [`Inotify::on_file`]; also if the path is no directory.
    pub fn on_directory(&self, path: &Path) -> io::Result<Watch> {
        Ok(Watch(self.kernel.add_watch(path, OF_A_DIRECTORY)?))
    }

    /// Watches the directory of `path`, or the nearest existing directory above it. Watch again after each event: a
    /// nearer directory may exist by then.
    ///
    /// # Errors
    /// As [`Inotify::on_directory`], for the root of the tree.
    pub fn on_place_of(&self, path: &Path) -> io::Result<Watch> {
        // "log" lies in "." and so does "nowhere", the nearest directory above "nowhere/log".
        let here = PathBuf::from(".");
        let mut above = path.ancestors().skip(1).map(|a| if a.as_os_str().is_empty() { &here } else { a });
        let nearest = above.find_map(|directory| match self.on_directory(directory) {
            Err(e) if matches!(e.raw_os_error().map(Errno::from_raw), Some(Errno::ENOENT | Errno::ENOTDIR)) => None,
            watched => Some(watched),
        });
        nearest.unwrap_or_else(|| self.on_directory(&here))
    }

    /// Removes the watches that are in `before` and not in `now`.
    pub fn keep_only(&self, before: &BTreeSet<Watch>, now: &BTreeSet<Watch>) {
        for gone in before.difference(now) {
            // EINVAL: the kernel has removed the watch, because the file is gone.
            let _ = self.kernel.rm_watch(gone.0);
        }
    }

    /// Discards the events that have come so far. Call it *before* you look again.
    pub fn forget(&self) {
        self.drain_about(|_| true);
    }

    /// Discards the events that have come so far. Returns whether one of them was about a name for which `concerns` is
    /// true, or about a watched file itself. In a directory like /tmp most events are about other programs' files.
    pub fn drain_about(&self, concerns: impl Fn(&OsStr) -> bool) -> bool {
        let mut concerned = false;
        // The loop ends with EAGAIN. Another error ends it too, because an event only wakes.
        while let Ok(events) = self.kernel.read_events() {
            concerned |= events.iter().any(|event| event.name.as_deref().is_none_or(&concerns));
        }
        concerned
    }
}

impl AsFd for Inotify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kernel.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ready_now;
    use std::fs;
    use tempfile::TempDir;

    fn hinted(hints: &Inotify) -> bool {
        let hinted = ready_now(hints.as_fd()).unwrap();
        hints.forget();
        hinted
    }

    #[test]
    fn growth_and_truncation_of_a_file_are_hinted() {
        let place = TempDir::new().unwrap();
        let log = place.path().join("log");
        fs::write(&log, "a\n").unwrap();
        let hints = Inotify::new().unwrap();
        hints.on_file(&log).unwrap();
        assert!(!hinted(&hints));
        fs::write(&log, "").unwrap();
        assert!(hinted(&hints));
        fs::write(&log, "b\n").unwrap();
        assert!(hinted(&hints));
        assert!(!hinted(&hints));
    }

    #[test]
    fn the_nearest_directory_is_watched_where_a_path_is_to_appear() {
        let place = TempDir::new().unwrap();
        let log = place.path().join("a/b/log");
        let hints = Inotify::new().unwrap();
        let far = hints.on_place_of(&log).unwrap();
        fs::create_dir_all(place.path().join("a/b")).unwrap();
        assert!(hinted(&hints));
        let near = hints.on_place_of(&log).unwrap();
        assert_ne!(far, near);
        fs::write(&log, "").unwrap();
        assert!(hinted(&hints));
    }

    #[test]
    fn what_is_no_longer_watched_hints_no_more() {
        let place = TempDir::new().unwrap();
        let log = place.path().join("log");
        fs::write(&log, "").unwrap();
        let hints = Inotify::new().unwrap();
        let watched = BTreeSet::from([hints.on_file(&log).unwrap()]);
        hints.keep_only(&watched, &BTreeSet::new());
        hints.forget();
        fs::write(&log, "more\n").unwrap();
        assert!(!hinted(&hints));
    }
}
