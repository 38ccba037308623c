//! The log of a daemon that is being started: where its output goes, and the last thing it said.

use racefree_core::error::{Context, Result};
use racefree_core::lock::holders::FileId;
use racefree_core::open::{self, How, Links, Opened};
use rustix::fs::{OFlags, fcntl_setfl};
use std::fs::File;
use std::os::unix::fs::FileExt;
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
        let Opened { file, metadata } =
            open::open(path, How::append(Links::Trusted).or_create(0o644)).act("open", path.display())?;
        // The daemon gets it as a shell would have opened it.
        fcntl_setfl(&file, OFlags::APPEND).act("open", path.display())?;
        let same = |other: &Opened| FileId::from(&other.metadata) == FileId::from(&metadata);
        let reader = open::open(path, How::read(Links::Trusted)).ok().filter(same).map(|opened| opened.file);
        Ok(Log { path, file, reader, length_before: metadata.len() })
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
