//! Inotify watches of a log, and how far the events of its file system can be trusted.

use crate::input::archive_names::ArchiveNames;
use racefree::event::filesystem::FileSystem;
use racefree::event::inotify::{Inotify, Watch};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// The events that a file system sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventTrust {
    /// Every change.
    Always,
    /// Every change but the first write to a file of a lower layer (overlayfs).
    NotCopyUp,
    /// Only changes that are made on this machine.
    LocalOnly,
}

/// The kernel follows at most this many symbolic links in one path (path_resolution(7)).
const LINKS: usize = 40;

impl EventTrust {
    /// The trust in the events of the file system of `path`, which need not exist yet.
    pub(crate) fn on(path: &Path) -> EventTrust {
        match FileSystem::of_path(path) {
            FileSystem::Overlay => EventTrust::NotCopyUp,
            FileSystem::Remote => EventTrust::LocalOnly,
            FileSystem::Local | FileSystem::Other => EventTrust::Always,
        }
    }
}

/// Watches the name of a log and the files that the log was and is.
///
/// # Errors
/// The user's watches run out (fs.inotify.max_user_watches).
pub(crate) fn watch<'a>(
    hints: &Inotify,
    names: &ArchiveNames,
    files: impl Iterator<Item = &'a File>,
) -> io::Result<BTreeSet<Watch>> {
    let path = names.log();
    let mut watches = BTreeSet::new();
    // A directory of --archives need not exist yet; the log's own directory is watched below.
    watches.extend(names.directories().iter().skip(1).filter_map(|directory| hints.on_directory(directory).ok()));
    for file in files {
        // By its descriptor, because another file may have the name by now.
        let held = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        watches.insert(hints.on_file(&held).or_else(|_| hints.on_file(path))?);
    }
    let mut name = path.to_owned();
    for _ in 0..LINKS {
        watches.insert(hints.on_place_of(&name)?);
        // Both the symbolic link and its target may be replaced.
        let Ok(target) = fs::read_link(&name) else { break };
        name = name.parent().unwrap_or(Path::new("")).join(target);
    }
    Ok(watches)
}
