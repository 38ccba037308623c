//! The facts about a process in /proc (proc(5)). They serve reports and second opinions, never the decision to claim.

use crate::open::{self, Links, read_proc};
use crate::pid;
use nix::time::ClockId;
use nix::unistd::{Pid, getpid};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

/// The number of bytes that are read of a line, more than any whole line has.
const PAGE: u64 = 4096;

/// The fields of `/proc/PID/stat` that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Whether it sleeps (state S): it waits for an event, a connection, a child.
    pub asleep: bool,
    /// The PID of its parent; 0 if the parent is outside of our PID namespace.
    pub parent: i32,
    /// The ID of its process group.
    pub group: i32,
    /// The ID of its session.
    pub session: i32,
    /// Its start, in clock ticks since boot.
    pub(crate) started: u64,
}

/// The facts about the process with this PID; `None` if the process is gone or hidden. They do not tell whether it
/// lives: the state is that of its main thread, which may end before the others (see
/// [`crate::process::pidfd::PidFd::is_alive`]).
pub fn stat(pid: Pid) -> Option<Stat> {
    parse_stat(&read(pid, "stat", PAGE)?)
}

/// Whether a process neither runs nor forks: each of its threads is stopped or has ended.
pub fn is_stopped(pid: Pid) -> bool {
    let threads =
        is_ours().then(|| fs::read_dir(format!("/proc/{pid}/task"))).into_iter().flatten().flatten().flatten();
    threads.filter_map(|thread| read(pid, &format!("task/{}/stat", thread.file_name().to_str()?), PAGE)).all(|text| {
        let after_name = text.iter().rposition(|&b| b == b')').map_or(0, |end| end + 2);
        matches!(text.get(after_name), Some(b'T' | b't' | b'Z' | b'X'))
    })
}

/// The beginning of a file of /proc/PID; `None` if /proc shows another PID namespace, or is absent.
fn read(pid: Pid, name: &str, length: u64) -> Option<Vec<u8>> {
    is_ours().then(|| read_proc(&format!("/proc/{pid}/{name}"), length).ok()).flatten()
}

pub(crate) fn parse_stat(text: &[u8]) -> Option<Stat> {
    // The name may contain anything, also ") R 1 (". The fields begin after the *last* parenthesis.
    let after_name = text.iter().rposition(|&b| b == b')')? + 1;
    let fields: Vec<&str> = std::str::from_utf8(&text[after_name..]).ok()?.split_ascii_whitespace().collect();
    Some(Stat {
        asleep: *fields.first()? == "S",
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

impl Stat {
    /// The time of its start since boot (CLOCK_BOOTTIME), in hundredths of a second, rounded down.
    pub fn started_since_boot(&self) -> u64 {
        // USER_HZ is 100 on every architecture that Rust's standard library supports.
        self.started
    }

    /// The time of its start by the wall clock, to the kernel's tick (10 ms).
    pub fn started(&self) -> SystemTime {
        let since_boot = Duration::from_millis(self.started_since_boot().saturating_mul(10));
        // The kernel has had this clock since 2.6.39.
        let uptime = ClockId::CLOCK_BOOTTIME.now().map_or(Duration::ZERO, Duration::from);
        SystemTime::now() - uptime.saturating_sub(since_boot)
    }
}

/// The name of the program, cut after 15 bytes (`comm`, proc(5)): the name by which it was executed, or the name that
/// it has given itself. A zombie still has it.
pub fn name(pid: Pid) -> Option<String> {
    let name = read(pid, "comm", PAGE)?;
    Some(String::from_utf8_lossy(name.trim_ascii_end()).into_owned())
}

/// The command line as a user types it, or the name in brackets if there is none (kernel threads, zombies). It is cut
/// after 4 KiB.
pub fn command_line(pid: Pid) -> Option<String> {
    let line = read(pid, "cmdline", PAGE)?;
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    if line.is_empty() {
        return name(pid).map(|name| format!("[{name}]"));
    }
    // A daemon that writes its state over its arguments pads them with blanks or zeroes.
    Some(String::from_utf8_lossy(line).replace('\0', " ").trim_end().to_owned())
}

/// The PIDs of a process in its PID namespaces, ours first, its own last (`NSpid`, pid_namespaces(7)).
pub fn numbers_in_namespaces(pid: Pid) -> Vec<i32> {
    numbers_of_status(pid, "NSpid:")
}

/// The users that decide who may signal a process: the real one and the saved one (kill(2)). `None` if the process is
/// gone or hidden.
pub fn users(pid: Pid) -> Option<[u32; 2]> {
    let numbers = numbers_of_status(pid, "Uid:");
    Some([*numbers.first()?, *numbers.get(2)?])
}

fn numbers_of_status<T: std::str::FromStr>(pid: Pid, name: &str) -> Vec<T> {
    // The line of groups comes before NSpid, and there may be 65,536 groups.
    let status = read(pid, "status", 1 << 20).unwrap_or_default();
    let status = String::from_utf8_lossy(&status);
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_default().split_ascii_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// The login name of the user that a process runs as, or the number of a user without a name.
pub fn user(pid: Pid) -> Option<String> {
    let uid = is_ours().then(|| fs::symlink_metadata(format!("/proc/{pid}")).ok()).flatten()?.uid();
    Some(user_name(uid))
}

/// The login name of a user, or the number of one without a name.
pub fn user_name(uid: u32) -> String {
    let passwd = open::read_small(Path::new("/etc/passwd"), Links::Follow, 1 << 20).unwrap_or_default();
    let name = String::from_utf8_lossy(&passwd).lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| uid.to_string())
}

/// Whether /proc shows the processes of our own PID namespace. If it shows another one, such as a host's in a
/// container, our PIDs name strangers there, and nothing is looked up.
pub fn is_ours() -> bool {
    static OURS: OnceLock<bool> = OnceLock::new();
    *OURS.get_or_init(|| {
        let us = getpid().as_raw().to_string();
        fs::read_link("/proc/self").is_ok_and(|number| number.as_os_str() == us.as_str())
    })
}

/// All processes that /proc shows.
pub fn processes() -> impl Iterator<Item = Pid> {
    let entries = is_ours().then(|| fs::read_dir("/proc")).into_iter().flatten().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(pid::numbered))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Stdio;

    #[test]
    fn a_name_made_to_confuse_does_not_confuse() {
        let line = b"42 (a) R 1 (b) S 7 42 41 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 1234 99 1";
        let stat = parse_stat(line).expect("a whole line");
        assert_eq!((stat.asleep, stat.parent), (true, 7));
        assert_eq!((stat.group, stat.session, stat.started), (42, 41, 1234));
    }

    #[test]
    fn a_command_line_is_cut() {
        let long = "x".repeat(100_000);
        let mut child =
            std::process::Command::new("sh").args(["-c", "read line", &long]).stdin(Stdio::piped()).spawn().unwrap();
        let pid = pid::numbered(child.id() as i32).unwrap();
        // The parent goes on a moment before the arguments are in their place.
        let line =
            std::iter::repeat_with(|| command_line(pid)).flatten().find(|line| line.starts_with("sh -c")).unwrap();
        child.kill().and_then(|()| child.wait()).unwrap();
        assert!(line.starts_with("sh -c read line xxx") && line.len() <= PAGE as usize, "{}", line.len());
    }

    #[test]
    fn a_process_is_stopped_until_it_is_continued_and_for_ever_once_it_has_ended() {
        use crate::process::pidfd::PidFd;
        use crate::signal::Signal;
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a number"));
        let process = PidFd::open(pid).expect("a pidfd").expect("it lives");
        let becomes = |stopped: bool| while is_stopped(pid) != stopped {};
        assert!(!is_stopped(pid));
        for (signal, stopped) in [(Signal::STOP, true), (Signal::CONT, false), (Signal::KILL, true)] {
            assert!(process.signal(signal).expect("sent"));
            becomes(stopped);
        }
        child.wait().expect("it has ended");
        assert!(is_stopped(pid));
    }

    #[test]
    fn a_line_cut_short_is_no_answer() {
        for line in [&b""[..], b"42", b"42 (x", b"42 (x) S", b"42 (x) S 1 2 3"] {
            assert_eq!(parse_stat(line), None);
        }
    }

    #[test]
    fn a_start_that_no_clock_reaches_is_now() {
        let line = format!("42 (x) S 7 42 41 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 {} 99 1", u64::MAX);
        let began = parse_stat(line.as_bytes()).expect("a whole line").started();
        assert!(began.elapsed().is_ok_and(|age| age < Duration::from_secs(60)), "{began:?}");
    }

    #[test]
    fn this_process_began_in_the_past_minutes() {
        let own = stat(getpid()).expect("our own /proc entry");
        let age = own.started().elapsed().expect("began in the past");
        assert!(age < Duration::from_secs(600), "{age:?}");
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Any 15 bytes may be a name, but for NUL.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(b')'), Just(b'('), Just(b' '), Just(b'R'), Just(b'\n'), b'0'..=b'9', 1..=255u8];
        proptest::collection::vec(byte, 0..=15)
    }

    proptest! {
        #[test]
        fn whatever_its_name_a_process_is_what_the_kernel_says(
            name in name(), state in "[RSDZTtXxKWPI]", parent in 0..4_194_305i32, group in 0..4_194_305i32,
            session in 0..4_194_305i32, started in any::<u32>(),
        ) {
            let after = format!(") {state} {parent} {group} {session} 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 {started} 99 1\n");
            let stat = parse_stat(&[b"42 (", &name[..], after.as_bytes()].concat());
            let expected = Stat {
                asleep: state == "S", parent, group, session,
                started: started.into(),
            };
            prop_assert_eq!(stat, Some(expected));
        }

        #[test]
        fn a_torn_line_is_no_answer_but_never_a_panic(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse_stat(&text);
        }
    }
}
