//! Reads one file of a log forwards, in large pieces of whole lines, in bounded memory.

use crate::input::budget::Budget;
use crate::input::inode::{self, Inode};
use crate::input::line_buffer::LineBuffer;
use crate::input::line_buffer::PROOF;
use crate::input::piece::{LastRecord, Piece};
use crate::input::source::{Source, proof_of};
use crate::input::utf16::Utf16;
use memchr::arch::all::is_equal;
use nix::unistd::{Whence, lseek};
use racefree::error::{Context, Result};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

/// One file and the place in it.
pub(crate) struct Reader {
    pub(super) source: Source,
    pub(super) path: PathBuf,
    pub(super) inode: Option<Inode>,
    /// When the file was last written to before it was opened. A file that may grow is asked again.
    pub(super) modified: u64,
    pub(crate) buffer: LineBuffer,
}

/// The outcome of a read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// These bytes are to be judged: see [`LineBuffer::text_of`].
    Piece(Piece),
    /// Bytes were read, but they finish no line.
    Unfinished,
    /// The file has no more bytes now.
    End,
    /// stdin has no more bytes now, and its writer is still there.
    Later,
    /// The bytes before the place have changed: the file was truncated and may have grown again.
    Truncated,
}

impl Reader {
    /// True if the source cannot grow.
    pub(crate) fn is_once(&self) -> bool {
        !matches!(self.source, Source::Regular(_) | Source::Utf16(_))
    }

    /// The name by which the file was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The identity of the file; `None` for stdin.
    pub(crate) fn inode(&self) -> Option<Inode> {
        self.inode
    }

    /// When the file was last written to.
    pub(crate) fn modified(&self) -> u64 {
        let now = self.growing().and_then(|file| file.metadata().ok());
        now.map_or(self.modified, |there| inode::modified(&there))
    }

    /// The file that may grow, whatever its encoding.
    pub(crate) fn growing(&self) -> Option<&File> {
        self.source.growing()
    }

    /// The file, if its bytes are the bytes that are read.
    pub(crate) fn file(&self) -> Option<&File> {
        self.source.file()
    }

    /// The descriptor, if the source can be waited for.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        self.source.pipe()
    }

    /// Reads once, at most 256 KiB, so that the caller can read other logs in between. Where lines form records, the piece
    /// ends before the last record.
    ///
    /// # Errors
    /// The read fails.
    pub(crate) fn look(&mut self, last_record: LastRecord<'_>) -> Result<Look> {
        if self.source.would_block()? {
            return Ok(Look::Later);
        }
        let at = self.buffer.end();
        let room = self.buffer.room();
        let count = self.source.read(room, at).act("read", self.path.display())?;
        let may_be_hole = room.first() == Some(&0);
        let is_utf16 = at == 0 && Utf16::begins_with(&room[..count]);
        // Race: log-truncated (docs/races.md)
        // Compare the bytes before the place after the read. If they are unchanged, the file was not
        // truncated before the read, so the bytes that were read follow them.
        if !self.is_still_the_same()? {
            return Ok(Look::Truncated);
        }
        if count == 0 {
            self.buffer.give_back();
            return Ok(Look::End);
        }
        if is_utf16 && self.decode()? {
            return Ok(Look::Unfinished);
        }
        if may_be_hole && self.skip_hole()? {
            return Ok(Look::Unfinished);
        }
        let new = self.buffer.fill(count);
        Ok(self.buffer.piece(new, last_record).map_or(Look::Unfinished, Look::Piece))
    }

    /// Reads the file as UTF-16 from now on, if it is a file.
    pub(super) fn decode(&mut self) -> Result<bool> {
        let Source::Regular(file) = &self.source else { return Ok(false) };
        let file = file.try_clone().act("share", self.path.display())?;
        self.source = Source::Utf16(Utf16::of(file).act("read", self.path.display())?);
        Ok(true)
    }

    /// Reads nothing more, because a read has failed: it would fail again.
    pub(super) fn end_here(&mut self) {
        self.source = Source::Once(Box::new(io::empty()));
    }

    /// Skips a hole (lseek(2), SEEK_DATA). A writer without O_APPEND goes on at its old offset after the log was truncated
    /// and leaves a hole before it.
    fn skip_hole(&mut self) -> Result<bool> {
        let at = self.buffer.end();
        let Source::Regular(file) = &self.source else { return Ok(false) };
        let Ok(offset) = at.try_into() else { return Ok(false) };
        match lseek(file, offset, Whence::SeekData).map(|data| data as u64) {
            Ok(data) if data > at && self.buffer.is_at_start_of_line() && self.buffer.unjudged().is_empty() => {
                self.jump_to(data)?;
                // The hole is no part of the line.
                self.buffer.begin_line();
                Ok(self.buffer.position() == data)
            }
            // ENXIO: the hole is the end of the file. EINVAL: the file system knows no holes.
            _ => Ok(false),
        }
    }

    /// Reads on to `offset` of a source that can be read only once. False if the source ends before, or
    /// the budget is spent.
    ///
    /// # Errors
    /// The read fails; the archive is damaged.
    pub(crate) fn skip_to(&mut self, offset: u64, budget: &Budget) -> Result<bool> {
        while self.buffer.end() < offset {
            self.buffer.judged_to(usize::MAX);
            if budget.is_spent() || self.look(None)? == Look::End {
                return Ok(false);
            }
        }
        self.buffer.judged_to((offset - self.buffer.offset_of(0)) as usize);
        Ok(true)
    }

    /// Goes to `offset` of a file that was just opened. False if the file ends before.
    ///
    /// # Errors
    /// The read fails; the archive is damaged.
    pub(crate) fn go_to(&mut self, offset: u64, budget: &Budget) -> Result<bool> {
        let mark = proof_of(self.file(), 2).act("read", self.path.display())?;
        if offset > 0 && Utf16::begins_with(&mark) {
            self.decode()?;
        }
        let Source::Regular(file) = &self.source else { return self.skip_to(offset, budget) };
        let before = proof_of(Some(file), offset).act("read", self.path.display())?;
        self.buffer.pass_to(offset, &before, 0);
        Ok(before.len() as u64 == offset.min(PROOF as u64))
    }

    /// Goes on at a later offset of the file, if the file was not truncated meanwhile.
    ///
    /// # Errors
    /// The read fails.
    pub(crate) fn jump_to(&mut self, offset: u64) -> Result<()> {
        let before = proof_of(self.file(), offset).act("read", self.path.display())?;
        // Race: log-truncated (docs/races.md)
        // Compare the bytes before the old place after those before the new place were read.
        if !self.is_still_the_same()? || before.len() as u64 != offset.min(PROOF as u64) {
            return Ok(());
        }
        self.buffer.pass_to(offset, &before, 0);
        Ok(())
    }

    /// True if the file was read to its end.
    pub(crate) fn is_read(&self) -> bool {
        self.left().is_ok_and(|left| left <= self.buffer.unjudged().len() as u64)
    }

    /// The number of bytes in the file that have not been judged.
    ///
    /// # Errors
    /// fstat(2) fails.
    pub(crate) fn left(&self) -> io::Result<u64> {
        if let Source::Utf16(utf16) = &self.source {
            return Ok(utf16.left()? + self.buffer.unjudged().len() as u64);
        }
        let length = self.file().map_or(Ok(0), |file| file.metadata().map(|there| there.len()))?;
        Ok(length.saturating_sub(self.buffer.position()))
    }

    /// True if the bytes before the place are unchanged.
    ///
    /// # Errors
    /// The read fails.
    pub(crate) fn is_still_the_same(&self) -> Result<bool> {
        if let Source::Utf16(utf16) = &self.source {
            return Ok(!utf16.is_truncated());
        }
        let Source::Regular(file) = &self.source else { return Ok(true) };
        let there = proof_of(Some(file), self.buffer.end()).act("read", self.path.display())?;
        // memcmp(3) of musl compares one byte at a time.
        Ok(is_equal(&there, self.buffer.proof_of_end()))
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
