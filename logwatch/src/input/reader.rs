//! One file of a log, read forwards in large pieces of whole lines, in memory that no line can exceed.

use crate::input::line_buffer::PROOF;
use crate::input::line_buffer::{LastRecord, LineBuffer, Piece};
use crate::input::source::{Source, proof_of};
use racefree_core::error::{Context, Result};
use racefree_core::lock::holders::FileId;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

/// A file that is being read.
pub(crate) struct Reader {
    source: Source,
    path: PathBuf,
    identity: Option<FileId>,
    pub(crate) buffer: LineBuffer,
}

/// What a look at the file gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// There are bytes to judge: see [`LineBuffer::text_of`].
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

impl Reader {
    /// Begins at `offset` of a file that may grow.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn of_file(file: File, path: &Path, offset: u64) -> Result<Reader> {
        let identity = FileId::from(&file.metadata().act("look at", path.display())?);
        let mut reader = Reader::new(Source::Regular(file), path, Some(identity));
        let before = proof_of(reader.file(), offset).act("read", path.display())?;
        reader.buffer.pass_to(offset, &before, 0);
        Ok(reader)
    }

    /// Begins at the beginning of what can be read only once.
    pub(crate) fn read_once(reader: Box<dyn Read>, path: &Path) -> Reader {
        Reader::new(Source::Once(reader), path, None)
    }

    /// Reads stdin.
    ///
    /// # Errors
    /// It is closed.
    pub(crate) fn of_stdin() -> Result<Reader> {
        let fd = io::stdin().as_fd().try_clone_to_owned().act("read", "stdin")?;
        Ok(Reader::new(Source::Pipe(fd), Path::new("-"), None))
    }

    fn new(source: Source, path: &Path, identity: Option<FileId>) -> Reader {
        Reader { source, path: path.to_owned(), identity, buffer: LineBuffer::new() }
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
    pub(crate) fn identity(&self) -> Option<FileId> {
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

    /// Looks for more, and cuts it before the last record where lines belong together. At most one read(2) of [`CHUNK`]
    /// bytes, so that the caller can look elsewhere in between.
    ///
    /// # Errors
    /// A failed read.
    pub(crate) fn look(&mut self, last_record: LastRecord<'_>) -> Result<Look> {
        if self.source.would_block()? {
            return Ok(Look::Later);
        }
        let at = self.buffer.end();
        let room = self.buffer.room();
        let count = self.source.read(room, at).act("read", self.path.display())?;
        let may_be_hole = room.first() == Some(&0);
        // Asked after the read: had the file been truncated before it, these bytes would not be there any more.
        if !self.is_still_the_same()? {
            return Ok(Look::Truncated);
        }
        if count == 0 {
            self.buffer.give_back();
            return Ok(Look::End);
        }
        if may_be_hole && self.skip_hole()? {
            return Ok(Look::Unfinished);
        }
        let new = self.buffer.fill(count);
        Ok(self.buffer.piece(new, last_record).map_or(Look::Unfinished, Look::Piece))
    }

    /// A writer that does not append goes on at its old offset after the log was truncated, and leaves a hole before it
    /// (lseek(2), SEEK_DATA). There is nothing in a hole.
    fn skip_hole(&mut self) -> Result<bool> {
        let at = self.buffer.end();
        let Source::Regular(file) = &self.source else { return Ok(false) };
        let data = rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at));
        match data {
            Ok(data) if data > at && self.buffer.is_at_start_of_line() && self.buffer.unjudged().is_empty() => {
                self.jump_to(data)?;
                // Nothing of the line has been judged: it begins here, whatever stands before it.
                self.buffer.begin_line();
                Ok(self.buffer.position() == data)
            }
            // ENXIO: there is nothing but the hole; EINVAL: the file system knows no holes.
            _ => Ok(false),
        }
    }

    /// Goes to `offset` of what can be read only once; whether there was that much.
    ///
    /// # Errors
    /// A failed read, a damaged archive.
    pub(crate) fn skip_to(&mut self, offset: u64) -> Result<bool> {
        while self.buffer.end() < offset {
            self.buffer.judged_to(usize::MAX);
            if self.look(None)? == Look::End {
                return Ok(false);
            }
        }
        self.buffer.judged_to((offset - self.buffer.offset_of(0)) as usize);
        Ok(true)
    }

    /// Goes on at a later offset of a file that is still the same: what lies between holds nothing.
    ///
    /// # Errors
    /// A failed read.
    pub(crate) fn jump_to(&mut self, offset: u64) -> Result<()> {
        let before = proof_of(self.file(), offset).act("read", self.path.display())?;
        // Asked after the bytes at the new place were read: had the file been truncated before, those would not prove it.
        if !self.is_still_the_same()? || before.len() as u64 != offset.min(PROOF as u64) {
            return Ok(());
        }
        self.buffer.pass_to(offset, &before, 0);
        Ok(())
    }

    /// Whether all that there is in the file was read, if it is one.
    pub(crate) fn is_read(&self) -> bool {
        self.left().is_ok_and(|left| left <= self.buffer.unjudged().len() as u64)
    }

    /// How much more there is in the file than was judged.
    ///
    /// # Errors
    /// A refused fstat(2).
    pub(crate) fn left(&self) -> io::Result<u64> {
        let length = self.file().map_or(Ok(0), |file| file.metadata().map(|there| there.len()))?;
        Ok(length.saturating_sub(self.buffer.position()))
    }

    /// Whether the bytes before the place are what they were.
    ///
    /// # Errors
    /// A failed read.
    pub(crate) fn is_still_the_same(&self) -> Result<bool> {
        let Source::Regular(file) = &self.source else { return Ok(true) };
        let there = proof_of(Some(file), self.buffer.end()).act("read", self.path.display())?;
        Ok(there == self.buffer.proof_of_end())
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("path", &self.path)
            .field("position", &self.buffer.position())
            .finish_non_exhaustive()
    }
}
