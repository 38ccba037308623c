//! Who stands at a lock: those who hold it, as far as may be seen from here, and how many wait.
//!
//! `/proc/PID/fdinfo` shows the holders themselves, to their own user and to root. `/proc/locks` shows everybody who
//! *called* flock(2), the holder's caller possibly long gone, and those who wait; it hides other PID namespaces.

use crate::event::time::for_people;
use crate::lock::holders::{self, FileId, Holder, Holds, holds};
use crate::process::pidfd::PidFd;
use crate::process::procfs;
use rustix::process::{Pid, getpid, getppid};
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;

/// Those at one lock.
#[derive(Debug)]
pub struct LockReport {
    holders: Vec<Holder>,
    callers: Vec<Pid>,
    waiting: usize,
}

impl LockReport {
    /// Looks around. Reads all of /proc: for reports only.
    pub fn of(file: &File) -> LockReport {
        let mut holders = file.metadata().map(|found| holders::of(FileId::from(&found))).unwrap_or_default();
        // We ourselves may have inherited a copy, which is no news.
        holders.retain(|holder| holder.pid != getpid());
        let (waiting, granted): (Vec<_>, Vec<_>) =
            flocks(file).unwrap_or_default().into_iter().partition(|lock| lock.waits);
        let callers = granted.into_iter().filter_map(|lock| lock.caller).collect();
        LockReport { holders, callers, waiting: waiting.len() }
    }
}

impl fmt::Display for LockReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |pids: &mut dyn Iterator<Item = String>| pids.collect::<Vec<_>>().join("; ");
        match (&self.holders[..], &self.callers[..]) {
            ([], []) => f.write_str(
                "held by a process that cannot be seen from here (in another PID namespace, or on another host)",
            )?,
            ([], callers) => {
                write!(f, "taken by {}", list(&mut callers.iter().map(|&pid| in_full(&Holder::new(pid)))))?
            }
            (holders, _) => write!(f, "held by {}", list(&mut holders.iter().map(in_full)))?,
        }
        match self.waiting {
            0 => Ok(()),
            1 => f.write_str("; 1 process waits for it"),
            many => write!(f, "; {many} processes wait for it"),
        }
    }
}

/// `12 (sleep 60) of root, running for 3 s`.
fn in_full(holder: &Holder) -> String {
    match (procfs::user(holder.pid), procfs::stat(holder.pid)) {
        (Some(user), Some(stat)) if !stat.zombie => {
            let age = stat.started().elapsed().unwrap_or_default();
            format!("{holder} of {user}, running for {}", for_people(age))
        }
        // Without its line in /proc it may live all the same (hidepid, see proc(5)).
        _ if PidFd::open(holder.pid).is_ok_and(|process| process.is_some_and(|p| p.has_ended().is_ok_and(|e| !e))) => {
            format!("{}, which is hidden from us", holder.pid)
        }
        _ => format!("{}, which has ended and left it to others", holder.pid),
    }
}

/// The processes from an ancestor that holds the lock down to us. That ancestor, as a rule, waits for us.
#[derive(Debug)]
pub struct Deadlock(Vec<Holder>);

/// The ancestry that makes waiting for this lock hopeless, if there is one.
pub fn deadlock(file: &File) -> Option<Deadlock> {
    let identity = FileId::from(&file.metadata().ok()?);
    let mut chain = vec![getpid()];
    let mut ancestors: Vec<Pid> = std::iter::successors(getppid(), |&pid| Pid::from_raw(procfs::stat(pid)?.parent))
        // Longer than any real chain: parents that change while we climb cannot make it endless.
        .take(1000)
        .collect();
    let granted = || flocks(file).unwrap_or_default().into_iter().filter(|lock| !lock.waits);
    let eldest = ancestors.iter().rposition(|&pid| match holds(pid, identity) {
        Holds::Yes => true,
        Holds::No => false,
        Holds::Hidden => granted().any(|lock| lock.caller == Some(pid)),
    })?;
    ancestors.truncate(eldest + 1);
    chain.extend(ancestors);
    Some(Deadlock(chain.into_iter().rev().map(Holder::new).collect()))
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain: Vec<String> = self.0.iter().map(Holder::to_string).collect();
        write!(f, "held by an ancestor of this process, so waiting for it would be a deadlock: {}", chain.join(" > "))
    }
}

/// Whether anybody holds the flock on a file, exclusively or not. Nothing is taken to find out, as a trial would, which
/// makes another's `flock -n` fail that comes at this moment. `None`: /proc/locks may not show it.
///
/// A table of more than a page is read in parts and may miss a lock for once: not for a decision that cannot be repeated.
pub fn is_held(file: &File) -> Option<bool> {
    let held = flocks(file)?.iter().any(|lock| !lock.waits);
    (held || table_shows_all_of(file)).then_some(held)
}

/// Locks taken in other PID namespaces are shown in the first one only, and those taken on other hosts nowhere.
fn table_shows_all_of(file: &File) -> bool {
    // PROC_PID_INIT_INO, the same on every kernel.
    let first = fs::read_link("/proc/self/ns/pid").is_ok_and(|link| link.as_os_str() == "pid:[4026531836]");
    // ext2 to ext4, XFS, Btrfs, F2FS, tmpfs, ramfs, overlays (statfs(2)).
    const LOCAL: [i64; 7] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994, 0x8584_58f6, 0x794c_7630];
    first && rustix::fs::fstatfs(file).is_ok_and(|found| LOCAL.contains(&found.f_type))
}

/// One line of /proc/locks.
#[derive(Debug, PartialEq, Eq)]
struct Flock {
    waits: bool,
    caller: Option<Pid>,
}

/// The flocks on a file; `None` if the table cannot tell.
fn flocks(file: &File) -> Option<Vec<Flock>> {
    let table = short_table(File::open("/proc/locks").ok()?)?;
    Some(parse_flocks(&table, &place_in_table(file)?))
}

/// The table of all the system's locks, unless it is long: the kernel counts through it anew for each page that is read,
/// and with 100,000 locks that takes more than ten seconds.
fn short_table(table: impl Read) -> Option<String> {
    const LONG: u64 = 256 << 10;
    let mut text = String::new();
    table.take(LONG).read_to_string(&mut text).ok()?;
    ((text.len() as u64) < LONG).then_some(text)
}

/// A file as /proc/locks writes it, `08:01:1234`: by the number of its file system, which stat(2) does not tell on btrfs
/// and its like, but the mount table does.
fn place_in_table(file: &File) -> Option<String> {
    let own = fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    let field = |name: &str| own.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find(|line| line.split(' ').next() == field("mnt_id:"))?;
    let (major, minor) = mount.split(' ').nth(2)?.split_once(':')?;
    // Before Linux 5.14 the inode is not told.
    let inode = field("ino:").map_or_else(|| file.metadata().ok().map(|m| m.ino()), |ino| ino.parse().ok())?;
    Some(format!("{:02x}:{:02x}:{inode}", major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
}

fn parse_flocks(table: &str, place: &str) -> Vec<Flock> {
    let flock = |line: &str| {
        let mut words = line.split_ascii_whitespace().skip(1).peekable();
        let waits = words.next_if_eq(&"->").is_some();
        let [kind, _, _, caller, at] = std::array::from_fn(|_| words.next().unwrap_or_default());
        // -1 is no process, and Pid::from_raw takes no such number.
        let caller = caller.parse().ok().filter(|&number| number > 0).and_then(Pid::from_raw);
        (kind == "FLOCK" && at == place).then_some(Flock { waits, caller })
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
        let pid = |number| Pid::from_raw(number);
        let seen = [Flock { waits: false, caller: pid(12) }, Flock { waits: true, caller: pid(13) }];
        assert_eq!(parse_flocks(table, "fe:00:34"), seen);
    }

    #[test]
    fn a_long_table_is_not_read_to_its_end() {
        let mut table = std::io::repeat(b'\n').take(1 << 20);
        assert_eq!(short_table(&mut table), None);
        assert!(table.limit() > 0);
        assert_eq!(short_table(&b"1: FLOCK\n"[..]).as_deref(), Some("1: FLOCK\n"));
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
                .map(|&(waits, _, _, caller, _)| Flock { waits, caller: Pid::from_raw(caller.max(0)) })
                .collect();
            prop_assert_eq!(parse_flocks(&table, "fe:00:34"), expected);
        }

        #[test]
        fn a_table_of_anything_is_no_panic(table in "([0-9]: (-> )?FLOCK|\\PC|[ \n]){0,30}") {
            let _ = parse_flocks(&table, "fe:00:34");
        }
    }
}
