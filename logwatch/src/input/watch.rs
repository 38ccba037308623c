//! What the kernel hints at, and how far a file system's hints can be trusted.

use racefree_core::event::inotify::{Inotify, Watch};
use rustix::fs::statfs;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Whether the kernel hints at what happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventTrust {
    /// At everything, as far as anybody knows.
    Always,
    /// Not where a file of a lower layer is written to for the first time.
    NotCopyUp,
    /// Only at what is done on this machine.
    LocalOnly,
}

/// Those on which others write, or on which what is written is made up: NFS, SMB, 9p, FUSE, Ceph, AFS, proc
/// (statfs(2)).
const SELDOM: [u32; 9] =
    [0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b, 0x0102_1997, 0x6573_5546, 0x00c3_6400, 0x5346_414f, 0x9fa0];

/// The kernel follows no more links in one path.
const LINKS: usize = 40;

const OVERLAY: u32 = 0x794c_7630;

impl EventTrust {
    /// What to expect for a file of this name, which need not be there yet.
    pub(crate) fn on(path: &Path) -> EventTrust {
        let there = path.ancestors().find_map(|path| statfs(path).ok());
        match there.map(|there| there.f_type as u32) {
            Some(OVERLAY) => EventTrust::NotCopyUp,
            Some(kind) if SELDOM.contains(&kind) => EventTrust::LocalOnly,
            _ => EventTrust::Always,
        }
    }
}

/// Has the kernel hint at whatever may happen to a log of this name, and to these files, which it was and is.
///
/// # Errors
/// Watches run out.
pub(crate) fn watch<'a>(
    hints: &Inotify,
    path: &Path,
    files: impl Iterator<Item = &'a File>,
) -> io::Result<BTreeSet<Watch>> {
    let mut watches = BTreeSet::new();
    for file in files {
        // By the descriptor: the name may stand for another file by now.
        let held = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        watches.insert(hints.on_file(&held).or_else(|_| hints.on_file(path))?);
    }
    let mut name = path.to_owned();
    for _ in 0..LINKS {
        watches.insert(hints.on_place_of(&name)?);
        // A link may be swapped where it is, and its target where that is.
        let Ok(target) = fs::read_link(&name) else { break };
        name = name.parent().unwrap_or(Path::new("")).join(target);
    }
    Ok(watches)
}
