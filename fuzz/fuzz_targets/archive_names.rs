//! A file is an archive of a log exactly where a regular expression says so, compressed or not, and numbers and dates are
//! in the order of their age.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logwatch::fuzzed::rank;
use regex::bytes::Regex;
use std::sync::LazyLock;

fuzz_target!(|bytes: &[u8]| {
    // The names of the log and of two files.
    let mut names = bytes.splitn(3, |&b| b == b'\n');
    let [log, name, other] = std::array::from_fn(|_| names.next().unwrap_or_default());
    if log.is_empty() {
        return;
    }
    for name in [name, &[log, name].concat()[..]] {
        is_an_archive_by_its_name(log, name);
    }
    are_in_order(log, name, other);
});

static COMPRESSED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?s-u)^(.*)\.(?:gz|xz|zst|bz2|lz4|zip|Z|lzma)$").expect("a pattern"));
static WORD: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?:__|\.|-)(?:old|([0-9][0-9_.:TZ-]*))$").expect("a pattern"));
static STAMP: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s-u)^@[0-9a-fA-F]{16}").expect("a pattern"));

fn is_an_archive_by_its_name(log: &[u8], name: &[u8]) {
    let plain = COMPRESSED.captures(name).map_or(name, |parts| parts.get(1).expect("a group").as_bytes());
    let expected = if log == b"current" { STAMP.is_match(plain) } else { is_dated_or_numbered(log, plain) };
    let found = rank(log, name);
    assert_eq!(found.is_some(), expected);
    assert!(found.is_none() || name != log, "a log is no archive of itself");
    // An archive keeps its rank when it is compressed.
    if plain == name {
        for ending in ["gz", "xz", "zst", "bz2", "lz4", "zip", "Z", "lzma"] {
            assert_eq!(rank(log, &[name, b".", ending.as_bytes()].concat()), found);
        }
    }
}

fn is_dated_or_numbered(log: &[u8], name: &[u8]) -> bool {
    // The dot of `.log` begins no extension.
    let dot = log.iter().rposition(|&b| b == b'.').filter(|&dot| dot > 0);
    let inner = dot.and_then(|dot| name.strip_prefix(&log[..dot])?.strip_suffix(&log[dot..]));
    let outer = name.strip_prefix(log).filter(|suffix| !suffix.is_empty());
    let word = outer.or(inner).and_then(|suffix| WORD.captures(suffix));
    let is_number = |group: &[u8]| group.is_empty() || str::from_utf8(group).is_ok_and(|g| g.parse::<u64>().is_ok());
    word.is_some_and(|word| {
        word.get(1).is_none_or(|word| word.as_bytes().split(|b| !b.is_ascii_digit()).all(is_number))
    })
}

/// Of two numbers the lower is the newer archive, of two dates the later.
fn are_in_order(log: &[u8], one: &[u8], other: &[u8]) {
    let number = |digits: &[u8]| -> Option<u64> {
        let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        is_number.then(|| str::from_utf8(digits).ok()?.parse().ok())?
    };
    let (Some(one), Some(other)) = (number(one), number(other)) else { return };
    if log == b"current" {
        return;
    }
    let rank = |number: u64| rank(log, &[log, b".", number.to_string().as_bytes()].concat()).expect("an archive");
    let by_age = match (one >= 10_000, other >= 10_000) {
        (false, false) => one.cmp(&other),
        (true, true) => other.cmp(&one),
        (dated, _) => {
            if dated {
                std::cmp::Ordering::Less
            } else {
                std::cmp::Ordering::Greater
            }
        }
    };
    assert_eq!(rank(one).cmp(&rank(other)), by_age);
}
