//! The log of a daemon that is being started: where its output goes, and the last thing it said.

use racefree_core::error::{Context, Result};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::process::Stdio;

/// A log, and how long it was before the start.
#[derive(Debug)]
pub(crate) struct Log<'a> {
    path: &'a Path,
    file: File,
    /// Absent where it may only be written.
    reader: Option<File>,
    length_before: u64,
}

/// A line longer than this is quoted from its end.
const LONGEST_QUOTE: u64 = 1024;

impl<'a> Log<'a> {
    /// Opens the log for appending, creating it if it is absent.
    pub(crate) fn open(path: &'a Path) -> Result<Log<'a>> {
        let file = OpenOptions::new().append(true).create(true).mode(0o644).open(path);
        let file = file.act("open", path.display())?;
        let length_before = file.metadata().act("look at", path.display())?.len();
        Ok(Log { path, file, reader: File::open(path).ok(), length_before })
    }

    pub(crate) fn path(&self) -> &Path {
        self.path
    }

    /// A descriptor of it for the daemon.
    pub(crate) fn for_writing(&self) -> Result<Stdio> {
        Ok(self.file.try_clone().act("share", self.path.display())?.into())
    }

    /// The last line with something in it that came since the start. It is a quote for a message: a log that cannot be
    /// read any more just has none.
    pub(crate) fn last_line_gained(&self) -> Option<String> {
        let length = self.file.metadata().ok()?.len();
        let from = self.length_before.max(length.saturating_sub(LONGEST_QUOTE));
        let mut gained = vec![0; usize::try_from(length.checked_sub(from)?).ok()?];
        self.reader.as_ref()?.read_exact_at(&mut gained, from).ok()?;
        let last = gained.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).rfind(|line| !line.is_empty())?;
        Some(String::from_utf8_lossy(last).into_owned())
    }
}
