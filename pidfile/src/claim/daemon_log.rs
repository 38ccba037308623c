//! The output of a daemon: its destination, and its last line.

use crate::claim::kept_output::KeptOutput;
use crate::claim::tail::Tail;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use racefree::cli::output;
use racefree::error::{Context, Result};
use racefree::lock::file_id::FileId;
use racefree::open::{self, How, Links, Opened};
use std::fmt::Display;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;

/// The destination of COMMAND's stdout and stderr.
pub(crate) enum Output<'a> {
    /// A log, to which the output is appended.
    Log(Log<'a>),
    /// The stdout and stderr of this process: `--log -`.
    Inherited,
    /// A buffer until COMMAND is ready, then nowhere.
    Kept(KeptOutput),
    /// Nowhere.
    Dropped,
}

impl<'a> Output<'a> {
    /// Opens the destination that `--log` asks for.
    pub(crate) fn of(log: Option<&'a Path>) -> Result<Output<'a>> {
        Ok(match log {
            Some(log) if log.as_os_str() == "-" => Output::Inherited,
            Some(log) if log.as_os_str() == "/dev/null" => Output::Dropped,
            Some(log) => Output::Log(Log::open(log)?),
            None => KeptOutput::begin().map_or(Output::Dropped, Output::Kept),
        })
    }

    /// Makes a descriptor of it for COMMAND.
    pub(crate) fn for_writing(&self) -> Result<Stdio> {
        match self {
            Output::Log(log) => log.for_writing(),
            Output::Inherited => Ok(Stdio::inherit()),
            Output::Kept(kept) => kept.for_writing(),
            Output::Dropped => Ok(Stdio::null()),
        }
    }

    /// The descriptor that is readable when COMMAND has written something to keep: then call [`Output::drain`].
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Output::Kept(kept) => Some(kept.as_fd()),
            Output::Log(_) | Output::Inherited | Output::Dropped => None,
        }
    }

    pub(crate) fn drain(&self) {
        if let Output::Kept(kept) = self {
            kept.drain();
        }
    }

    /// Ends the reading, at the end of a start that has succeeded. A message about `daemon` tells what it lacked.
    pub(crate) fn let_go(&self, daemon: impl Display) -> Result<()> {
        match self {
            Output::Kept(kept) => {
                if let Some(advice) = kept.advice() {
                    output::notice(&format!("start {daemon}: it runs; {advice}"));
                }
                kept.let_go()
            }
            Output::Log(_) | Output::Inherited | Output::Dropped => Ok(()),
        }
    }

    /// COMMAND's last line, for the end of a message that begins with `why`. `None` if COMMAND has written nothing, or
    /// if the ready command has quoted the line already. With `watched`, logwatch(1) shows the log and its lines are not repeated.
    pub(crate) fn last_words(&self, why: &str, watched: bool) -> Option<String> {
        match self {
            Output::Log(log) => Some(match log.last_line_gained() {
                Some(line) if watched || why.contains(&line) => return None,
                Some(line) => format!("the last line of {} is: {line}", log.path.display()),
                None => format!("{} gained no line", log.path.display()),
            }),
            Output::Kept(kept) => {
                let advice = kept.advice().map_or(String::new(), |advice| format!("{advice}; "));
                kept.quote().map(|quote| format!("{advice}it said:{quote}"))
            }
            Output::Inherited | Output::Dropped => None,
        }
    }
}

/// A log, and its length before the start.
#[derive(Debug)]
pub(crate) struct Log<'a> {
    path: &'a Path,
    file: File,
    /// Absent if the log may only be written.
    reader: Option<File>,
    length_before: u64,
}

/// The length of a quote. Of a longer line the end is quoted.
const LONGEST_QUOTE: u64 = 1024;

impl<'a> Log<'a> {
    /// Opens the log for appending, creating it if it is absent.
    pub(crate) fn open(path: &'a Path) -> Result<Log<'a>> {
        let Opened { file, metadata } =
            open::open(path, How::append(Links::Trusted).or_create(0o644)).act("open", path.display())?;
        // The daemon gets the descriptor as a shell opens it for `>>`.
        fcntl(&file, FcntlArg::F_SETFL(OFlag::O_APPEND)).act("open", path.display())?;
        let same = |other: &Opened| FileId::from(&other.metadata) == FileId::from(&metadata);
        let reader = open::open(path, How::read(Links::Trusted)).ok().filter(same).map(|opened| opened.file);
        Ok(Log { path, file, reader, length_before: metadata.len() })
    }

    fn for_writing(&self) -> Result<Stdio> {
        Ok(self.file.try_clone().act("share", self.path.display())?.into())
    }

    /// The last line with a text that came since the start. The line is a quote for a message, so an unreadable log has
    /// none.
    fn last_line_gained(&self) -> Option<String> {
        let length = self.file.metadata().ok()?.len();
        let from = self.length_before.max(length.saturating_sub(LONGEST_QUOTE));
        let mut gained = vec![0; usize::try_from(length.checked_sub(from)?).ok()?];
        self.reader.as_ref()?.read_exact_at(&mut gained, from).ok()?;
        let mut tail = Tail::default();
        tail.push(&gained);
        tail.last_line()
    }
}
