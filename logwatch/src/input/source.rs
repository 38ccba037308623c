//! A source of bytes: a file that may grow, a decompressed archive, or stdin.

use crate::input::line_buffer::{LONGEST, PROOF};
use crate::input::utf16::Utf16;
use memchr::memrchr;
use racefree::error::Result;
use racefree::event::ready_now;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

/// The first attempt to find the last newline of a file reads this much.
const LINE: usize = 4 << 10;

/// The source from which a [`Reader`](crate::input::reader::Reader) reads.
pub(crate) enum Source {
    /// A regular file, which may grow.
    Regular(File),
    /// A regular file in UTF-16, which may grow. It is read from its beginning.
    Utf16(Utf16),
    /// A compressed archive: it is read once, from its beginning.
    Once(Box<dyn Read>),
    /// stdin. A read must not block, because other logs are watched too.
    Pipe(OwnedFd),
}

impl Source {
    /// The file, if its bytes are the bytes that are read.
    pub(crate) fn file(&self) -> Option<&File> {
        match self {
            Source::Regular(file) => Some(file),
            Source::Utf16(_) | Source::Once(_) | Source::Pipe(_) => None,
        }
    }

    /// The file that may grow, whatever its encoding.
    pub(crate) fn growing(&self) -> Option<&File> {
        match self {
            Source::Utf16(utf16) => Some(&utf16.file),
            other => other.file(),
        }
    }

    /// The descriptor, if the source can be waited for.
    pub(crate) fn pipe(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Source::Pipe(fd) => Some(fd.as_fd()),
            Source::Regular(_) | Source::Utf16(_) | Source::Once(_) => None,
        }
    }

    /// True if a read would block.
    ///
    /// # Errors
    /// poll(2) fails.
    pub(crate) fn would_block(&self) -> Result<bool> {
        self.pipe().map_or(Ok(false), |fd| ready_now(fd).map(|ready| !ready))
    }

    /// Reads once. A file is read at the offset `at`, any other source where the last read ended.
    ///
    /// # Errors
    /// The read fails.
    pub(crate) fn read(&mut self, room: &mut [u8], at: u64) -> io::Result<usize> {
        loop {
            let read = match self {
                Source::Regular(file) => file.read_at(room, at),
                Source::Utf16(file) => file.read(room),
                Source::Once(reader) => reader.read(room),
                Source::Pipe(fd) => nix::unistd::read(&*fd, room).map_err(io::Error::from),
            };
            match read {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

/// The offset behind the last newline of the file: the start of an unfinished last line, or the end of the file. If the
/// last line is longer than [`LONGEST`], the end of the file.
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

/// The bytes before `offset`, at most [`PROOF`] of them. Fewer if the file has become shorter.
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
