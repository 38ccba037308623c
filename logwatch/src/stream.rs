//! One file of a log, read forwards in large pieces of whole lines, in memory that no line can exceed.

use crate::source::{PROOF, Source, proof_of};
use memchr::{memchr, memrchr};
use racefree_core::error::{Doing, Result};
use racefree_core::holders::Identity;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// As much as is read at once: large enough for few calls, small enough for the processor's cache.
const CHUNK: usize = 256 << 10;
const FIRST_CHUNK: usize = 4 << 10;

/// A line longer than this is judged in parts.
pub(crate) const LONGEST: usize = 1 << 20;

/// How much of a part is judged again together with the next one, for what lies across the cut.
const OVERLAP: usize = 64 << 10;

/// Where the last record begins in a text, at or after a place: where lines belong together.
pub(crate) type LastRecord<'a> = Option<&'a dyn Fn(&[u8], usize) -> Option<usize>>;

/// A file that is being read.
pub(crate) struct Stream {
    source: Source,
    path: PathBuf,
    identity: Option<Identity>,
    /// `buffer[..judged]` was judged and only proves the place; `buffer[judged..filled]` is still to be judged.
    buffer: Vec<u8>,
    /// How much the next read(2) asks for.
    chunk: usize,
    judged: usize,
    filled: usize,
    /// The offset of `buffer[0]`.
    offset: u64,
    /// What comes up to the next newline belongs to a line that was judged already.
    inside_judged_line: bool,
}

/// What a look at the file gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// There are bytes to judge: see [`Stream::piece`].
    Piece(Piece),
    /// There was more, but no line of it is finished yet.
    Unfinished,
    /// There is no more, now.
    End,
    /// There is no more yet, from a writer that is still there.
    Later,
    /// The bytes before the place have changed: it was truncated, and may have grown again.
    Truncated,
}

/// What is to be judged next, by its place in [`Stream::text`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) range: Range<usize>,
    /// It ends with the end of a line, or of all.
    pub(crate) whole: bool,
}

impl Stream {
    /// Begins at `offset` of a file that may grow.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn of_file(file: File, path: &Path, offset: u64) -> Result<Stream> {
        let identity = Identity::from(&file.metadata().doing("look at", path.display())?);
        let mut stream = Stream::new(Source::Regular(file), path, Some(identity));
        let before = proof_of(stream.file(), offset).doing("read", path.display())?;
        stream.pass_to(offset, &before);
        Ok(stream)
    }

    /// Begins at the beginning of what can be read only once.
    pub(crate) fn of_reader(reader: Box<dyn Read>, path: &Path) -> Stream {
        Stream::new(Source::Once(reader), path, None)
    }

    /// Reads stdin.
    ///
    /// # Errors
    /// It is closed.
    pub(crate) fn of_stdin() -> Result<Stream> {
        let fd = io::stdin().as_fd().try_clone_to_owned().doing("read", "stdin")?;
        Ok(Stream::new(Source::Pipe(fd), Path::new("-"), None))
    }

    fn new(source: Source, path: &Path, identity: Option<Identity>) -> Stream {
        // It grows with what there is to read: a thousand quiet logs are not to cost a thousand times the longest line.
        let buffer = vec![0; PROOF + 1];
        Stream {
            source,
            path: path.to_owned(),
            identity,
            buffer,
            chunk: FIRST_CHUNK,
            judged: 0,
            filled: 0,
            offset: 0,
            inside_judged_line: false,
        }
    }

    /// Whether nothing can be added to it.
    pub(crate) fn is_once(&self) -> bool {
        !matches!(self.source, Source::Regular(_))
    }

    /// The name it was opened by.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Which file it is, where it is one.
    pub(crate) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// The file, where it is one that may grow.
    pub(crate) fn file(&self) -> Option<&File> {
        self.source.file()
    }

    /// The descriptor, where it is one that can be waited for.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.source.pipe()
    }

    /// The bytes around the piece: what comes before it was judged already, and is there for the anchors.
    pub(crate) fn text(&self, piece: &Piece) -> &[u8] {
        // The NUL after an unfinished part keeps `$` from taking the cut for the end of the line.
        &self.buffer[..piece.range.end + usize::from(!piece.whole)]
    }

    /// The offset in the file of a place in [`Stream::text`].
    pub(crate) fn offset_of(&self, place: usize) -> u64 {
        self.offset + place as u64
    }

    /// Where judging goes on.
    pub(crate) fn position(&self) -> u64 {
        self.offset_of(self.judged)
    }

    /// The bytes just before that.
    pub(crate) fn proof(&self) -> &[u8] {
        &self.buffer[self.judged.saturating_sub(PROOF)..self.judged]
    }

    /// Looks for more, and cuts it before the last record where lines belong together. At most one read(2) of [`CHUNK`]
    /// bytes, so that the caller can look elsewhere in between.
    ///
    /// # Errors
    /// A failed read.
    pub(crate) fn look(&mut self, last_record: LastRecord<'_>) -> Result<Look> {
        if self.source.would_block()? {
            return Ok(Look::Later);
        }
        self.make_room();
        let room = self.filled..(self.filled + self.chunk).min(PROOF + LONGEST);
        if self.buffer.len() <= room.end {
            self.buffer.resize(room.end + 1, 0);
        }
        let asked = room.len();
        let at = self.offset + room.start as u64;
        let count = self.source.read(&mut self.buffer[room], at).doing("read", self.path.display())?;
        if count == asked {
            self.chunk = CHUNK.min(self.chunk * 4);
        }
        // Asked after the read: had the file been truncated before it, these bytes would not be there any more.
        if !self.still_proven().doing("read", self.path.display())? {
            return Ok(Look::Truncated);
        }
        if count == 0 {
            return Ok(Look::End);
        }
        if self.buffer[self.filled] == 0 && self.skip_hole()? {
            return Ok(Look::Unfinished);
        }
        let new = self.filled..self.filled + count;
        self.filled = new.end;
        Ok(self.piece(new, last_record).map_or(Look::Unfinished, Look::Piece))
    }

    fn piece(&mut self, new: Range<usize>, last_record: LastRecord<'_>) -> Option<Piece> {
        if self.inside_judged_line {
            let end = memchr(b'\n', &self.buffer[new.clone()]);
            self.judged = end.map_or(self.filled, |at| new.start + at + 1);
            self.inside_judged_line = end.is_none();
        }
        if let Some(at) = memrchr(b'\n', &self.buffer[new.start.max(self.judged)..self.filled]) {
            let end = new.start.max(self.judged) + at + 1;
            let cut = match last_record {
                Some(last_record) => last_record(&self.buffer[..end], self.judged).unwrap_or(self.judged),
                None => end,
            };
            if cut > self.judged || self.filled == PROOF + LONGEST {
                return Some(Piece { range: self.judged..if cut > self.judged { cut } else { end }, whole: true });
            }
            return None;
        }
        if self.filled == PROOF + LONGEST {
            self.buffer[self.filled] = 0;
            return Some(Piece { range: self.judged..self.filled, whole: false });
        }
        None
    }

    /// The line that was begun and is not finished, where nothing more is to come.
    pub(crate) fn rest(&self) -> Option<Piece> {
        (self.judged < self.filled).then_some(Piece { range: self.judged..self.filled, whole: true })
    }

    /// A writer that does not append goes on at its old offset after the log was truncated, and leaves a hole before it
    /// (lseek(2), SEEK_DATA). There is nothing in a hole.
    fn skip_hole(&mut self) -> Result<bool> {
        let at = self.offset + self.filled as u64;
        let Source::Regular(file) = &self.source else { return Ok(false) };
        let data = rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at));
        match data {
            Ok(data) if data > at && self.is_at_start_of_line() && self.judged == self.filled => {
                self.jump_to(data)?;
                // Nothing of the line has been judged: it begins here, whatever stands before it.
                self.inside_judged_line = false;
                Ok(self.position() == data)
            }
            // ENXIO: there is nothing but the hole; EINVAL: the file system knows no holes.
            _ => Ok(false),
        }
    }

    /// Whether whole lines wait for the record that they belong to to be finished.
    pub(crate) fn has_unfinished_record(&self) -> bool {
        self.buffer[self.judged..self.filled].ends_with(b"\n")
    }

    /// Goes to `offset` of what can be read only once; whether there was that much.
    ///
    /// # Errors
    /// A failed read, a damaged archive.
    pub(crate) fn skip_to(&mut self, offset: u64) -> Result<bool> {
        while self.offset_of(self.filled) < offset {
            self.judged = self.filled;
            if self.look(None)? == Look::End {
                return Ok(false);
            }
        }
        self.judged_to((offset - self.offset) as usize);
        Ok(true)
    }

    /// Whether a line begins where judging goes on.
    pub(crate) fn is_at_start_of_line(&self) -> bool {
        self.position() == 0 || self.judged > 0 && self.buffer[self.judged - 1] == b'\n'
    }

    /// Goes on at a later offset of a file that is still the same: what lies between holds nothing.
    ///
    /// # Errors
    /// A failed read.
    pub(crate) fn jump_to(&mut self, offset: u64) -> Result<()> {
        let before = proof_of(self.file(), offset).doing("read", self.path.display())?;
        // Asked after the bytes at the new place were read: had the file been truncated before, those would not prove it.
        if !self.still_proven().doing("read", self.path.display())? || before.len() as u64 != offset.min(PROOF as u64) {
            return Ok(());
        }
        self.pass_to(offset, &before);
        Ok(())
    }

    /// Whether all that there is in the file was read, if it is one.
    pub(crate) fn is_read(&self) -> bool {
        self.left().is_ok_and(|left| left <= (self.filled - self.judged) as u64)
    }

    /// How much more there is in the file than was judged.
    ///
    /// # Errors
    /// A refused fstat(2).
    pub(crate) fn left(&self) -> io::Result<u64> {
        let length = self.file().map_or(Ok(0), |file| file.metadata().map(|there| there.len()))?;
        Ok(length.saturating_sub(self.position()))
    }

    /// Whether the bytes before the place are what they were.
    ///
    /// # Errors
    /// A failed read.
    pub(crate) fn is_still_the_same(&self) -> Result<bool> {
        self.still_proven().doing("read", self.path.display())
    }

    /// Goes on at `offset`: all before it was judged, `before` last.
    pub(crate) fn pass_to(&mut self, offset: u64, before: &[u8]) {
        self.buffer[..before.len()].copy_from_slice(before);
        (self.judged, self.filled) = (before.len(), before.len());
        self.offset = offset - before.len() as u64;
        self.inside_judged_line = before.last().is_some_and(|&b| b != b'\n');
    }

    /// Everything up to this place of [`Stream::text`] has been judged.
    pub(crate) fn judged_to(&mut self, place: usize) {
        self.judged = place.min(self.filled);
        self.inside_judged_line = self.judged > 0 && self.buffer[self.judged - 1] != b'\n';
    }

    /// A part of a line was judged, and nothing was found in it.
    pub(crate) fn judged_part(&mut self, part: &Piece) {
        self.judged = part.range.end.saturating_sub(OVERLAP).max(part.range.start);
    }

    fn make_room(&mut self) {
        let keep = self.judged.saturating_sub(PROOF);
        let cheap = self.filled - keep < CHUNK / 8;
        if keep > 0 && (cheap || self.filled + CHUNK > PROOF + LONGEST) {
            self.buffer.copy_within(keep..self.filled, 0);
            self.offset += keep as u64;
            self.judged -= keep;
            self.filled -= keep;
        }
    }

    fn still_proven(&self) -> io::Result<bool> {
        let Source::Regular(file) = &self.source else { return Ok(true) };
        let ours = &self.buffer[self.filled.saturating_sub(PROOF)..self.filled];
        Ok(proof_of(Some(file), self.offset + self.filled as u64)? == ours)
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").field("path", &self.path).field("position", &self.position()).finish_non_exhaustive()
    }
}
