//! Property tests: whatever the pieces in which a log is read, its lines get the verdicts of a search line by line.

use crate::input::by_line::{LineByLine, judged_in_pieces};
use crate::matching::matcher::{Matcher, Verdict};
use crate::options::patterns::Patterns;
use proptest::prelude::*;

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

#[test]
fn a_byte_order_mark_that_comes_in_pieces_is_no_part_of_the_first_line() {
    let patterns = Patterns {
        error: vec!["^x".into()],
        ready: None,
        ignore: vec![],
        ignore_case: false,
        plain: false,
        start: None,
    };
    let matcher = Matcher::of(&patterns).expect("a pattern");
    for lengths in [vec![1], vec![2], vec![3], vec![100]] {
        let found = judged_in_pieces(&matcher, "\u{feff}xy\n".as_bytes(), lengths);
        assert_eq!(found, [(b"xy".to_vec(), Verdict::Error)]);
    }
}

#[test]
fn a_record_whose_beginning_is_seen_at_the_end_of_its_line_begins_there_whatever_the_pieces() {
    let patterns = Patterns {
        error: vec!["ERROR".into()],
        ready: None,
        ignore: vec![],
        ignore_case: false,
        plain: false,
        start: Some("$".into()),
    };
    let matcher = Matcher::of(&patterns).expect("a pattern");
    for lengths in [vec![1], vec![4], vec![100]] {
        let found = judged_in_pieces(&matcher, b"a\nan ERROR\nb\n", lengths);
        assert_eq!(found, [(b"an ERROR".to_vec(), Verdict::Error)]);
    }
}

proptest! {
    #[test]
    fn a_log_is_judged_line_by_line_whatever_the_pieces(
        patterns in patterns(), log in logs(), lengths in proptest::collection::vec(1..20usize, 1..5)
    ) {
        // A text that is no pattern is refused.
        let Ok(matcher) = Matcher::of(&patterns) else { return Ok(()) };
        let expected = LineByLine::of(&patterns).expect("patterns that were read").judged(&log);
        prop_assert_eq!(judged_in_pieces(&matcher, &log, lengths), expected);
    }

    #[test]
    fn whatever_is_typed_is_a_pattern_or_refused(pattern in "(\\PC|[\\[\\](){}|*+?^$.\\\\-]){0,12}", ignore_case in any::<bool>()) {
        let patterns = Patterns { error: vec![pattern], ready: None, ignore: vec![], ignore_case, plain: false, start: None };
        if let Ok(matcher) = Matcher::of(&patterns) {
            let _ = matcher.next(b"a line\nand \xff another\n", 0);
        }
    }
}
