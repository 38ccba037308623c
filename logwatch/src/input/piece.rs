//! The bytes that are judged at once.

use std::ops::Range;

/// Finds where the last record begins in a text, at or after a place. None: every line is a record of its own.
pub(crate) type LastRecord<'a> = Option<&'a dyn Fn(&[u8], usize) -> Option<usize>>;

/// The bytes to judge next, as a range of [`LineBuffer::text`](crate::input::line_buffer::LineBuffer::text).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) range: Range<usize>,
    /// The piece ends with a newline, or with the last byte that the file will ever have.
    pub(crate) whole: bool,
}

/// The number of newlines in a text.
pub(crate) fn ends_of_lines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}
