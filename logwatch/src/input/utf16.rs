//! A UTF-16 file with a byte order mark, read as UTF-8.
//!
//! Offsets in what is read are not offsets in the file, so a place is found again by reading from the beginning.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The byte order marks: little-endian, big-endian.
const MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// This many bytes of the file are decoded at once.
const AT_ONCE: usize = 16 << 10;

/// The file, and how far it has been decoded.
#[derive(Debug)]
pub(crate) struct Utf16 {
    pub(crate) file: File,
    at: u64,
    big_endian: bool,
}

impl Utf16 {
    /// True if a file that begins with these bytes is UTF-16.
    pub(crate) fn begins_with(bytes: &[u8]) -> bool {
        MARKS.iter().any(|mark| bytes.starts_with(mark))
    }

    /// Decodes a file from its beginning.
    ///
    /// # Errors
    /// The read fails.
    pub(crate) fn of(file: File) -> io::Result<Utf16> {
        let mut mark = [0; 2];
        file.read_exact_at(&mut mark, 0)?;
        Ok(Utf16 { file, at: 2, big_endian: mark == MARKS[1] })
    }

    /// The number of bytes that have not been decoded.
    ///
    /// # Errors
    /// fstat(2) fails.
    pub(crate) fn left(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len().saturating_sub(self.at))
    }

    /// True if the file is shorter than what has been decoded.
    pub(crate) fn is_truncated(&self) -> bool {
        self.file.metadata().is_ok_and(|there| there.len() < self.at)
    }

    /// Decodes the next bytes into `room`. What is no valid UTF-16 becomes U+FFFD.
    ///
    /// # Errors
    /// The read fails.
    pub(crate) fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        // Two bytes of UTF-16 are at most three bytes of UTF-8.
        let mut bytes = vec![0; (room.len() / 3 * 2).min(AT_ONCE)];
        let count = self.file.read_at(&mut bytes, self.at)?;
        let unit = |pair: &[u8; 2]| if self.big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
        let mut units: Vec<u16> = bytes[..count].as_chunks::<2>().0.iter().map(unit).collect();
        // The second half of the last character may not be there yet.
        if units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit)) {
            units.pop();
        }
        self.at += 2 * units.len() as u64;
        let text = String::from_utf16_lossy(&units);
        room[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len())
    }
}
