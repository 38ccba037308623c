//! The part of a file that is in memory: bytes that prove the place, bytes still to be judged, and room for more.
//!
//! The buffer is a few pages long while a log grows line by line. It never grows beyond [`LONGEST`] and [`PROOF`].

use crate::input::bytes::Bytes;
use crate::input::piece::{LastRecord, Piece, ends_of_lines};
use memchr::{memchr, memrchr};
use std::ops::Range;

/// The number of bytes before a place that prove that it is the same place.
pub(crate) const PROOF: usize = 1 << 10;

/// The largest read: large enough for few system calls, small enough for the processor's cache.
const CHUNK: usize = 256 << 10;

/// The smallest first read; each full read makes the next one larger.
const LITTLE: usize = 8 << 10;

/// The byte order mark of UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// A longer line is judged in parts.
pub(crate) const LONGEST: usize = 1 << 20;

/// The last bytes of a part are judged again together with the next part: a match may lie across the cut.
const OVERLAP: usize = 64 << 10;

/// Consecutive bytes of a file.
#[derive(Debug)]
pub(crate) struct LineBuffer {
    /// `bytes[..judged]` was judged and only proves the place; `bytes[judged..filled]` is still to be judged.
    bytes: Bytes,
    judged: usize,
    filled: usize,
    /// The offset of `bytes[0]`.
    offset: u64,
    /// The length of the next read.
    step: usize,
    /// The number of newlines before the place, if lines are counted.
    lines: Option<u64>,
    /// The bytes up to the next newline belong to a line that was judged already.
    inside_judged_line: bool,
    /// A line begins at this offset although no newline stands before it.
    line_start: Option<u64>,
    /// Nothing but NULs and a byte order mark has been read since the beginning of the file.
    is_prefix: bool,
}

impl LineBuffer {
    /// An empty buffer at the beginning of a file.
    pub(crate) fn new() -> LineBuffer {
        LineBuffer {
            bytes: Bytes::new(),
            judged: 0,
            filled: 0,
            offset: 0,
            step: LITTLE,
            lines: None,
            inside_judged_line: false,
            line_start: None,
            is_prefix: true,
        }
    }

    /// The bytes up to `end`.
    pub(crate) fn text(&self, end: usize) -> &[u8] {
        &self.bytes[..end]
    }

    /// The piece and the bytes before it. The latter were judged already; an anchor looks at them.
    pub(crate) fn text_of(&self, piece: &Piece) -> &[u8] {
        // The NUL after an unfinished part keeps `$` from taking the cut for the end of the line.
        self.text(piece.range.end + usize::from(!piece.whole))
    }

    /// Where the text of a piece begins, and the text. Bytes that are no part of it, such as the NULs of a hole, are left out.
    pub(crate) fn lines_of(&self, piece: &Piece) -> (usize, &[u8]) {
        let is_start = self.line_start == Some(self.offset_of(piece.range.start));
        let base = if is_start { piece.range.start } else { 0 };
        (base, &self.text_of(piece)[base..])
    }

    /// The bytes that are still to be judged.
    pub(crate) fn unjudged(&self) -> Range<usize> {
        self.judged..self.filled
    }

    /// The offset in the file of a place in the buffer.
    pub(crate) fn offset_of(&self, place: usize) -> u64 {
        self.offset + place as u64
    }

    /// The offset where judging goes on.
    pub(crate) fn position(&self) -> u64 {
        self.offset_of(self.judged)
    }

    /// The offset of the next byte to read.
    pub(crate) fn end(&self) -> u64 {
        self.offset_of(self.filled)
    }

    /// The bytes that prove the place where judging goes on.
    pub(crate) fn proof(&self) -> &[u8] {
        &self.bytes[self.judged.saturating_sub(PROOF)..self.judged]
    }

    /// The bytes that prove the place where reading goes on.
    pub(crate) fn proof_of_end(&self) -> &[u8] {
        &self.bytes[self.filled.saturating_sub(PROOF)..self.filled]
    }

    /// True if judging goes on at the beginning of a line.
    pub(crate) fn is_at_start_of_line(&self) -> bool {
        let position = self.position();
        let after_newline = self.judged > 0 && self.bytes[self.judged - 1] == b'\n';
        position == 0 || self.line_start == Some(position) || after_newline
    }

    /// Counts lines from now on, if judging is at the beginning of the file.
    pub(crate) fn count_lines(&mut self) {
        self.lines = (self.position() == 0).then_some(0);
    }

    /// The number of lines that end before the place, if lines are counted.
    pub(crate) fn lines(&self) -> Option<u64> {
        self.lines
    }

    /// Prepares for this many bytes: the next read takes all of them, unless they are too many.
    pub(crate) fn expect(&mut self, count: u64) {
        self.step = (count.min(CHUNK as u64) as usize + 1).clamp(LITTLE, CHUNK);
    }

    /// The room for the next read.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        let keep = self.judged.saturating_sub(PROOF);
        let cheap = self.filled - keep < CHUNK / 8;
        if keep > 0 && (cheap || self.filled + CHUNK > PROOF + LONGEST) {
            self.bytes.copy_within(keep..self.filled, 0);
            self.offset += keep as u64;
            self.judged -= keep;
            self.filled -= keep;
        }
        let end = (self.filled + self.step).min(PROOF + LONGEST);
        // One byte more, for the NUL that ends an unfinished part.
        if self.bytes.len() < end + 1 {
            self.bytes.resize(end + 1, 0);
        }
        &mut self.bytes[self.filled..end]
    }

    /// Takes note that `count` bytes were read into the room.
    pub(crate) fn fill(&mut self, count: usize) -> Range<usize> {
        if count == self.step {
            self.step = (4 * self.step).min(CHUNK);
        }
        let new = self.filled..self.filled + count;
        self.filled = new.end;
        if self.is_prefix {
            self.pass_prefix();
        }
        new
    }

    /// The piece to judge after the bytes `new` were read: whole lines, or a part of a line that is too long. Where lines form
    /// records, the piece ends before the last record.
    pub(crate) fn piece(&mut self, new: Range<usize>, last_record: LastRecord<'_>) -> Option<Piece> {
        if self.inside_judged_line {
            let end = memchr(b'\n', &self.bytes[new.clone()]);
            self.judged_to(end.map_or(self.filled, |at| new.start + at + 1));
        }
        let start = new.start.max(self.judged);
        let is_full = self.filled == PROOF + LONGEST;
        if let Some(at) = memrchr(b'\n', &self.bytes[start..self.filled]) {
            let end = start + at + 1;
            let cut = match last_record {
                Some(last_record) => last_record(&self.bytes[..end], self.judged).unwrap_or(self.judged),
                None => end,
            };
            let end = if cut > self.judged { cut } else { end };
            return (cut > self.judged || is_full).then_some(Piece { range: self.judged..end, whole: true });
        }
        self.bytes[self.filled] = 0;
        is_full.then_some(Piece { range: self.unjudged(), whole: false })
    }

    /// The unfinished last line.
    pub(crate) fn rest(&self) -> Option<Piece> {
        Some(Piece { range: self.unjudged(), whole: true }).filter(|rest| !rest.range.is_empty())
    }

    /// Gives memory back after a read that met the end of the file.
    pub(crate) fn give_back(&mut self) {
        if self.bytes.len() > 4 * LITTLE && self.judged == self.filled {
            let proof = Bytes::of(self.proof());
            (self.offset, self.step) = (self.position() - proof.len() as u64, LITTLE);
            (self.judged, self.filled, self.bytes) = (proof.len(), proof.len(), proof);
        }
    }

    /// Goes on at `offset`. `before` are the bytes before it, `lines` is the number of lines that are passed.
    pub(crate) fn pass_to(&mut self, offset: u64, before: &[u8], lines: u64) {
        self.room();
        self.bytes[..before.len()].copy_from_slice(before);
        (self.judged, self.filled) = (before.len(), before.len());
        self.offset = offset - before.len() as u64;
        self.lines = self.lines.map(|count| count + lines);
        self.is_prefix = before.iter().all(|&b| b == 0) || offset == MARK.len() as u64 && before == MARK;
        self.line_start = (self.is_prefix && offset > 0).then_some(offset);
        self.inside_judged_line = !self.is_at_start_of_line();
    }

    /// Takes the next byte for the beginning of a line, whatever stands before it.
    pub(crate) fn begin_line(&mut self) {
        self.line_start = Some(self.position());
        self.inside_judged_line = false;
    }

    /// Passes a byte order mark and NULs at the beginning of the file. A writer without O_APPEND leaves NULs there when the
    /// log was truncated under it.
    fn pass_prefix(&mut self) {
        let unjudged = &self.bytes[self.judged..self.filled];
        // The rest of the mark may be on its way.
        if self.position() == 0 && unjudged.len() < MARK.len() && MARK.starts_with(unjudged) {
            return;
        }
        let mark = if self.position() == 0 && unjudged.starts_with(MARK) { MARK.len() } else { 0 };
        let nuls = unjudged[mark..].iter().take_while(|&&b| b == 0).count();
        self.is_prefix = mark + nuls == unjudged.len();
        if mark + nuls > 0 {
            self.judged += mark + nuls;
            self.begin_line();
        }
    }

    /// Takes note that everything up to `place` has been judged.
    pub(crate) fn judged_to(&mut self, place: usize) {
        let place = place.min(self.filled);
        self.lines = match self.lines {
            // Back to the beginning of a line that is to be judged again: no newline lies between.
            Some(count) if place >= self.judged => Some(count + ends_of_lines(&self.bytes[self.judged..place])),
            lines => lines,
        };
        self.judged = place;
        self.inside_judged_line = !self.is_at_start_of_line();
    }

    /// Takes note that a part of a line was judged and that nothing was found in it.
    pub(crate) fn judged_part(&mut self, part: &Piece) {
        self.judged = part.range.end.saturating_sub(OVERLAP).max(part.range.start);
    }
}
