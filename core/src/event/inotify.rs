//! Inotify from the kernel that a file or a directory has changed (inotify(7)).
//!
//! A hint wakes, and says nothing more: whoever is woken looks again, and behind each wait stands a bounded look, for
//! there are file systems that never hint (NFS, overlays), and limits on watches. Add the watch, *then* look, and only
//! then wait: so nothing falls in between.

use crate::event::deferred_close::DeferredClose;
use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init, remove_watch};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What is watched, by one descriptor. It can be read when there is a hint.
#[derive(Debug)]
pub struct Inotify {
    fd: DeferredClose,
}

/// One watched file or directory. The same one watched twice is the same watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Watch(i32);

/// Growth, truncation, renaming, removal, a change of permissions.
const OF_A_FILE: WatchFlags = WatchFlags::MODIFY
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::CLOSE_WRITE);

/// Names that come and go, and the directory's own end.
const OF_A_DIRECTORY: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::MOVE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::ONLYDIR);

impl Inotify {
    /// Begins to watch nothing.
    ///
    /// # Errors
    /// The user's instances (`fs.inotify.max_user_instances`) or our descriptors run out.
    pub fn new() -> io::Result<Inotify> {
        Ok(Inotify { fd: init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?.into() })
    }

    /// Watches a file's content and fate. A symbolic link is followed.
    ///
    /// # Errors
    /// It is not there, may not be read, or the user's watches (`fs.inotify.max_user_watches`) run out.
    pub fn on_file(&self, path: &Path) -> io::Result<Watch> {
        Ok(Watch(add_watch(&self.fd, path, OF_A_FILE)?))
    }

    /// Watches which names a directory has.
    ///
    /// # Errors
    /// As [`Inotify::on_file`], and where it is no directory.
    pub fn on_directory(&self, path: &Path) -> io::Result<Watch> {
        Ok(Watch(add_watch(&self.fd, path, OF_A_DIRECTORY)?))
    }

    /// Watches where `path` is to appear: its directory, or the nearest one above that is there. Watch anew whenever a
    /// hint has come: by then a nearer one may be there.
    ///
    /// # Errors
    /// As [`Inotify::on_directory`], for the root of the tree.
    pub fn on_place_of(&self, path: &Path) -> io::Result<Watch> {
        // "log" lies in "." and so does "nowhere", the nearest directory above "nowhere/log".
        let here = PathBuf::from(".");
        let mut above = path.ancestors().skip(1).map(|a| if a.as_os_str().is_empty() { &here } else { a });
        let nearest = above.find_map(|directory| match self.on_directory(directory) {
            Err(e) if matches!(e.raw_os_error().map(Errno::from_raw_os_error), Some(Errno::NOENT | Errno::NOTDIR)) => {
                None
            }
            watched => Some(watched),
        });
        nearest.unwrap_or_else(|| self.on_directory(&here))
    }

    /// Stops watching what was watched `before` and is not wanted `now`.
    pub fn keep_only(&self, before: &BTreeSet<Watch>, now: &BTreeSet<Watch>) {
        for gone in before.difference(now) {
            // EINVAL: the kernel has removed the watch, because the file is gone.
            let _ = remove_watch(&self.fd, gone.0);
        }
    }

    /// Forgets the hints that have come so far. Do it *before* you look again.
    pub fn forget(&self) {
        self.drain_about(|_| true);
    }

    /// The same, and says whether one of them was about such a name in a watched directory, or about what is watched
    /// itself. In a directory like /tmp most are about what others do.
    pub fn drain_about(&self, concerns: impl Fn(&OsStr) -> bool) -> bool {
        let mut room = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&self.fd, &mut room);
        let mut concerned = false;
        // Ends with EAGAIN; whatever else it ends with, a hint is only a hint.
        while let Ok(hint) = reader.next() {
            concerned |= hint.file_name().is_none_or(|name| concerns(OsStr::from_bytes(name.to_bytes())));
        }
        concerned
    }
}

impl AsFd for Inotify {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
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
