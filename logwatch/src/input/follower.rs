//! One log, followed by its name: through growth, truncation, rotation, removal, and before it exists.
//!
//! Whatever the name stood for is read to its end before what it stands for next.

use crate::input::archive_names::ArchiveNames;
use crate::input::budget::Budget;
use crate::input::cursor::{Cursor, Place};
use crate::input::directories::Directories;
use crate::input::generation::{Generation, generations, is_absent, open_file};
use crate::input::inode::{self, Inode};
use crate::input::line_buffer::{LastRecord, Piece};
use crate::input::open_files::OpenFiles;
use crate::input::reader::{Look, Reader};
use crate::input::rotation::{self, Unread};
use crate::input::source::end_of_whole_lines;
use crate::input::watch::{self, EventTrust};
use racefree_core::cli::output;
use racefree_core::error::{Context, Result, sentence};
use racefree_core::event::inotify::{Inotify, Watch};
use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// A log that is followed.
#[derive(Debug)]
pub(crate) struct Follower {
    names: ArchiveNames,
    files: OpenFiles,
    /// The files that are read after those that are open, the oldest first.
    unread: VecDeque<Unread>,
    /// A file that was last written to before this time has been read, or is of no interest.
    taken: u64,
    /// What the name stood for at the last look.
    named: Option<Inode>,
    directories: Directories,
    /// The log was truncated: an archive may hold what was written before.
    truncated: bool,
    /// Somebody copies the log, and may truncate it then.
    is_copying: bool,
    /// Lines may be missing, and nobody has been told yet.
    gap: bool,
    was_there: bool,
    /// The last step found that everything has been read.
    is_complete: bool,
    is_stdin: bool,
}

/// The outcome of a step.
#[derive(Debug)]
pub(crate) enum Step {
    /// This piece of this file is to be judged.
    Judge(usize, Piece),
    /// There may be more to read at once.
    More,
    /// There is nothing more now.
    Idle,
}

impl Follower {
    /// Follows a log from a cursor on.
    ///
    /// # Errors
    /// The log exists and cannot be read.
    pub(crate) fn from(names: ArchiveNames, cursor: Cursor, budget: &Budget) -> Result<Follower> {
        open_file(names.log())?;
        let mut follower = Follower::new(names, cursor.taken);
        follower.directories = Directories::of(follower.names.directories());
        let plan = rotation::since(&follower.names, &cursor, budget)?;
        follower.files = OpenFiles::after(cursor.places);
        (follower.gap, follower.is_copying, follower.unread) = (plan.gap, plan.is_copying, plan.unread.into());
        // If a file has moved meanwhile, the first step plans anew.
        follower.read_next(budget)?;
        Ok(follower)
    }

    /// Follows a log from its end on.
    ///
    /// # Errors
    /// As [`Follower::from`].
    pub(crate) fn from_end(names: ArchiveNames) -> Result<Follower> {
        Follower::without_archives(names, end_of_whole_lines)
    }

    /// Follows a log from its beginning on.
    ///
    /// # Errors
    /// As [`Follower::from`].
    pub(crate) fn from_start(names: ArchiveNames) -> Result<Follower> {
        Follower::without_archives(names, |_| Ok(0))
    }

    /// Follows a log. What its archives hold is of no interest.
    fn without_archives(names: ArchiveNames, offset: impl Fn(&fs::File) -> io::Result<u64>) -> Result<Follower> {
        let mut follower = Follower::new(names, inode::now());
        follower.directories = Directories::of(follower.names.directories());
        // An archive that was written to in this very tick of the clock would look like one that is written to later.
        if follower.directories.are_fresh() {
            let is_fresh = |generation: &Generation| generation.modified >= follower.taken;
            follower.files = OpenFiles::after(rotation::ends(&generations(&follower.names)?, is_fresh));
        }
        if let Some(file) = open_file(follower.path())? {
            let offset = offset(&file).act("read", follower.path().display())?;
            let reader = Reader::of_file(file, follower.path(), offset)?;
            follower.add(reader);
        }
        Ok(follower)
    }

    /// Reads stdin to its end.
    ///
    /// # Errors
    /// stdin is closed.
    pub(crate) fn of_stdin() -> Result<Follower> {
        let names = ArchiveNames::new(Path::new("-"), &[], false);
        let mut stdin = Follower { is_stdin: true, ..Follower::new(names, inode::now()) };
        stdin.add(Reader::of_stdin()?);
        Ok(stdin)
    }

    fn new(names: ArchiveNames, taken: u64) -> Follower {
        Follower {
            names,
            files: OpenFiles::default(),
            unread: VecDeque::new(),
            taken,
            named: None,
            directories: Directories::default(),
            truncated: false,
            is_copying: false,
            gap: false,
            was_there: false,
            is_complete: false,
            is_stdin: false,
        }
    }

    /// True if nothing can come any more, ever.
    pub(crate) fn has_ended_for_good(&self) -> bool {
        self.is_stdin && self.files.is_empty()
    }

    /// True if the log, or an archive of it that was read, has been there.
    pub(crate) fn was_there(&self) -> bool {
        self.was_there
    }

    /// True once for each gap.
    pub(crate) fn take_gap(&mut self) -> bool {
        std::mem::take(&mut self.gap)
    }

    /// The log's name, as the user gave it.
    pub(crate) fn path(&self) -> &Path {
        self.names.log()
    }

    /// The open files.
    pub(crate) fn files(&self) -> &OpenFiles {
        &self.files
    }

    /// True if the files that were open have been read to these ends, and no other file is to be read.
    pub(crate) fn has_read_to(&self, ends: &[(Inode, u64)]) -> bool {
        self.unread.is_empty() && !self.truncated && self.files.have_read_to(ends)
    }

    /// The open files, to note how far they have been judged.
    pub(crate) fn files_mut(&mut self) -> &mut OpenFiles {
        &mut self.files
    }

    /// stdin, while something can still come from it.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.files.readers().find_map(Reader::pipe)
    }

    /// Reads once, from the oldest file that has more.
    ///
    /// # Errors
    /// The read fails.
    pub(crate) fn step(&mut self, last_record: LastRecord<'_>, budget: &Budget) -> Result<Step> {
        let begun = inode::now();
        self.is_complete = false;
        for at in 0..self.files.count() {
            match self.look(at, last_record)? {
                Look::Piece(piece) => return Ok(Step::Judge(at, piece)),
                Look::Unfinished => return Ok(Step::More),
                Look::Later => {}
                Look::End if !self.files.has_ended(at, self.named) => {}
                look => match self.files.reader(at).buffer.rest() {
                    // The end of the last line will never come, so the line is judged as it is.
                    Some(rest) => return Ok(Step::Judge(at, rest)),
                    None => {
                        self.truncated |= look == Look::Truncated;
                        self.files.leave(at);
                        return Ok(Step::More);
                    }
                },
            }
        }
        if self.is_stdin {
            return Ok(Step::Idle);
        }
        if !self.unread.is_empty() && !self.truncated {
            return match self.read_next(budget) {
                Ok(true) => Ok(Step::More),
                Ok(false) => self.plan(budget),
                // A new log may be created first and given to its readers later; the kernel sends an event for that too.
                Err(e) if is_not_ours_yet(&e) => {
                    output::detail(|| sentence(&e));
                    Ok(Step::Idle)
                }
                Err(e) => Err(e),
            };
        }
        self.look_at_name(begun, budget)
    }

    /// Reads once from a file. An archive that cannot be read is a gap, and no reason to give up.
    fn look(&mut self, at: usize, last_record: LastRecord<'_>) -> Result<Look> {
        match self.files.look(at, last_record) {
            Err(e) if self.files.reader(at).is_once() && !self.is_stdin => {
                output::failure(&e);
                self.gap = true;
                Ok(Look::End)
            }
            look => look,
        }
    }

    /// Opens the next file that is to be read. False if a file has moved or changed meanwhile, so that a new plan is needed.
    fn read_next(&mut self, budget: &Budget) -> Result<bool> {
        while let Some(next) = self.unread.front() {
            match next.open(budget) {
                Ok(None) => return Ok(false),
                Ok(Some(reader)) => {
                    self.unread.pop_front();
                    self.add(reader);
                    return Ok(true);
                }
                Err(e) if next.generation.is_log => return Err(e),
                Err(e) => {
                    output::failure(&e);
                    self.gap = true;
                    self.unread.pop_front();
                }
            }
        }
        Ok(true)
    }

    fn add(&mut self, reader: Reader) {
        self.was_there = true;
        self.named = reader.inode();
        self.files.add(reader);
    }

    fn look_at_name(&mut self, begun: u64, budget: &Budget) -> Result<Step> {
        let named = match fs::metadata(self.path()) {
            Ok(there) => Some(Inode::from(&there)),
            Err(e) if is_absent(&e) => None,
            Err(e) => {
                output::detail(|| format!("look at {}: {e}", self.path().display()));
                return Ok(Step::Idle);
            }
        };
        let directories = Directories::of(self.names.directories());
        let unchanged = self.directories.are_unchanged(&directories) && !self.is_copying;
        if self.truncated || (named.is_some() && (named != self.files.inode() || !unchanged)) {
            let step = self.plan(budget)?;
            // The archives were listed after `begun`: nothing that was written before is left.
            self.completed(begun, self.unread.is_empty() && !self.is_copying);
            return Ok(step);
        }
        self.named = named;
        self.completed(begun, unchanged);
        self.look_beyond_descriptor()
    }

    /// Takes note if all that was written before the step began has been read.
    fn completed(&mut self, begun: u64, complete: bool) {
        self.is_complete = complete;
        if complete {
            self.taken = begun;
        }
    }

    /// Finds out what rotation has done, and what is to be read next.
    fn plan(&mut self, budget: &Budget) -> Result<Step> {
        let cursor = Cursor { taken: self.taken, places: self.places() };
        let directories = Directories::of(self.names.directories());
        let plan = rotation::since(&self.names, &cursor, budget)?;
        (self.directories, self.is_copying) = (directories, plan.is_copying);
        if std::mem::take(&mut self.truncated) {
            output::detail(|| format!("{} was truncated; reading what came since", self.path().display()));
        }
        let named = plan.unread.last().filter(|last| last.generation.is_log).map(|log| log.generation.inode);
        if named.is_some() && !self.files.is_empty() && named != self.files.inode() {
            output::detail(|| format!("{} is another file now", self.path().display()));
        }
        self.named = named;
        // What is open and comes after a file that is new is read again from where it was, after that file.
        let is_open = |unread: &Unread| self.files.is_at(unread.generation.inode, unread.offset());
        self.unread = plan.unread.into_iter().skip_while(is_open).collect();
        self.unread.iter().for_each(|unread| self.files.close(unread.generation.inode));
        Ok(if self.unread.is_empty() { self.look_beyond_descriptor()? } else { Step::More })
    }

    /// An overlay copies a file up when it is first written to; a descriptor from before then shows the old one for ever.
    fn look_beyond_descriptor(&mut self) -> Result<Step> {
        // In this order: a file that only grows is never longer by its name than by its descriptor a moment later.
        let by_name = fs::metadata(self.path()).map_or(0, |there| there.len());
        let Some(last) = self.files.last() else { return Ok(Step::Idle) };
        let by_descriptor = last.file().and_then(|file| file.metadata().ok()).map_or(u64::MAX, |there| there.len());
        if by_name <= by_descriptor {
            return Ok(Step::Idle);
        }
        let Some(file) = open_file(self.path())? else { return Ok(Step::Idle) };
        let again = Reader::of_file(file, self.path(), last.buffer.position())?;
        output::detail(|| format!("{} was copied up; reading the copy", self.path().display()));
        self.files.replace_last(again);
        self.named = self.files.inode();
        Ok(Step::More)
    }

    /// The cursor for where judging goes on.
    ///
    /// # Errors
    /// The log exists and cannot be looked at.
    pub(crate) fn cursor(&self) -> Result<Cursor> {
        let places = self.places();
        let places = if self.is_complete { rotation::worth_noting(&self.names, self.taken, places)? } else { places };
        Ok(Cursor { taken: self.taken, places })
    }

    fn places(&self) -> Vec<Place> {
        let unread = self.unread.iter().filter_map(|unread| unread.place.clone());
        self.files.places().into_iter().chain(unread).collect()
    }

    /// How far the events of the file system can be trusted.
    pub(crate) fn event_trust(&self) -> EventTrust {
        if self.is_stdin { EventTrust::Always } else { EventTrust::on(self.path()) }
    }

    /// Watches whatever may happen to this log.
    ///
    /// # Errors
    /// The user's watches run out (fs.inotify.max_user_watches).
    pub(crate) fn watch(&self, hints: &Inotify) -> io::Result<BTreeSet<Watch>> {
        if self.is_stdin { Ok(BTreeSet::new()) } else { watch::watch(hints, &self.names, self.files.growing()) }
    }
}

fn is_not_ours_yet(error: &anyhow::Error) -> bool {
    error.chain().any(|e| e.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied))
}
