//! One log, followed by its name: through growth, truncation, rotation, removal, and while it is not there yet.
//!
//! Whatever the name stood for is read to its end before what it stands for next.

use crate::input::cursor::{Cursor, Place};
use crate::input::line_buffer::{LastRecord, Piece};
use crate::input::open_files::OpenFiles;
use crate::input::reader::{Look, Reader};
use crate::input::rotation::{self, Since};
use crate::input::source::end_of_whole_lines;
use crate::input::watch::{self, EventTrust};
use racefree_core::cli::output;
use racefree_core::error::{Context, Result, sentence};
use racefree_core::event::inotify::{Inotify, Watch};
use racefree_core::lock::file_id::FileId;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

/// A log that is being followed.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    began: Cursor,
    files: OpenFiles,
    /// What the name stood for at the last look.
    named: Option<FileId>,
    /// The place where it was to begin could not be found.
    pub(crate) gap: bool,
    is_stdin: bool,
}

/// What came of a look at the log.
#[derive(Debug)]
pub(crate) enum Step {
    /// This piece of this file is to be judged.
    Judge(usize, Piece),
    /// There is more to be seen at once.
    More,
    /// There is nothing more, now.
    Idle,
}

impl Follower {
    /// Follows a log from a place on.
    ///
    /// # Errors
    /// The log is there and cannot be read.
    pub(crate) fn from(path: &Path, began: Cursor) -> Result<Follower> {
        let Since { readers, gap } = rotation::since(path, &began)?;
        let files = OpenFiles::after(began.places.first().cloned());
        Ok(Follower { files, gap, ..Follower::new(path, began) }.with(readers))
    }

    /// Follows a log from its end on. Where it is there its archives are of no interest.
    ///
    /// # Errors
    /// As [`Follower::from`].
    pub(crate) fn from_end(path: &Path) -> Result<Follower> {
        let Some(file) = rotation::open_log(path)? else { return Follower::from(path, rotation::mark(path)?) };
        let end = end_of_whole_lines(&file).act("read", path.display())?;
        let reader = Reader::of_file(file, path, end)?;
        Ok(Follower::new(path, Cursor::now(vec![Place::of(&reader)])).with(vec![reader]))
    }

    /// Follows a log from its beginning on.
    ///
    /// # Errors
    /// As [`Follower::from`].
    pub(crate) fn from_start(path: &Path) -> Result<Follower> {
        let is_there = rotation::open_log(path)?.is_some();
        // One that appears between the looks is read from its beginning all the same.
        let began = if is_there { Cursor::now(vec![]) } else { rotation::mark(path)? };
        let mut follower = Follower::new(path, began);
        follower.add_log()?;
        Ok(follower)
    }

    /// Reads stdin to its end.
    ///
    /// # Errors
    /// It is closed.
    pub(crate) fn of_stdin() -> Result<Follower> {
        let stdin = Follower { is_stdin: true, ..Follower::new(Path::new("-"), Cursor::now(vec![])) };
        Ok(stdin.with(vec![Reader::of_stdin()?]))
    }

    fn new(path: &Path, began: Cursor) -> Follower {
        Follower {
            path: path.to_owned(),
            began,
            files: OpenFiles::after(None),
            named: None,
            gap: false,
            is_stdin: false,
        }
    }

    fn with(mut self, readers: Vec<Reader>) -> Follower {
        self.add(readers);
        self
    }

    /// Whether nothing can come any more, ever.
    pub(crate) fn has_ended_for_good(&self) -> bool {
        self.is_stdin && self.files.is_empty()
    }

    /// Whether the log, or any file that it was, is there.
    pub(crate) fn is_there(&self) -> bool {
        !self.files.is_empty()
    }

    /// The log's name, as the user gave it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The files that it was and is.
    pub(crate) fn files(&self) -> &OpenFiles {
        &self.files
    }

    /// The same, to be judged.
    pub(crate) fn files_mut(&mut self) -> &mut OpenFiles {
        &mut self.files
    }

    /// stdin, while something can still come from it.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.files.readers().find_map(Reader::pipe)
    }

    /// Looks for more, the oldest file first.
    ///
    /// # Errors
    /// A failed read.
    pub(crate) fn step(&mut self, last_record: LastRecord<'_>) -> Result<Step> {
        for at in 0..self.files.count() {
            match self.files.look(at, last_record)? {
                Look::Piece(piece) => return Ok(Step::Judge(at, piece)),
                Look::Unfinished => return Ok(Step::More),
                Look::Later => {}
                Look::End if !self.files.has_ended(at, self.named) => {}
                look => match self.files.reader(at).buffer.rest() {
                    // Its end will never come, so it is judged as it is.
                    Some(rest) => return Ok(Step::Judge(at, rest)),
                    None => {
                        self.leave(at, look)?;
                        return Ok(Step::More);
                    }
                },
            }
        }
        if self.is_stdin { Ok(Step::Idle) } else { self.look_at_name() }
    }

    fn leave(&mut self, at: usize, why: Look) -> Result<()> {
        let (place, was_followed) = self.files.leave(at);
        if why == Look::Truncated && was_followed {
            return self.go_on_after_truncation(&place);
        }
        self.files.note_end(place);
        Ok(())
    }

    /// The log was copied and truncated, or only truncated. What was written between our last look and the truncation
    /// is in the copy, or lost.
    fn go_on_after_truncation(&mut self, place: &Place) -> Result<()> {
        match rotation::after(&self.path, place)? {
            Some(readers) => self.add(readers),
            None => {
                output::detail(|| format!("{} was truncated; reading it from its beginning", self.path.display()));
                self.add_log()?;
            }
        }
        Ok(())
    }

    fn look_at_name(&mut self) -> Result<Step> {
        let named = match fs::metadata(&self.path) {
            Ok(metadata) => Some(FileId::from(&metadata)),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => None,
            Err(e) => {
                output::detail(|| format!("look at {}: {e}", self.path.display()));
                return Ok(Step::Idle);
            }
        };
        if named.is_none() || named == self.files.identity() {
            self.named = named;
            return self.look_beyond_descriptor();
        }
        let before = self.files.count();
        match self.follow_name() {
            // A new file may be made first, and given to its readers then; the kernel hints at that too.
            Err(e) if is_not_ours_yet(&e) => output::detail(|| sentence(&e)),
            followed => followed?,
        }
        Ok(if self.files.count() > before { Step::More } else { Step::Idle })
    }

    /// An overlay copies a file up when it is first written to; a descriptor from before then shows the old one for ever.
    fn look_beyond_descriptor(&mut self) -> Result<Step> {
        // In this order: a file that only grows is never longer by its name than by its descriptor a moment later.
        let by_name = fs::metadata(&self.path).map_or(0, |there| there.len());
        let Some(last) = self.files.last() else { return Ok(Step::Idle) };
        let by_descriptor = last.file().and_then(|file| file.metadata().ok()).map_or(u64::MAX, |there| there.len());
        if by_name <= by_descriptor {
            return Ok(Step::Idle);
        }
        let Some(file) = rotation::open_log(&self.path)? else { return Ok(Step::Idle) };
        let again = Reader::of_file(file, &self.path, last.buffer.position())?;
        output::detail(|| format!("{} was copied up; reading the copy", self.path.display()));
        self.files.replace_last(again);
        self.named = self.files.identity();
        Ok(Step::More)
    }

    /// The name stands for another file: reads it, and those between it and the last one we know.
    fn follow_name(&mut self) -> Result<()> {
        let Some(last) = self.files.last() else {
            let readers = rotation::since(&self.path, &self.began)?.readers;
            self.add(readers);
            return Ok(());
        };
        output::detail(|| format!("{} is another file now", self.path.display()));
        match rotation::after(&self.path, &Place::of(last))? {
            Some(mut readers) => {
                // The first is the file that we have open, unless the log itself was rewritten with its old content.
                if readers.len() > 1 || readers[0].identity() == last.identity() {
                    readers.remove(0);
                }
                self.add(readers);
            }
            None => self.add_log()?,
        }
        Ok(())
    }

    fn add_log(&mut self) -> Result<()> {
        if let Some(file) = rotation::open_log(&self.path)? {
            self.add(vec![Reader::of_file(file, &self.path, 0)?]);
        }
        Ok(())
    }

    fn add(&mut self, readers: Vec<Reader>) {
        self.files.add(readers);
        self.named = self.files.identity();
    }

    /// How often to look although the kernel hints, for the file system may not tell it everything.
    pub(crate) fn look_anyway(&self) -> EventTrust {
        if self.is_stdin { EventTrust::Always } else { EventTrust::on(&self.path) }
    }

    /// Has the kernel hint at whatever may happen to this log.
    ///
    /// # Errors
    /// Watches run out.
    pub(crate) fn watch(&self, hints: &Inotify) -> io::Result<BTreeSet<Watch>> {
        if self.is_stdin { Ok(BTreeSet::new()) } else { watch::watch(hints, &self.path, self.files.growing()) }
    }
}

fn is_not_ours_yet(error: &anyhow::Error) -> bool {
    error.chain().any(|e| e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied))
}
