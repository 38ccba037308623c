//! A log that is read in pieces of any lengths gets the verdicts of a search line by line; a log of records those of a
//! search in one piece.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logwatch::fuzzed::Search;
use std::cell::RefCell;
use std::collections::HashMap;

fuzz_target!(|bytes: &[u8]| {
    // Lines: the patterns, the lengths, the log.
    let mut parts = bytes.splitn(6, |&b| b == b'\n');
    let [error, ready, ignore, start, lengths, log] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let texts = [error, ready, ignore, start].map(|text| str::from_utf8(text).unwrap_or("("));
    // The tests in line_regex.rs cover carriage returns. A large repetition only costs time.
    let is_large = |text: &str| text.len() > 40 || text.bytes().filter(|&b| b == b'{').count() > 1;
    if log.contains(&b'\r') || texts.iter().any(|text| is_large(text)) {
        return;
    }
    let ignore_case = lengths.first().is_some_and(|length| length % 2 == 1);
    let lengths: Vec<usize> = lengths.iter().map(|&length| usize::from(length) + 1).collect();
    let lengths = if lengths.is_empty() { vec![1] } else { lengths };
    let [error, ready, ignore, start] = texts;
    with_search([error, ready, ignore, ""], ignore_case, |search| {
        if let Some(expected) = search.line_by_line(log) {
            assert_eq!(search.in_pieces(log, &lengths), expected);
            assert_eq!(search.in_pieces(log, &[usize::MAX]), expected);
        }
    });
    if !start.is_empty() {
        with_search(texts, ignore_case, |search| {
            assert_eq!(search.in_pieces(log, &lengths), search.in_pieces(log, &[usize::MAX]));
        });
    }
});

type Searches = HashMap<([String; 4], bool), Option<Search>>;

/// Searches for the patterns, if they are not refused. A search takes longer to compile than to run, so it is kept.
fn with_search(texts: [&str; 4], ignore_case: bool, checked: impl FnOnce(&Search)) {
    thread_local! {
        static SEARCHES: RefCell<Searches> = RefCell::default();
    }
    SEARCHES.with_borrow_mut(|searches| {
        if searches.len() == 300 {
            searches.clear();
        }
        let [error, ready, ignore, start] = texts;
        let search = searches.entry((texts.map(str::to_owned), ignore_case));
        search.or_insert_with(|| Search::new(error, ready, ignore, start, ignore_case)).as_ref().map(checked);
    });
}
