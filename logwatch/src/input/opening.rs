//! The ways to open a reader: a file at an offset or at its end, an archive, stdin.

use crate::input::decompress;
use crate::input::inode::{self, Inode};
use crate::input::line_buffer::LineBuffer;
use crate::input::reader::{Look, Reader};
use crate::input::source::{Source, end_of_whole_lines, proof_of};
use crate::input::utf16::Utf16;
use racefree::error::{Context, Result};
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

impl Reader {
    /// Reads a file that may grow, from `offset` on.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn of_file(file: File, path: &Path, offset: u64) -> Result<Reader> {
        let there = file.metadata().act("look at", path.display())?;
        let known = (Inode::of(&file, &there), inode::modified(&there));
        let mut reader = Reader::new(Source::Regular(file), path, Some(known));
        if offset > 0 {
            let before = proof_of(reader.file(), offset).act("read", path.display())?;
            reader.buffer.pass_to(offset, &before, 0);
        }
        reader.buffer.expect(there.len().saturating_sub(offset));
        Ok(reader)
    }

    /// Reads a file that may grow, from its end on. An unfinished last line is still to be judged.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn at_end(file: File, path: &Path) -> Result<Reader> {
        let mark = proof_of(Some(&file), 2).act("read", path.display())?;
        if !Utf16::begins_with(&mark) {
            let end = end_of_whole_lines(&file).act("read", path.display())?;
            return Reader::of_file(file, path, end);
        }
        let mut reader = Reader::of_file(file, path, 0)?;
        loop {
            match reader.look(None)? {
                Look::Piece(piece) => reader.buffer.judged_to(piece.range.end),
                Look::Unfinished => {}
                Look::End | Look::Later | Look::Truncated => return Ok(reader),
            }
        }
    }

    /// Reads a compressed archive from its beginning.
    ///
    /// # Errors
    /// The tool for the format is not installed.
    pub(crate) fn of_archive(file: File, path: &Path) -> Result<Reader> {
        let there = file.metadata().act("look at", path.display())?;
        let known = (Inode::of(&file, &there), inode::modified(&there));
        Ok(Reader::new(Source::Once(decompress::open(path, file)?), path, Some(known)))
    }

    /// Reads stdin.
    ///
    /// # Errors
    /// stdin is closed.
    pub(crate) fn of_stdin() -> Result<Reader> {
        let fd = io::stdin().as_fd().try_clone_to_owned().act("read", "stdin")?;
        Ok(Reader::new(Source::Pipe(fd), Path::new("-"), None))
    }

    /// Reads a source that can be read only once.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of_once(once: Box<dyn io::Read>) -> Reader {
        Reader::new(Source::Once(once), Path::new("-"), None)
    }

    /// `known` is the identity of the file and the time of its last write.
    fn new(source: Source, path: &Path, known: Option<(Inode, u64)>) -> Reader {
        let (inode, modified) = known.unzip();
        let modified = modified.unwrap_or_default();
        Reader { source, path: path.to_owned(), inode, modified, buffer: LineBuffer::new() }
    }
}
