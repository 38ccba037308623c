//! Which files beside a log are its archives, by their names alone, and in which order they were written.

use crate::input::decompress;
use std::cmp::Reverse;
use std::fs;
use std::path::{Path, PathBuf};

/// The archives of this log and of no other, the newest first: `log.1`, `log.2.gz`, `log-20261121`, `log.old`.
pub(crate) fn rotated_names(log: &Path) -> Vec<PathBuf> {
    let Some(name) = log.file_name().and_then(|name| name.to_str()) else { return vec![] };
    let directory = log.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let mut ranked: Vec<(Rank, &String)> =
        names.iter().filter_map(|sibling| Some((rank(name, sibling)?, sibling))).collect();
    // While it is being compressed a file is there twice, the second time cut short.
    ranked.retain(|(_, sibling)| !uncompressed(sibling).is_some_and(|plain| names.iter().any(|name| name == plain)));
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, sibling)| directory.join(sibling)).collect()
}

/// The order of archives: those with a date first, for who turns dates on leaves the numbered ones behind.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Dated(Reverse<String>),
    Numbered(u64),
    Old,
}

/// The name without the ending that compression gave it.
fn uncompressed(name: &str) -> Option<&str> {
    decompress::KINDS.iter().find_map(|(ending, _)| name.strip_suffix(ending)?.strip_suffix('.'))
}

fn rank(log: &str, sibling: &str) -> Option<Rank> {
    let plain = uncompressed(sibling).unwrap_or(sibling);
    // logrotate's `extension .log` puts the number before it: app.log, app.1.log.
    let (stem, extension) = log.rsplit_once('.').map_or((log, ""), |(stem, _)| (stem, &log[stem.len()..]));
    let inner = || plain.strip_prefix(stem)?.strip_suffix(extension);
    let suffix = plain.strip_prefix(log).or_else(inner)?;
    let word = suffix.strip_prefix(['.', '-'])?;
    if word == "old" {
        return Some(Rank::Old);
    }
    if !word.starts_with(|c: char| c.is_ascii_digit())
        || !word.chars().all(|c| c.is_ascii_digit() || "-_.:T".contains(c))
    {
        return None;
    }
    match word.parse() {
        Ok(number) if word.len() < 5 => Some(Rank::Numbered(number)),
        _ => Some(Rank::Dated(Reverse(word.to_owned()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_archives_of_this_very_log_are_read_the_newest_first() {
        let place = tempfile::TempDir::new().unwrap();
        for name in [
            "a.log",
            "aa.log",
            "a.log2",
            "a.log2.1",
            "aa.log.1",
            "a.log.1",
            "a.log.10.gz",
            "a.log.2.gz",
            "a.log.2",
            "a.log.1.swp",
            "b.log.1",
            "a.log.old",
            "a.log.conf",
            "a.log-",
            "a.log.",
        ] {
            fs::write(place.path().join(name), "").unwrap();
        }
        let found = |log: &str| -> Vec<String> {
            let found = rotated_names(&place.path().join(log));
            found.iter().map(|p| p.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(found("a.log"), ["a.log.1", "a.log.2", "a.log.10.gz", "a.log.old"]);
        assert_eq!(found("a.log2"), ["a.log2.1"]);
        for name in ["d.log-20261120.gz", "d.log-20261121", "d.log-20261121-1763700000", "d.1.log"] {
            fs::write(place.path().join(name), "").unwrap();
        }
        assert_eq!(found("d.log"), ["d.log-20261121-1763700000", "d.log-20261121", "d.log-20261120.gz", "d.1.log"]);
    }
}
