//! `/proc/locks`: the processes that called flock(2), which may be long gone, and those that wait. It hides other PID
//! namespaces.

use crate::event::filesystem::FileSystem;
use crate::lock::locked_file::LockedFile;
use crate::open;
use crate::pid;
use nix::unistd::Pid;
use std::fs::{self, File};

/// One flock in the table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flock {
    pub(crate) waits: bool,
    /// The process that called flock(2); `None` if it has no PID here.
    pub(crate) caller: Option<Pid>,
}

/// Whether a process holds the flock on a file, exclusive or shared. `None` if /proc/locks may not show it.
///
/// Race: lock-probe (docs/races.md). This reads a table and takes no lock. A trial would make another's `flock -n` fail
/// that comes at the same moment.
///
/// The kernel gives a table of more than a page in parts, and a reader may miss a lock once. So do not use this for a
/// decision that cannot be repeated.
pub fn is_held(file: &File) -> Option<bool> {
    let held = flocks(&LockedFile::of(file).ok()?)?.iter().any(|lock| !lock.waits);
    (held || table_shows_all_of(file)).then_some(held)
}

/// The table shows locks of other PID namespaces only in the first one, and it never shows locks of other hosts.
fn table_shows_all_of(file: &File) -> bool {
    // PROC_PID_INIT_INO, the same on every kernel.
    let first = fs::read_link("/proc/self/ns/pid").is_ok_and(|link| link.as_os_str() == "pid:[4026531836]");
    first && matches!(FileSystem::of_file(file), FileSystem::Local | FileSystem::Overlay)
}

/// The flocks on a file; `None` if the table cannot tell. A long table is not read: the kernel counts through it again
/// for each page, and with 100,000 locks that takes more than ten seconds.
pub(crate) fn flocks(file: &LockedFile) -> Option<Vec<Flock>> {
    const LONG: u64 = 256 << 10;
    let table = open::read_proc("/proc/locks", LONG).ok()?;
    let table = ((table.len() as u64) < LONG).then(|| String::from_utf8_lossy(&table))?;
    Some(parse(&table, &file.in_table()))
}

pub(crate) fn parse(table: &str, file: &str) -> Vec<Flock> {
    let flock = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1).peekable();
        let waits = words.next_if_eq(&"->").is_some();
        let [kind, _, _, caller, at] = std::array::from_fn(|_| words.next().unwrap_or_default());
        // -1 names no process.
        let caller = caller.parse().ok().and_then(pid::numbered);
        (kind == "FLOCK" && at == file).then_some(Flock { waits, caller })
    };
    table.lines().filter_map(flock).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_locks_is_read_by_file_and_kind() {
        let table = "1: FLOCK  ADVISORY  WRITE 12 fe:00:34 0 EOF\n1: -> FLOCK  ADVISORY  WRITE 13 fe:00:34 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 14 fe:00:34 0 EOF\n3: FLOCK  ADVISORY  WRITE 15 fe:00:35 0 EOF\n4: FLOCK";
        let pid = |number| pid::numbered(number);
        let seen = [Flock { waits: false, caller: pid(12) }, Flock { waits: true, caller: pid(13) }];
        assert_eq!(parse(table, "fe:00:34"), seen);
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn only_flocks_of_this_file_are_taken_from_the_table(
            lines in proptest::collection::vec((any::<bool>(), any::<bool>(), any::<bool>(), -1..99i32, any::<bool>()), 0..9)
        ) {
            let line = |&(waits, flock, shared, caller, ours): &(bool, bool, bool, i32, bool)| {
                let arrow = if waits { "-> " } else { "" };
                let kind = if flock { "FLOCK  ADVISORY " } else { "POSIX  ADVISORY " };
                let mode = if shared { "READ " } else { "WRITE" };
                let place = if ours { "fe:00:34" } else { "fe:00:344" };
                format!("1: {arrow}{kind} {mode} {caller} {place} 0 EOF\n")
            };
            let table: String = lines.iter().map(line).collect();
            let expected: Vec<Flock> = lines
                .iter()
                .filter(|&&(_, flock, _, _, ours)| flock && ours)
                .map(|&(waits, _, _, caller, _)| Flock { waits, caller: pid::numbered(caller) })
                .collect();
            prop_assert_eq!(parse(&table, "fe:00:34"), expected);
        }

        #[test]
        fn a_table_of_anything_is_no_panic(table in "([0-9]: (-> )?FLOCK|\\PC|[ \n]){0,30}") {
            let _ = parse(&table, "fe:00:34");
        }
    }
}
