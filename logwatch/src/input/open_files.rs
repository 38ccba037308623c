//! The files of a log that are open, the oldest first; the last one is followed.
//!
//! An old file stays open for a while, because a daemon goes on writing into it until it is told of the new one.

use crate::input::cursor::Place;
use crate::input::inode::Inode;
use crate::input::parallel::{Block, ParallelScan};
use crate::input::piece::{LastRecord, Piece};
use crate::input::reader::{Look, Reader};
use crate::matching::matcher::Matcher;
use racefree::error::Result;
use racefree::event::deadline::Deadline;
use std::fs::File;
use std::ops::ControlFlow;
use std::time::Duration;

/// After this much silence no daemon is expected to write into an old file any more.
const QUIET: Duration = Duration::from_secs(60);

/// At most this many old files are kept open.
const OLD_FILES: usize = 8;

/// This many places of files that were left are kept when all has been read.
const LEFT: usize = 32;

/// The open files, and the places at which others were left.
#[derive(Debug, Default)]
pub(crate) struct OpenFiles {
    files: Vec<OpenFile>,
    left: Vec<Place>,
    /// True if lines are counted.
    pub(crate) counts: bool,
}

#[derive(Debug)]
struct OpenFile {
    reader: Reader,
    scan: ParallelScan,
    /// When the file is closed, if it stays silent and is not the log itself any more.
    quiet_at: Deadline,
}

impl OpenFiles {
    /// No open files; others were left at these places.
    pub(crate) fn after(left: Vec<Place>) -> OpenFiles {
        OpenFiles { left, ..OpenFiles::default() }
    }

    /// True if no file is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The number of open files.
    pub(crate) fn count(&self) -> usize {
        self.files.len()
    }

    /// The file that is followed.
    pub(crate) fn last(&self) -> Option<&Reader> {
        self.files.last().map(|file| &file.reader)
    }

    /// The identity of the file that is followed.
    pub(crate) fn inode(&self) -> Option<Inode> {
        self.last().and_then(Reader::inode)
    }

    /// The open file with this number.
    pub(crate) fn reader(&self, at: usize) -> &Reader {
        &self.files[at].reader
    }

    /// The open file with this number, to note how far it has been judged.
    pub(crate) fn reader_mut(&mut self, at: usize) -> &mut Reader {
        &mut self.files[at].reader
    }

    /// The files that may grow.
    pub(crate) fn growing(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter_map(|file| file.reader.growing())
    }

    /// All open files, the oldest first.
    pub(crate) fn readers(&self) -> impl Iterator<Item = &Reader> {
        self.files.iter().map(|file| &file.reader)
    }

    /// The place where judging goes on in this file, if it is open and was read to `offset`.
    pub(crate) fn judged_place(&self, inode: Inode, offset: u64) -> Option<Place> {
        let mut readers = self.readers();
        readers.find(|reader| reader.inode() == Some(inode) && reader.buffer.end() == offset).and_then(Place::of)
    }

    /// Closes a file that is to be opened again later, and notes nothing.
    pub(crate) fn close(&mut self, inode: Inode) {
        self.files.retain(|file| file.reader.inode() != Some(inode));
    }

    /// Adds the next newer file.
    pub(crate) fn add(&mut self, mut reader: Reader) {
        if self.counts {
            reader.buffer.count_lines();
        }
        self.files.push(OpenFile { reader, scan: ParallelScan::default(), quiet_at: Deadline::after(QUIET) });
    }

    /// Counts the lines of the files that are read from their beginning.
    pub(crate) fn count_lines(&mut self) {
        self.counts = true;
        self.files.iter_mut().for_each(|file| file.reader.buffer.count_lines());
    }

    /// How long each file is now.
    pub(crate) fn ends(&self) -> Vec<(Inode, u64)> {
        let length = |file: &File| file.metadata().map_or(0, |there| there.len());
        self.readers().filter_map(|reader| Some((reader.inode()?, reader.file().map(length)?))).collect()
    }

    /// True if these files have been read to these ends, and no archive is being read.
    pub(crate) fn have_read_to(&self, ends: &[(Inode, u64)]) -> bool {
        let is_read = |reader: &Reader| match ends.iter().find(|(inode, _)| reader.inode() == Some(*inode)) {
            Some((_, end)) => reader.buffer.end() >= *end,
            None => !reader.is_once() && reader.is_read(),
        };
        self.readers().all(is_read)
    }

    /// Replaces the file that is followed by another descriptor of it.
    pub(crate) fn replace_last(&mut self, again: Reader) {
        self.files.pop();
        self.add(again);
    }

    /// Closes a file and notes the place.
    pub(crate) fn leave(&mut self, at: usize) {
        let left = self.files.remove(at).reader;
        let place = match left.inode() {
            Some(inode) if left.is_once() => Some(Place::behind(inode, left.modified())),
            _ => Place::of(&left),
        };
        self.left.extend(place);
    }

    /// Notes the place behind a file that cannot be read.
    pub(crate) fn pass(&mut self, behind: Place) {
        self.left.push(behind);
    }

    /// Forgets the oldest places. All that was written before a certain time has been read, so they are of little use.
    pub(crate) fn forget_oldest(&mut self) {
        self.left.drain(..self.left.len().saturating_sub(LEFT));
    }

    /// Reads once from this file.
    ///
    /// # Errors
    /// The read fails.
    pub(crate) fn look(&mut self, at: usize, last_record: LastRecord<'_>) -> Result<Look> {
        let file = &mut self.files[at];
        let look = file.reader.look(last_record)?;
        if matches!(look, Look::Piece(_) | Look::Unfinished) {
            file.quiet_at = Deadline::after(QUIET);
        }
        Ok(look)
    }

    /// True if this file is not expected to grow, while the log's name stands for `named`.
    pub(crate) fn has_ended(&self, at: usize, named: Option<Inode>) -> bool {
        let file = &self.files[at];
        let old = named != file.reader.inode() && at + 1 < self.files.len();
        file.reader.is_once() || old && (file.quiet_at.passed() || at + OLD_FILES < self.files.len())
    }

    /// Scans the oldest file that has not been read to its end on several processors.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(crate) fn scan_parallel(
        &mut self,
        matcher: &Matcher,
        each: &mut dyn FnMut(&Reader, &Block) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let unread = self.files.iter_mut().find(|file| !file.reader.is_read());
        unread.map_or(Ok(()), |file| file.scan.scan(&mut file.reader, matcher, each))
    }

    /// When the next old file has been silent for so long that it is closed.
    pub(crate) fn due(&self) -> Deadline {
        let old = self.files.split_last().map_or(&[][..], |(_, old)| old);
        old.iter().fold(Deadline::NEVER, |due, file| due.or(file.quiet_at))
    }

    /// The unfinished last lines.
    pub(crate) fn rests(&self) -> Vec<(usize, Piece)> {
        self.readers().enumerate().filter_map(|(at, reader)| Some((at, reader.buffer.rest()?))).collect()
    }

    /// The places where files were left, and the places in the open files where judging goes on.
    pub(crate) fn places(&self) -> Vec<Place> {
        self.places_by(Place::of)
    }

    /// The places where files were left, and the places to which the open files were read. A copy of an open file is known by
    /// all that was read of the file.
    pub(crate) fn read_places(&self) -> Vec<Place> {
        self.places_by(Place::read_to)
    }

    fn places_by(&self, place_in: impl Fn(&Reader) -> Option<Place>) -> Vec<Place> {
        let open: Vec<Place> = self.readers().filter_map(place_in).collect();
        let is_open = |place: &Place| open.iter().any(|other| other.inode == place.inode);
        self.left.iter().filter(|place| !is_open(place)).cloned().chain(open.clone()).collect()
    }
}
