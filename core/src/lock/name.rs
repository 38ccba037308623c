//! The name by which the user gave a lock file.

use std::fmt;
use std::os::fd::RawFd;
use std::path::PathBuf;

/// A path, or the number of a descriptor that the shell has opened.
#[derive(Debug)]
pub(super) enum LockName {
    Path(PathBuf),
    Descriptor(RawFd),
}

impl fmt::Display for LockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockName::Path(path) => path.display().fmt(f),
            LockName::Descriptor(number) => write!(f, "descriptor {number}"),
        }
    }
}
