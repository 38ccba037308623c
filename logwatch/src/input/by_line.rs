//! Judging a log in two ways that must agree, for the property tests and the fuzzer: in the pieces in which it is read, and
//! line by line.

use crate::input::piece::{LastRecord, Piece};
use crate::input::reader::{Look, Reader};
use crate::matching::matcher::{Matcher, Verdict};
use crate::options::patterns::Patterns;
use regex::bytes::{Regex, RegexBuilder};
use std::io::{self, Read};

/// Returns a text in pieces of these lengths, over and over.
struct InPieces {
    text: Vec<u8>,
    lengths: Vec<usize>,
    given: usize,
    turn: usize,
}

impl Read for InPieces {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let length = self.lengths[self.turn % self.lengths.len()].min(room.len());
        let end = (self.given + length).min(self.text.len());
        let count = end - self.given;
        room[..count].copy_from_slice(&self.text[self.given..end]);
        (self.given, self.turn) = (end, self.turn + 1);
        Ok(count)
    }
}

/// The lines that were found, each with its verdict.
pub(crate) type JudgedLines = Vec<(Vec<u8>, Verdict)>;

/// The result of reading and judging in pieces of these lengths, over and over.
pub(crate) fn judged_in_pieces(matcher: &Matcher, text: &[u8], lengths: Vec<usize>) -> JudgedLines {
    let reader = InPieces { text: text.to_vec(), lengths, given: 0, turn: 0 };
    let mut reader = Reader::of_once(Box::new(reader));
    let last_start = |text: &[u8], from| matcher.last_start(text, from);
    let last_record: LastRecord<'_> = if matcher.has_records() { Some(&last_start) } else { None };
    let mut found = vec![];
    loop {
        match reader.look(last_record).expect("a text in memory") {
            Look::Piece(piece) => judge_piece(matcher, &mut reader, &piece, &mut found),
            Look::Unfinished => {}
            Look::End => break,
            Look::Later | Look::Truncated => unreachable!("it is no file and no pipe"),
        }
    }
    if let Some(rest) = reader.buffer.rest() {
        judge_piece(matcher, &mut reader, &rest, &mut found);
    }
    found
}

fn judge_piece(matcher: &Matcher, reader: &mut Reader, piece: &Piece, found: &mut JudgedLines) {
    let (base, text) = reader.buffer.lines_of(piece);
    let (mut from, end) = (piece.range.start - base, piece.range.end - base);
    while let Some(hit) = matcher.next(text, from) {
        let hit = hit.within(end);
        found.push((text[hit.line.clone()].to_vec(), hit.verdict));
        from = (hit.line.end + 1).min(end);
    }
    assert!(piece.whole, "no line is that long");
    reader.buffer.judged_to(piece.range.end);
}

/// The search with which the result must agree: each line by itself, each pattern by itself.
#[derive(Debug)]
pub(crate) struct LineByLine {
    error: Vec<Regex>,
    ready: Vec<Regex>,
    ignore: Vec<Regex>,
}

impl LineByLine {
    /// Compiles the patterns; `None` if one of them cannot be compiled.
    pub(crate) fn of(patterns: &Patterns) -> Option<LineByLine> {
        let compile = |pattern: &String| RegexBuilder::new(pattern).case_insensitive(patterns.ignore_case).build().ok();
        let all = |several: &[String]| several.iter().map(compile).collect::<Option<Vec<Regex>>>();
        let (error, ready) = (all(&patterns.error)?, all(patterns.ready.as_slice())?);
        Some(LineByLine { error, ready, ignore: all(&patterns.ignore)? })
    }

    /// The lines that are found in a log.
    pub(crate) fn judged(&self, log: &[u8]) -> JudgedLines {
        let lines = without_prefix(log).split_inclusive(|&b| b == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line));
        lines.filter_map(|line| self.verdict(line).map(|verdict| (line.to_vec(), verdict))).collect()
    }

    fn verdict(&self, line: &[u8]) -> Option<Verdict> {
        let matches = |several: &[Regex]| several.iter().any(|one| one.is_match(line));
        match matches(&self.error) && !matches(&self.ignore) {
            true => Some(Verdict::Error),
            false => matches(&self.ready).then_some(Verdict::Ready),
        }
    }
}

/// The text without the byte order mark and the NULs before its first line.
fn without_prefix(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    &text[text.iter().take_while(|&&b| b == 0).count()..]
}
