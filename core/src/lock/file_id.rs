//! The identity of a file, whatever its path names now.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// The identity of a file: device and inode. Its path may come to name another file; the identity stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl From<&Metadata> for FileId {
    fn from(metadata: &Metadata) -> Self {
        FileId { device: metadata.dev(), inode: metadata.ino() }
    }
}
