//! The files that a log was and is, as far as they are open: the oldest first, the last one being followed.
//!
//! An old one stays open for a while, for a daemon goes on writing into it until it is told of the new one.

use crate::input::cursor::{Cursor, Place};
use crate::input::line_buffer::{LastRecord, Piece};
use crate::input::parallel::{Block, ParallelScan};
use crate::input::reader::{Look, Reader};
use crate::matching::matcher::Matcher;
use racefree_core::error::Result;
use racefree_core::event::time::Deadline;
use racefree_core::lock::file_id::FileId;
use std::fs::File;
use std::ops::ControlFlow;
use std::time::Duration;

/// How long an old file may be silent before nobody is believed to write into it any more.
const QUIET: Duration = Duration::from_secs(60);

/// So many old files are kept open at most.
const OLD_FILES: usize = 8;

/// So many places are noted at most.
const PLACES: usize = 4;

/// The files, and the end of the one before the first of them.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    files: Vec<OpenFile>,
    before: Option<Place>,
    /// Whether their lines are counted.
    pub(crate) counts: bool,
}

#[derive(Debug)]
struct OpenFile {
    reader: Reader,
    scan: ParallelScan,
    /// When it is given up, if it stays silent and is not the log itself any more.
    quiet_at: Deadline,
}

impl OpenFiles {
    /// None yet.
    pub(crate) fn after(before: Option<Place>) -> OpenFiles {
        OpenFiles { files: vec![], before, counts: false }
    }

    /// Whether none is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.files.len()
    }

    /// The one that is followed.
    pub(crate) fn last(&self) -> Option<&Reader> {
        self.files.last().map(|file| &file.reader)
    }

    /// Which file the followed one is.
    pub(crate) fn identity(&self) -> Option<FileId> {
        self.last().and_then(Reader::identity)
    }

    /// One of them.
    pub(crate) fn reader(&self, at: usize) -> &Reader {
        &self.files[at].reader
    }

    /// One of them, to say how far it has been judged.
    pub(crate) fn reader_mut(&mut self, at: usize) -> &mut Reader {
        &mut self.files[at].reader
    }

    /// Those that may grow.
    pub(crate) fn growing(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter_map(|file| file.reader.file())
    }

    /// All of them, in their order.
    pub(crate) fn readers(&self) -> impl Iterator<Item = &Reader> {
        self.files.iter().map(|file| &file.reader)
    }

    /// Newer ones, in their order.
    pub(crate) fn add(&mut self, readers: Vec<Reader>) {
        for mut reader in readers {
            if self.counts {
                reader.buffer.count_lines();
            }
            self.files.push(OpenFile { reader, scan: ParallelScan::default(), quiet_at: Deadline::after(QUIET) });
        }
    }

    /// Counts the lines of those that are read from their beginning.
    pub(crate) fn count_lines(&mut self) {
        self.counts = true;
        self.files.iter_mut().for_each(|file| file.reader.buffer.count_lines());
    }

    /// Another descriptor of the file that is followed.
    pub(crate) fn replace_last(&mut self, again: Reader) {
        self.files.pop();
        self.add(vec![again]);
    }

    /// Takes leave of one, at this place. Whether it was the one that is followed.
    pub(crate) fn leave(&mut self, at: usize) -> (Place, bool) {
        let left = self.files.remove(at).reader;
        (Place::of(&left), at == self.files.len())
    }

    /// Notes where the last of those that were left has ended.
    pub(crate) fn note_end(&mut self, place: Place) {
        self.before = Some(place);
    }

    /// Looks for more in one of them.
    ///
    /// # Errors
    /// A failed read.
    pub(crate) fn look(&mut self, at: usize, last_record: LastRecord<'_>) -> Result<Look> {
        let file = &mut self.files[at];
        let look = file.reader.look(last_record)?;
        if matches!(look, Look::Piece(_) | Look::Unfinished) {
            file.quiet_at = Deadline::after(QUIET);
        }
        Ok(look)
    }

    /// Whether nothing more can be expected from this one, while the log's name stands for `named`.
    pub(crate) fn has_ended(&self, at: usize, named: Option<FileId>) -> bool {
        let file = &self.files[at];
        let old = named != file.reader.identity() && at + 1 < self.files.len();
        file.reader.is_once() || old && (file.quiet_at.passed() || at + OLD_FILES < self.files.len())
    }

    /// Scans the oldest file that has not been read to its end on several processors.
    ///
    /// # Errors
    /// As [`ParallelScan::scan`].
    pub(crate) fn scan_parallel(
        &mut self,
        matcher: &Matcher,
        each: &mut dyn FnMut(&Reader, &Block) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let unread = self.files.iter_mut().find(|file| !file.reader.is_read());
        unread.map_or(Ok(()), |file| file.scan.scan(&mut file.reader, matcher, each))
    }

    /// When an old one falls silent for long enough to be given up.
    pub(crate) fn due(&self) -> Deadline {
        let old = self.files.split_last().map_or(&[][..], |(_, old)| old);
        old.iter().fold(Deadline::NEVER, |due, file| due.or(file.quiet_at))
    }

    /// The unfinished last lines.
    pub(crate) fn rests(&self) -> Vec<(usize, Piece)> {
        self.readers().enumerate().filter_map(|(at, reader)| Some((at, reader.buffer.rest()?))).collect()
    }

    /// A record that may be finished, for nothing more has come.
    pub(crate) fn silent_record(&self) -> Option<(usize, Piece)> {
        let mut silent = self.readers().enumerate().filter(|(_, reader)| reader.buffer.has_unfinished_record());
        silent.find_map(|(at, reader)| Some((at, reader.buffer.rest()?)))
    }

    /// Where judging goes on: in each that was begun.
    pub(crate) fn cursor(&self) -> Cursor {
        let begun = self.files.iter().rposition(|file| file.reader.buffer.position() > 0).unwrap_or(0);
        let open: Vec<Place> = self.readers().take(begun + 1).map(Place::of).collect();
        let same = |a: &Place, b: &Place| (a.device, a.inode) == (b.device, b.inode);
        let before = self.before.iter().filter(|before| open.iter().all(|place| !same(before, place))).cloned();
        let places: Vec<Place> = before.chain(open.clone()).collect();
        Cursor::now(places[places.len().saturating_sub(PLACES)..].to_vec())
    }
}
