//! Directories in which a log or an archive may appear: have names come or gone since they were listed?

use crate::input::inode::{self, modified};
use std::fs;
use std::path::PathBuf;

/// When the directories were last changed, and when they were looked at.
#[derive(Debug, Default)]
pub(crate) struct Directories {
    changed: Vec<u64>,
    looked: u64,
}

impl Directories {
    /// Looks at the directories now.
    pub(crate) fn of(paths: Vec<PathBuf>) -> Directories {
        let looked = inode::now();
        let changed = |directory| fs::metadata(directory).map_or(0, |there| modified(&there));
        Directories { changed: paths.into_iter().map(changed).collect(), looked }
    }

    /// True if a directory changed in the tick of the clock in which it was looked at: it may change again unnoticed.
    pub(crate) fn are_fresh(&self) -> bool {
        self.changed.iter().any(|&changed| changed >= self.looked)
    }

    /// True if nothing has changed from `self` to `now`.
    pub(crate) fn are_unchanged(&self, now: &Directories) -> bool {
        self.looked > 0 && self.changed == now.changed && !self.are_fresh()
    }
}
