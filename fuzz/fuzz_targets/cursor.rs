//! A cursor is printed as it was read, and a cursor with one byte changed is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logwatch::fuzzed::{cursor, sealed};

fuzz_target!(|bytes: &[u8]| {
    let [at, byte, text @ ..] = bytes else { return };
    let text = String::from_utf8_lossy(text);
    // As it is, and with the checksum that a fuzzer would not guess.
    for typed in [text.to_string(), sealed(text.trim())] {
        let Ok(printed) = cursor(&typed) else { continue };
        assert_eq!(cursor(&printed).as_ref(), Ok(&printed));
        assert_eq!(numbers(&typed), numbers(&printed));
        let mut damaged = printed.clone().into_bytes();
        let at = usize::from(*at) % damaged.len();
        damaged[at] = byte & 0x7f;
        let damaged = String::from_utf8(damaged).expect("ASCII");
        // The checksum may be written with capitals, and with a sign instead of a zero.
        assert!(cursor(&damaged).is_err() || cursor(&damaged) == Ok(printed), "{damaged}");
    }
});

/// The time and the places of a cursor, by other means: a place of the version before has two numbers fewer.
fn numbers(cursor: &str) -> Vec<Vec<u64>> {
    let words: Vec<&str> = cursor.trim().split('-').collect();
    let number = |text: &str| u64::from_str_radix(text, 16).expect("a number in a cursor that was read");
    let place = |word: &&str| {
        let mut numbers: Vec<u64> = word.split('.').map(number).collect();
        if numbers.len() == 4 {
            numbers.extend([0, 0]);
        }
        numbers
    };
    let [_version, taken, places @ .., _checksum] = &words[..] else { panic!("a cursor has three words") };
    [vec![number(taken)]].into_iter().chain(places.iter().map(place)).collect()
}
