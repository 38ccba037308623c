//! Which file it is: an inode number together with the time of its birth, because the kernel reuses the number at once.

use rustix::time::{ClockId, clock_gettime};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{SystemTime, UNIX_EPOCH};

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

impl From<&Metadata> for Inode {
    fn from(metadata: &Metadata) -> Inode {
        let born = metadata.created().map_or(0, nanoseconds);
        Inode { device: metadata.dev(), number: metadata.ino(), born }
    }
}

/// When a file was last written to, in nanoseconds since the epoch.
pub(crate) fn modified(metadata: &Metadata) -> u64 {
    metadata.modified().map_or(0, nanoseconds)
}

/// Now, by the clock of file timestamps: no later write gets an earlier timestamp.
pub(crate) fn now() -> u64 {
    let now = clock_gettime(ClockId::RealtimeCoarse);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
