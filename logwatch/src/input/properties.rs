//! Property tests: whatever the pieces in which a log is read, its lines get the verdicts of a search line by line.

use crate::input::piece::Piece;
use crate::input::reader::{Look, Reader};
use crate::matching::matcher::{Matcher, Verdict};
use crate::options::patterns::Patterns;
use proptest::prelude::*;
use regex::bytes::Regex;
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

type JudgedLines = Vec<(Vec<u8>, Verdict)>;

fn judged_in_pieces(matcher: &Matcher, text: &[u8], lengths: Vec<usize>) -> JudgedLines {
    let reader = InPieces { text: text.to_vec(), lengths, given: 0, turn: 0 };
    let mut reader = Reader::of_once(Box::new(reader));
    let mut found = vec![];
    loop {
        match reader.look(None).expect("a text in memory") {
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
    let text = reader.buffer.text_of(piece);
    let (mut from, end) = (piece.range.start, piece.range.end);
    while let Some(hit) = matcher.next(text, from) {
        let hit = hit.within(end);
        found.push((text[hit.line.clone()].to_vec(), hit.verdict));
        from = (hit.line.end + 1).min(end);
    }
    assert!(piece.whole, "no line is that long");
    reader.buffer.judged_to(end);
}

/// The expected result: each line by itself, each pattern by itself.
fn judged_line_by_line(patterns: &Patterns, text: &[u8]) -> JudgedLines {
    let insensitive = if patterns.ignore_case { "(?i)" } else { "" };
    let matches = |pattern: &String, line: &[u8]| {
        Regex::new(&format!("{insensitive}(?:{pattern})")).expect("a pattern that was read").is_match(line)
    };
    let lines = text.strip_suffix(b"\n").unwrap_or(text).split(|&b| b == b'\n');
    let verdict = |line: &[u8]| {
        let error = patterns.error.iter().position(|pattern| matches(pattern, line));
        match error.filter(|_| !patterns.ignore.iter().any(|pattern| matches(pattern, line))) {
            Some(_) => Some(Verdict::Error),
            None => patterns.ready.as_ref().is_some_and(|ready| matches(ready, line)).then_some(Verdict::Ready),
        }
    };
    let lines: Vec<&[u8]> = if text.is_empty() { vec![] } else { lines.collect() };
    lines.into_iter().filter_map(|line| verdict(line).map(|verdict| (line.to_vec(), verdict))).collect()
}

fn patterns() -> impl Strategy<Value = Patterns> {
    let pattern = "(a|b|\\.|\\[\\^a\\]|\\[ab\\]|\\^|\\$|a\\*|b\\+|(\\\\)[bsSwWdA]|\\(a\\|b\\)|\\(\\?s:\\.\\)|(\\\\)n|\\(\\?-u:[ab]\\)| ){1,5}";
    let several = |most| proptest::collection::vec(pattern, 0..=most);
    (several(2), proptest::option::of(pattern), several(1), any::<bool>()).prop_map(
        |(error, ready, ignore, ignore_case)| Patterns { error, ready, ignore, ignore_case, plain: false, start: None },
    )
}

fn logs() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![4 => Just(b'a'), 3 => Just(b'b'), 2 => Just(b' '), 3 => Just(b'\n'), 1 => Just(b'A'), 1 => any::<u8>()];
    // The tests in line_regex.rs cover carriage returns.
    proptest::collection::vec(byte.prop_filter("CR", |&b| b != b'\r'), 0..80)
}

proptest! {
    #[test]
    fn a_log_is_judged_line_by_line_whatever_the_pieces(
        patterns in patterns(), log in logs(), lengths in proptest::collection::vec(1..20usize, 1..5)
    ) {
        // A text that is no pattern is refused.
        let Ok(matcher) = Matcher::of(&patterns) else { return Ok(()) };
        prop_assert_eq!(judged_in_pieces(&matcher, &log, lengths), judged_line_by_line(&patterns, &log));
    }

    #[test]
    fn whatever_is_typed_is_a_pattern_or_refused(pattern in "(\\PC|[\\[\\](){}|*+?^$.\\\\-]){0,12}", ignore_case in any::<bool>()) {
        let patterns = Patterns { error: vec![pattern], ready: None, ignore: vec![], ignore_case, plain: false, start: None };
        if let Ok(matcher) = Matcher::of(&patterns) {
            let _ = matcher.next(b"a line\nand \xff another\n", 0);
        }
    }
}
