//! A path that may not exist yet, watched at its nearest existing directory, and itself once it is there.

use crate::event::inotify::{Inotify, Watch};
use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// A watched path.
#[derive(Debug)]
pub struct PathWatch {
    hints: Inotify,
    path: PathBuf,
    watches: BTreeSet<Watch>,
    trusted: bool,
}

impl PathWatch {
    /// Watches `path` once it is armed.
    ///
    /// # Errors
    /// The user has too many watches (inotify(7)): then look again and again instead.
    pub fn on(path: &Path) -> io::Result<PathWatch> {
        Ok(PathWatch { hints: Inotify::new()?, path: path.to_owned(), watches: BTreeSet::new(), trusted: false })
    }

    /// Watches what must be watched as the path is now. Do it before each look.
    pub fn arm(&mut self) {
        self.begins();
    }

    /// The same, and says whether it begins only now: an earlier look is to be repeated then.
    pub fn begins(&mut self) -> bool {
        let begins = self.watches.is_empty();
        if begins {
            self.trusted = self.watch().unwrap_or(false);
        }
        begins
    }

    /// Whether the kernel will hint at the next change, so that no look is needed before.
    pub fn trusted(&self) -> bool {
        self.trusted
    }

    fn watch(&mut self) -> io::Result<bool> {
        let mut place = self.hints.on_place_of(&self.path)?;
        self.watches.insert(place);
        // A nearer directory may have been made between the look at it and the watch on the one above.
        loop {
            let now = self.hints.on_place_of(&self.path)?;
            self.watches.insert(now);
            if now == place {
                break;
            }
            place = now;
        }
        if let Ok(itself) = self.hints.on_file(&self.path) {
            self.watches.insert(itself);
        }
        Ok(!leads_nowhere(&self.path) && sees_every_change(&self.path))
    }

    /// Takes the hints that have come, and says whether they are about the path: then it is to be armed again, and
    /// looked at.
    pub fn heed(&mut self) -> bool {
        if !self.hints.drain_about(|name| self.path.iter().any(|part| part == name)) {
            return false;
        }
        self.hints.keep_only(&self.watches, &BTreeSet::new());
        self.watches.clear();
        // Removing a watch is itself a hint (IN_IGNORED).
        self.hints.forget();
        true
    }
}

impl AsFd for PathWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.hints.as_fd()
    }
}

/// Whether a symbolic link on the way points to what is not there yet: that will appear where we do not watch.
fn leads_nowhere(path: &Path) -> bool {
    path.ancestors().any(|above| above.is_symlink() && !above.exists())
}

/// Whether the kernel sees every change there: others write to a network file system without it, and the files of
/// /proc change without being written.
fn sees_every_change(path: &Path) -> bool {
    // NFS, CIFS, SMB2, FUSE, 9P, Ceph, AFS, Lustre, proc, sysfs, cgroup2 (statfs(2)).
    const SILENT: [i64; 11] = [
        0x6969,
        0xff53_4d42,
        0xfe53_4d42,
        0x6573_5546,
        0x0102_1997,
        0x00c3_6400,
        0x5346_414f,
        0x0bd0_0bd0,
        0x9fa0,
        0x6265_6572,
        0x6367_7270,
    ];
    let nearest = path.ancestors().find(|above| above.exists()).unwrap_or(Path::new("."));
    rustix::fs::statfs(nearest).is_ok_and(|found| !SILENT.contains(&found.f_type))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ready_now;

    fn hinted(watch: &mut PathWatch) -> bool {
        let hinted = ready_now(watch.as_fd()).unwrap() && watch.heed();
        watch.arm();
        assert!(!ready_now(watch.as_fd()).unwrap());
        hinted
    }

    #[test]
    fn a_path_is_announced_from_its_first_missing_directory_on() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b/c");
        let mut watch = PathWatch::on(&path).unwrap();
        watch.arm();
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
            let mut watch = PathWatch::on(&path).unwrap();
            watch.arm();
            assert!(!watch.trusted(), "{}", path.display());
        }
    }
}
