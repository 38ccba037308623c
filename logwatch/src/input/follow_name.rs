//! Following the name of a log: what rotation has done, what is read next, and where a later run goes on.

use crate::input::budget::Budget;
use crate::input::cursor::{Cursor, Place};
use crate::input::directories::Directories;
use crate::input::follower::{Follower, Step};
use crate::input::generation::{is_absent, open_file};
use crate::input::inode::Inode;
use crate::input::noting;
use crate::input::reader::Reader;
use crate::input::rotation::{self, Unread};
use racefree::cli::output;
use racefree::error::Result;
use racefree::listener::decision;
use racefree::lock::file_id::FileId;
use std::fs::{self, Metadata};

impl Follower {
    /// Looks at what the name of the log stands for, after everything that is open has been read.
    pub(super) fn look_at_name(&mut self, begun: u64, budget: &Budget) -> Result<Step> {
        let named = match fs::metadata(self.path()) {
            Ok(there) => Some(Inode::at(self.path(), &there)),
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
            self.files.forget_oldest();
            self.taken = begun;
        }
    }

    /// Finds out what rotation has done, and what is to be read next.
    pub(super) fn plan(&mut self, budget: &Budget) -> Result<Step> {
        let unread = self.unread.iter().filter_map(|unread| unread.place.clone());
        let cursor = Cursor { taken: self.taken, places: self.files.read_places().into_iter().chain(unread).collect() };
        let directories = Directories::of(self.names.directories());
        let plan = rotation::since(&self.names, &cursor, budget)?;
        (self.directories, self.is_copying) = (directories, plan.is_copying);
        if std::mem::take(&mut self.truncated) {
            decision("log-truncated", || format!("{} was truncated; reading what came since", self.path().display()));
        }
        let named = plan.unread.last().filter(|last| last.generation.is_log).map(|log| log.generation.inode);
        if named.is_some() && !self.files.is_empty() && named != self.files.inode() {
            output::detail(|| format!("{} is another file now", self.path().display()));
        }
        self.named = named;
        // What is open and comes after a file that is new is read again from where it was, after that file.
        let judged = |unread: &Unread| self.files.judged_place(unread.generation.inode, unread.offset());
        self.unread = plan.unread.into_iter().skip_while(|unread| judged(unread).is_some()).collect();
        let closed: Vec<Inode> = self.unread.iter().map(|unread| unread.generation.inode).collect();
        for unread in &mut self.unread {
            // What was read and not judged is forgotten with the file, and is read again in its place.
            let read = unread.place.as_ref().filter(|place| closed.contains(&place.inode));
            if let Some(judged) = read.and_then(|place| self.files.judged_place(place.inode, place.offset)) {
                unread.place = Some(judged);
            }
        }
        for unread in &self.unread {
            self.files.close(unread.generation.inode);
            decision("log-rotated", || {
                format!("{} is read from {}", unread.generation.path.display(), unread.offset())
            });
        }
        Ok(if self.unread.is_empty() { self.look_beyond_descriptor()? } else { Step::More })
    }

    /// An overlay copies a file up when it is first written to; a descriptor from before then shows the old one for ever.
    fn look_beyond_descriptor(&mut self) -> Result<Step> {
        // In this order: a file that only grows is never longer by its name than by its descriptor a moment later.
        let Ok(by_name) = fs::metadata(self.path()) else { return Ok(Step::Idle) };
        let Some(last) = self.files.last() else { return Ok(Step::Idle) };
        let Some(by_descriptor) = last.file().and_then(|file| file.metadata().ok()) else { return Ok(Step::Idle) };
        // Race: rotated-while-compared (docs/races.md). The name may lead to the next file by now.
        let is_copy = |there: &Metadata| FileId::from(there) == FileId::from(&by_descriptor);
        if by_name.len() <= by_descriptor.len() || !is_copy(&by_name) {
            return Ok(Step::Idle);
        }
        let Some(file) = open_file(self.path())? else { return Ok(Step::Idle) };
        if !file.metadata().is_ok_and(|there| is_copy(&there)) {
            return Ok(Step::Idle);
        }
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
        let places = if self.is_complete { noting::worth_noting(&self.names, self.taken, places)? } else { places };
        Ok(Cursor { taken: self.taken, places })
    }

    pub(super) fn places(&self) -> Vec<Place> {
        let unread = self.unread.iter().filter_map(|unread| unread.place.clone());
        self.files.places().into_iter().chain(unread).collect()
    }
}
