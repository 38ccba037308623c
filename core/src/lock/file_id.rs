//! Which file it is, whatever its path names by now.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// A file's identity: what its path names may change, this does not.
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
