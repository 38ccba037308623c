//! The texts of /proc are read as regular expressions read them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use racefree::fuzzed::{Lock, device_of_mount, fdinfo, flocks, stat};
use regex::{Captures, Regex, bytes};
use std::sync::LazyLock;

fuzz_target!(|bytes: &[u8]| {
    stat_is_read(bytes);
    let text = String::from_utf8_lossy(bytes);
    flocks_are_read(&text);
    fdinfo_is_read(&text);
    mount_is_read(&text);
});

static STAT: LazyLock<bytes::Regex> = LazyLock::new(|| {
    let number = r"[ \t\n\f\r]+([^ \t\n\f\r]+)";
    let skipped = r"[ \t\n\f\r]+[^ \t\n\f\r]+";
    let fields = format!("{number}{number}{number}(?:{skipped}){{15}}{number}");
    bytes::Regex::new(&format!(r"(?s-u)^[ \t\n\f\r]*([^ \t\n\f\r]+){fields}([ \t\n\f\r].*)?$")).expect("a pattern")
});

fn stat_is_read(text: &[u8]) {
    // The name ends at the last parenthesis. What stands after it is ASCII.
    let after_name = text.rsplit(|&b| b == b')').next().filter(|rest| rest.len() < text.len()).unwrap_or_default();
    let fields = STAT.captures(after_name).filter(|_| str::from_utf8(after_name).is_ok());
    let expected = fields.and_then(|fields| {
        let word = |group: usize| str::from_utf8(fields.get(group).expect("a group").as_bytes()).expect("UTF-8");
        let number = |group| word(group).parse().ok();
        Some((word(1) == "S", [number(2)?, number(3)?, number(4)?], word(5).parse().ok()?))
    });
    assert_eq!(stat(text), expected);
}

/// The number of a lock, its kind, whether it is advisory, its mode, its caller, its file, and its range.
fn lock(arrow: &str) -> Regex {
    let (blank, word) = (r"[ \t\n\f\r]+", r"([^ \t\n\f\r]+)");
    let several = [word; 5].join(blank);
    let range = format!("{blank}{word}{blank}{word}");
    Regex::new(&format!(r"^[ \t\n\f\r]*[^ \t\n\f\r]+{blank}{arrow}{several}(?:{range})?")).expect("a pattern")
}

/// Only the table of all locks has those that wait.
static FLOCK: LazyLock<Regex> = LazyLock::new(|| lock(r"(->[ \t\n\f\r]+)?"));
static LOCK: LazyLock<Regex> = LazyLock::new(|| lock("()"));

fn caller(number: &str) -> Option<i32> {
    number.parse().ok().filter(|&number| number > 0)
}

fn flocks_are_read(table: &str) {
    const FILE: &str = "fe:00:34";
    let lines = table.split('\n').filter_map(|line| FLOCK.captures(line));
    let ours = lines.filter(|line| &line[2] == "FLOCK" && &line[6] == FILE);
    let expected: Vec<_> = ours.map(|line| (line.get(1).is_some(), caller(&line[5]))).collect();
    assert_eq!(flocks(table, FILE), expected);
}

static FLAGS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^flags:(.*)$").expect("a pattern"));

fn fdinfo_is_read(text: &str) {
    let (writable, locks) = fdinfo(text);
    let flags = FLAGS.captures(text).and_then(|line| u32::from_str_radix(line[1].trim(), 8).ok());
    assert_eq!(writable, flags.is_some_and(|flags| flags % 4 != 0));
    let lines = text.split('\n').filter_map(|line| line.strip_prefix("lock:"));
    let lines: Vec<Captures<'_>> = lines.filter_map(|line| LOCK.captures(line)).collect();
    let expected: Vec<Lock<'_>> = lines.iter().filter_map(lock_of_descriptor).collect();
    assert_eq!(locks, expected);
}

fn lock_of_descriptor<'a>(line: &Captures<'a>) -> Option<Lock<'a>> {
    let word = |group: usize| line.get(group).map(|word| word.as_str());
    let end = match word(8)? {
        "EOF" => i64::MAX,
        end => end.parse().ok()?,
    };
    Some(([word(2)?, word(4)?, word(6)?], caller(word(5)?), [word(7)?.parse().ok()?, end]))
}

static MOUNT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^29(?: .*)?$").expect("a pattern"));
static DEVICE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^29 [^ ]* ([^ :]*):([^ ]*)(?: .*)?$").expect("a pattern"));

fn mount_is_read(mounts: &str) {
    let first = MOUNT.find(mounts).map_or("", |line| line.as_str());
    let device = DEVICE.captures(first.strip_suffix('\r').unwrap_or(first));
    let numbers = device.and_then(|line| Some((line[1].parse().ok()?, line[2].parse().ok()?)));
    assert_eq!(device_of_mount(mounts, "29"), numbers);
}
