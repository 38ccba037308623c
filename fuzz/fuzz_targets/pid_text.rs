//! The text of a PID file names a PID exactly where a second implementation says so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use racefree::claim::pid_text::{LONGEST, Text, parse};
use racefree::fuzzed::pid_by_other_means;

fuzz_target!(|text: &[u8]| {
    let number = |text: &[u8]| match parse(text) {
        Text::Names(pid) => Some(pid.as_raw()),
        Text::Empty | Text::Garbage(_) => None,
    };
    let read = number(text);
    assert_eq!(read, pid_by_other_means(text));
    let empty = text.iter().all(|&b| b == 0) || text.iter().all(u8::is_ascii_whitespace);
    assert_eq!(parse(text) == Text::Empty, text.len() <= LONGEST && empty);
    if let Some(pid) = read {
        assert!((1..=4_194_304).contains(&pid));
        // One write over this text leaves its end behind until the cut.
        let written = [pid.to_string().as_bytes(), b"\n", text].concat();
        assert_eq!(number(&written), Some(pid).filter(|_| written.len() <= LONGEST));
    }
});
