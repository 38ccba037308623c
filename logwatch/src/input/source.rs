//! Where bytes come from, and the bytes that prove a place.

use crate::input::line_buffer::{LONGEST, PROOF};
use memchr::memrchr;
use racefree_core::error::Result;
use racefree_core::event::ready_now;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// Few lines are longer.
const LINE: usize = 4 << 10;

/// What a reader reads from.
pub(crate) enum Source {
    /// A file, and its name for people: it may grow.
    Regular(File),
    /// What can be read only once, from its beginning: a compressed archive.
    Once(Box<dyn Read>),
    /// The same, and we must not block: stdin.
    Pipe(OwnedFd),
}

impl Source {
    /// The file, where it is one that may grow.
    pub(crate) fn file(&self) -> Option<&File> {
        match self {
            Source::Regular(file) => Some(file),
            Source::Once(_) | Source::Pipe(_) => None,
        }
    }

    /// The descriptor, where it is one that can be waited for.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Source::Pipe(fd) => Some(fd.as_fd()),
            Source::Regular(_) | Source::Once(_) => None,
        }
    }

    /// Whether to read would be to wait.
    ///
    /// # Errors
    /// A refused poll(2).
    pub(crate) fn would_block(&self) -> Result<bool> {
        self.pipe().map_or(Ok(false), |fd| ready_now(fd).map(|ready| !ready))
    }

    /// Reads once; at this offset where it is a file.
    ///
    /// # Errors
    /// A failed read.
    pub(crate) fn read(&mut self, room: &mut [u8], at: u64) -> io::Result<usize> {
        loop {
            let read = match self {
                Source::Regular(file) => file.read_at(room, at),
                Source::Once(reader) => reader.read(room),
                Source::Pipe(fd) => rustix::io::read(&*fd, &mut *room).map_err(io::Error::from),
            };
            match read {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

/// Where the last line begins, if it is unfinished; else the end. A line longer than any buffer begins at its end.
pub(crate) fn end_of_whole_lines(file: &File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    for most in [LINE, LONGEST] {
        let mut tail = vec![0; length.min(most as u64) as usize];
        let from = length - tail.len() as u64;
        let count = file.read_at(&mut tail, from)?;
        match memrchr(b'\n', &tail[..count]) {
            Some(at) => return Ok(from + at as u64 + 1),
            None if from == 0 => return Ok(0),
            None => {}
        }
    }
    Ok(length)
}

/// The at most [`PROOF`] bytes before `offset`; fewer where the file has become shorter.
pub(crate) fn proof_of(file: Option<&File>, offset: u64) -> io::Result<Vec<u8>> {
    let Some(file) = file else { return Ok(vec![]) };
    let mut bytes = vec![0; offset.min(PROOF as u64) as usize];
    let from = offset - bytes.len() as u64;
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], from + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}
