//! One log, followed by its name: through growth, truncation, rotation, removal, and before it exists.
//!
//! Whatever the name stood for is read to its end before what it stands for next.

use crate::input::archive_names::ArchiveNames;
use crate::input::budget::Budget;
use crate::input::cursor::Place;
use crate::input::directories::Directories;
use crate::input::inode::{self, Inode};
use crate::input::open_files::OpenFiles;
use crate::input::piece::{LastRecord, Piece};
use crate::input::reader::{Look, Reader};
use crate::input::rotation::Unread;
use crate::input::watch::{self, EventTrust};
use racefree::cli::output;
use racefree::error::{Result, sentence};
use racefree::event::inotify::{Inotify, Watch};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;

/// A log that is followed.
#[derive(Debug)]
pub(crate) struct Follower {
    pub(super) names: ArchiveNames,
    pub(super) files: OpenFiles,
    /// The files that are read after those that are open, the oldest first.
    pub(super) unread: VecDeque<Unread>,
    /// A file that was last written to before this time has been read, or is of no interest.
    pub(super) taken: u64,
    /// The file that had the name at the last look.
    pub(super) named: Option<Inode>,
    pub(super) directories: Directories,
    /// The log was truncated: an archive may hold what was written before.
    pub(super) truncated: bool,
    /// Somebody copies the log, and may truncate it then.
    pub(super) is_copying: bool,
    /// Lines may be missing, and nobody has been told yet.
    pub(super) gap: bool,
    pub(super) was_there: bool,
    /// The last step found that everything has been read.
    pub(super) is_complete: bool,
    pub(super) is_stdin: bool,
    /// The log is read once; what its name stands for later is of no interest.
    pub(super) once: bool,
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
    pub(super) fn new(names: ArchiveNames, taken: u64) -> Follower {
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
            once: false,
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
        if self.is_stdin || self.once && !self.truncated {
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
                self.files.reader_mut(at).end_here();
                Ok(Look::End)
            }
            look => look,
        }
    }

    /// Opens the next file that is to be read. False if a file has moved or changed meanwhile, so that a new plan is needed.
    pub(super) fn read_next(&mut self, budget: &Budget) -> Result<bool> {
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
                    self.files.pass(Place::behind(next.generation.inode, next.generation.modified));
                    self.unread.pop_front();
                }
            }
        }
        Ok(true)
    }

    pub(super) fn add(&mut self, reader: Reader) {
        self.was_there = true;
        self.named = reader.inode();
        self.files.add(reader);
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
