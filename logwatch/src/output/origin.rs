//! The origin of a line that was found.

use std::path::Path;

/// The log, the file and the place of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// The log as the user named it.
    pub(crate) log: &'a Path,
    /// The file: the log itself or one of its archives.
    pub(crate) file: &'a Path,
    /// The offset in the file where the text begins.
    pub(crate) offset: u64,
    /// The number of the line, counted from 1, if lines are counted.
    pub(crate) number: Option<u64>,
}
