//! The name by which the user gave a lock file.

use std::fmt;
use std::os::fd::RawFd;
use std::path::PathBuf;

/// A path, or the number of a descriptor that the shell has opened.
#[derive(Debug)]
pub(super) enum Name {
    Path(PathBuf),
    Descriptor(RawFd),
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Path(path) => path.display().fmt(f),
            Name::Descriptor(number) => write!(f, "descriptor {number}"),
        }
    }
}
