//! The identity of a file: an inode number together with the time of its birth, because the kernel reuses the number at
//! once.

use nix::errno::Errno;
use nix::time::ClockId;
use racefree::sys::beyond_nix::{birth_at, birth_of};
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The identity of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inode {
    pub(crate) device: u64,
    pub(crate) number: u64,
    /// In nanoseconds since the epoch; 0 if the file system does not tell (statx(2), STATX_BTIME).
    pub(crate) born: u64,
}

impl Inode {
    /// True if both may be the same file. Where a birth is unknown only the numbers are compared.
    pub(crate) fn may_be(self, other: Inode) -> bool {
        let born = self.born == other.born || self.born == 0 || other.born == 0;
        born && (self.device, self.number) == (other.device, other.number)
    }
}

impl Inode {
    /// The identity of what a path leads to.
    pub(crate) fn at(path: &Path, metadata: &Metadata) -> Inode {
        Inode::new(metadata, || birth_at(path))
    }

    /// The identity of an open file.
    pub(crate) fn of(file: &File, metadata: &Metadata) -> Inode {
        Inode::new(metadata, || birth_of(file))
    }

    /// Rust's library tells the birth with some C libraries only, and not with musl. Then the kernel is asked.
    fn new(metadata: &Metadata, ask: impl FnOnce() -> Result<Option<u64>, Errno>) -> Inode {
        let born = metadata.created().map_or_else(|_| ask().ok().flatten().unwrap_or(0), nanoseconds);
        Inode { device: metadata.dev(), number: metadata.ino(), born }
    }
}

/// When a file was last written to, in nanoseconds since the epoch.
pub(crate) fn modified(metadata: &Metadata) -> u64 {
    metadata.modified().map_or(0, nanoseconds)
}

/// Now, by the clock of file timestamps: no later write gets an earlier timestamp.
pub(crate) fn now() -> u64 {
    // The kernel has had this clock since 2.6.32.
    ClockId::CLOCK_REALTIME_COARSE.now().map_or(0, |now| Duration::from(now).as_nanos() as u64)
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_birth_is_told_alike_by_path_by_descriptor_and_by_the_kernel() {
        let file = tempfile::NamedTempFile::new().expect("a file of our own");
        let metadata = file.as_file().metadata().expect("a file of our own");
        let by_path = Inode::at(file.path(), &metadata);
        assert_eq!(by_path, Inode::of(file.as_file(), &metadata));
        let asked = birth_at(file.path()).expect("a file of our own");
        assert_eq!(by_path.born, asked.unwrap_or(0));
    }
}
