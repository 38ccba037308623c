//! Where a line that was found comes from.

use std::path::Path;

/// Where a line comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    /// The log, as the user named it.
    pub(crate) log: &'a Path,
    /// The file of it: the log itself, or a rotated sibling.
    pub(crate) file: &'a Path,
    /// Where in the file the text begins.
    pub(crate) offset: u64,
    /// The number of the line, counted from 1, where lines are counted.
    pub(crate) number: Option<u64>,
}
