//! The names by which files are archives of a log.
//!
//! A rotation scheme is known by nothing else: `log.1`, `log-20261121.gz`, `app-2.log`, `app.2026-11-21_10-00.log`. Names
//! that no rule knows are given with --archives.

use crate::input::decompress;
use std::cmp::Reverse;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The names of a log and of its archives.
#[derive(Clone, Debug)]
pub(crate) struct ArchiveNames {
    log: PathBuf,
    /// The globs of --archives.
    globs: Vec<String>,
    /// With several logs a file that a glob matches belongs to the log with whose stem its name begins.
    only_with_stem: bool,
}

/// The order of archives whose modification times are equal, newest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Log,
    Dated(Reverse<Vec<u64>>),
    Numbered(Vec<u64>),
    Other(Reverse<Vec<u8>>),
}

/// One archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ArchiveName {
    pub(crate) path: PathBuf,
    pub(crate) rank: Rank,
}

impl ArchiveNames {
    /// The names of `log`, one of several logs or not, with further archives where `globs` say.
    pub(crate) fn new(log: &Path, globs: &[String], several: bool) -> ArchiveNames {
        ArchiveNames { log: log.to_owned(), globs: globs.to_vec(), only_with_stem: several }
    }

    /// The name of the log.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// The directories in which an archive may appear, as far as they are known by name.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let of_globs = self.globs.iter().filter_map(|glob| Path::new(glob).parent());
        let named = of_globs.filter(|directory| !directory.as_os_str().as_bytes().contains(&b'*'));
        let mut all = vec![directory_of(&self.log)];
        all.extend(
            named.map(|directory| if directory.as_os_str().is_empty() { ".".into() } else { directory.to_owned() }),
        );
        all
    }

    /// The archives that exist, in no order. An archive that is just being compressed exists twice; only the plain file
    /// is returned then, because the compressed one is incomplete.
    pub(crate) fn archives(&self) -> Vec<ArchiveName> {
        let directory = directory_of(&self.log);
        let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
        let beside = entries.filter_map(|entry| {
            let name = entry.file_name();
            let rank = self.rank(name.as_bytes())?;
            Some(ArchiveName { path: directory.join(&name), rank })
        });
        let mut found: Vec<ArchiveName> = beside.collect();
        let elsewhere = self.globs.iter().filter_map(|glob| glob::glob(glob).ok()).flat_map(|paths| paths.flatten());
        found.extend(elsewhere.filter(|path| self.may_own(path)).map(|path| self.elsewhere(path)));
        let is_plain_too = |archive: &ArchiveName| {
            uncompressed(archive.path.as_os_str().as_bytes())
                .is_some_and(|plain| found.iter().any(|other| other.path.as_os_str().as_bytes() == plain))
        };
        found.iter().filter(|archive| !is_plain_too(archive)).cloned().collect()
    }

    /// True if a file of this name is an archive of the log.
    pub(crate) fn include(&self, path: &Path) -> bool {
        let same_directory = directory_of(path) == directory_of(&self.log);
        let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
        let glob = || self.globs.iter().any(|glob| glob::Pattern::new(glob).is_ok_and(|glob| glob.matches_path(path)));
        same_directory && self.rank(name).is_some() || path != self.log && glob() && self.may_own(path)
    }

    fn elsewhere(&self, path: PathBuf) -> ArchiveName {
        let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
        let rank = self.rank(name).unwrap_or_else(|| Rank::Other(Reverse(name.to_vec())));
        ArchiveName { path, rank }
    }

    fn may_own(&self, path: &Path) -> bool {
        let (stem, _) = stem_and_extension(self.name());
        let name = path.file_name().map(OsStr::as_bytes).unwrap_or_default();
        path != self.log && (!self.only_with_stem || name.starts_with(stem))
    }

    fn name(&self) -> &[u8] {
        self.log.file_name().map(OsStr::as_bytes).unwrap_or_default()
    }

    fn rank(&self, name: &[u8]) -> Option<Rank> {
        rank(self.name(), name)
    }
}

fn directory_of(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// The name without the extension that compression appended.
fn uncompressed(name: &[u8]) -> Option<&[u8]> {
    decompress::KINDS.iter().find_map(|(ending, _)| name.strip_suffix(ending.as_bytes())?.strip_suffix(b"."))
}

fn stem_and_extension(log: &[u8]) -> (&[u8], &[u8]) {
    log.split_at(log.iter().rposition(|&b| b == b'.').filter(|&at| at > 0).unwrap_or(log.len()))
}

pub(crate) fn rank(log: &[u8], name: &[u8]) -> Option<Rank> {
    let plain = uncompressed(name).unwrap_or(name);
    // svlogd, multilog and s6-log: `current` becomes `@` and a TAI64N timestamp.
    if log == b"current" {
        let stamp = plain.strip_prefix(b"@")?;
        let digits = stamp.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        return (digits >= 16).then(|| Rank::Other(Reverse(stamp.to_vec())));
    }
    // log4j2, lumberjack and logrotate's `extension` put the number before the extension: app.log, app-1.log.
    let (stem, extension) = stem_and_extension(log);
    let inner = || plain.strip_prefix(stem)?.strip_suffix(extension);
    let suffix = plain.strip_prefix(log).filter(|suffix| !suffix.is_empty()).or_else(inner)?;
    // pm2 puts two underscores before the date.
    let word =
        suffix.strip_prefix(b"__").or_else(|| suffix.strip_prefix(b".")).or_else(|| suffix.strip_prefix(b"-"))?;
    if word == b"old" {
        return Some(Rank::Other(Reverse(word.to_vec())));
    }
    if !word.first()?.is_ascii_digit() || !word.iter().all(|&b| b.is_ascii_digit() || b"-_.:TZ".contains(&b)) {
        return None;
    }
    let groups = word.split(|b| !b.is_ascii_digit()).filter(|group| !group.is_empty());
    let numbers: Vec<u64> = groups.map(|group| str::from_utf8(group).ok()?.parse().ok()).collect::<Option<_>>()?;
    match numbers.iter().any(|&number| number >= 10_000) || numbers.len() > 2 {
        true => Some(Rank::Dated(Reverse(numbers))),
        false => Some(Rank::Numbered(numbers)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(place: &Path, log: &str) -> Vec<String> {
        let mut found = ArchiveNames::new(&place.join(log), &[], false).archives();
        found.sort_by(|a, b| a.rank.cmp(&b.rank));
        found.iter().map(|a| a.path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn only_the_archives_of_this_very_log_are_found_the_newest_first() {
        let place = tempfile::TempDir::new().unwrap();
        let touch = |names: &[&str]| names.iter().for_each(|name| fs::write(place.path().join(name), "").unwrap());
        touch(&[
            "a.log",
            "aa.log",
            "a.log2",
            "a.log2.1",
            "aa.log.1",
            "a.log.1",
            "a.log.10.gz",
            "a.log.2.gz",
            "a.log.2",
        ]);
        touch(&["a.log.1.swp", "b.log.1", "a.log.old", "a.log.conf", "a.log-", "a.log.", "a.loga", "a.log.1.lz4x"]);
        assert_eq!(found(place.path(), "a.log"), ["a.log.1", "a.log.2", "a.log.10.gz", "a.log.old"]);
        assert_eq!(found(place.path(), "a.log2"), ["a.log2.1"]);
        touch(&[
            "d.log-20261120.gz",
            "d.log-20261121",
            "d.log-20261121-1763700000",
            "d.1.log",
            "d__2026-11-19_00-00.log",
        ]);
        let dated =
            ["d.log-20261121-1763700000", "d.log-20261121", "d.log-20261120.gz", "d__2026-11-19_00-00.log", "d.1.log"];
        assert_eq!(found(place.path(), "d.log"), dated);
        touch(&["current", "@400000006911aaaa00000001.s", "@400000006911aaaa00000002.u", "@home"]);
        assert_eq!(found(place.path(), "current"), ["@400000006911aaaa00000002.u", "@400000006911aaaa00000001.s"]);
        touch(&[
            "f-2026-11-25T10-00-00.000.log.lz4",
            "f.2026-11-25_10-00-00_123456.log",
            "f-25-11-2026.log",
            "f-x.log",
        ]);
        assert_eq!(found(place.path(), "f.log").len(), 3);
    }

    #[test]
    fn names_of_the_usual_schemes_are_in_the_order_of_their_age() {
        for (log, newest_first) in [
            ("l", ["l.1", "l.2.gz", "l.9", "l.10"]),
            ("l", ["l-20270101", "l-20261231.gz", "l-20261130-10", "l-20261130-9"]),
            (
                "app.log",
                ["app.2026-11-30.10.log.gz", "app.2026-11-30.9.log", "app.2026-11-29.1.log", "app.2025-12-31.2.log"],
            ),
            ("app.log", ["app.log.2026-12-01", "app.log.2026-11-30", "app.log.2026-09-30_10-00", "app.log.2025-12-31"]),
            (
                "app.log",
                [
                    "app-2027-01-01T10-00-00.001.log",
                    "app-2027-01-01T10-00-00.000.log.gz",
                    "app-2026-12-31T23-00-00.000.log",
                    "app-2026-02-01T10-00-00.000.log",
                ],
            ),
            (
                "current",
                [
                    "@400000006911aaab00000000.s",
                    "@400000006911aaaa00000001.u",
                    "@400000006911aaaa00000000.s",
                    "@400000006911aaa900000000.s",
                ],
            ),
        ] {
            let place = tempfile::TempDir::new().unwrap();
            newest_first.iter().for_each(|name| fs::write(place.path().join(name), "").unwrap());
            assert_eq!(found(place.path(), log), newest_first);
        }
    }

    #[test]
    fn a_name_that_is_not_utf_8_is_a_name() {
        let place = tempfile::TempDir::new().unwrap();
        let log = place.path().join(OsStr::from_bytes(b"a\xff.log"));
        fs::write(place.path().join(OsStr::from_bytes(b"a\xff.log.1")), "").unwrap();
        assert_eq!(ArchiveNames::new(&log, &[], false).archives().len(), 1);
    }
}
