//! The locks of a process, as /proc/PID/fdinfo lists them for its descriptors (proc_pid_fdinfo(5)).
//!
//! Only this text is read. A look at the file behind another process's descriptor could hang for ever on a dead file
//! system.

use crate::event::deadline::Deadline;
use crate::lock::locked_file::LockedFile;
use crate::open::read_proc;
use crate::pid;
use crate::process::pidfd::PidFd;
use crate::process::procfs;
use nix::unistd::Pid;
use std::io;
use std::os::fd::RawFd;

/// A descriptor by which a process holds the flock on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The number of the descriptor in that process.
    pub number: RawFd,
    /// Whether it is open for writing.
    pub writable: bool,
    /// The process that called flock(2); `None` if it has no PID here, or has ended.
    pub taker: Option<Pid>,
}

/// Finds the descriptor by which a process holds the flock on the file.
///
/// # Errors
/// EACCES: the descriptors may not be read. ENOENT: the process is gone. ETIMEDOUT: it has too many descriptors.
pub fn flocked_descriptor(pid: Pid, file: LockedFile, deadline: Deadline) -> io::Result<Option<Descriptor>> {
    flocked_descriptor_among(usize::MAX, pid, file, deadline)
}

/// Finds it among the first descriptors of the process, this many of them.
///
/// # Errors
/// As [`flocked_descriptor`]; ETIMEDOUT also if it is not among them, and there are more.
pub(crate) fn flocked_descriptor_among(
    first: usize,
    pid: Pid,
    file: LockedFile,
    deadline: Deadline,
) -> io::Result<Option<Descriptor>> {
    let at = file.in_table();
    // A descriptor has one flock. The list gives it before the record locks, of which there may be many.
    find(pid, Reach { first, longest: 1024, deadline }, |number, info| {
        let flock = locks(info).find(|lock| lock.kind == "FLOCK" && lock.file == at)?;
        Some(Descriptor { number, writable: is_writable(info), taker: flock.caller })
    })
}

/// True if the process inherited the flock, and the process that called flock(2) no longer has it: a worker that
/// outlived its daemon. A process that called flock(2) itself, or that the caller has started, is on its way to a
/// claim.
pub fn has_inherited(pid: Pid, file: LockedFile, deadline: Deadline) -> bool {
    match flocked_descriptor(pid, file, deadline) {
        Ok(Some(Descriptor { taker: Some(taker), .. })) => {
            taker != pid && (!PidFd::is_alive(taker) || matches!(flocked_descriptor(taker, file, deadline), Ok(None)))
        }
        Ok(Some(Descriptor { taker: None, .. })) => true,
        Ok(None) | Err(_) => false,
    }
}

/// Whether the process itself owns a record lock, for writing, on this byte of the file (fcntl(2), F_SETLK).
///
/// The list belongs to the process's own table of descriptors. A process that has got the PID of a lock's dead owner
/// has another list.
///
/// # Errors
/// As for [`flocked_descriptor`].
pub fn owns_byte(pid: Pid, file: LockedFile, byte: i64, deadline: Deadline) -> io::Result<bool> {
    let at = file.in_table();
    let owns = |lock: &Lock<'_>| {
        lock.kind == "POSIX" && lock.mode == "WRITE" && lock.file == at && (lock.start..=lock.end).contains(&byte)
    };
    find(pid, Reach { first: usize::MAX, longest: 1 << 20, deadline }, |_, info| {
        locks(info).any(|lock| owns(&lock)).then_some(())
    })
    .map(|found| found.is_some())
}

/// One `lock:` line: `1: POSIX  ADVISORY  WRITE 1234 fe:01:5678 1234 1234`.
pub(crate) struct Lock<'a> {
    pub(crate) kind: &'a str,
    pub(crate) mode: &'a str,
    pub(crate) caller: Option<Pid>,
    pub(crate) file: &'a str,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

pub(crate) fn locks(info: &str) -> impl Iterator<Item = Lock<'_>> {
    info.lines().filter_map(|line| {
        let mut words = line.strip_prefix("lock:")?.split_ascii_whitespace().skip(1);
        let (kind, _advisory, mode, caller) = (words.next()?, words.next()?, words.next()?, words.next()?);
        // -1 names no process, and 0 a process in another PID namespace.
        let caller = caller.parse().ok().and_then(pid::numbered);
        let (file, start, end) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        let end = if end == "EOF" { i64::MAX } else { end.parse().ok()? };
        Some(Lock { kind, mode, caller, file, start, end })
    })
}

pub(crate) fn is_writable(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok()).is_some_and(|flags| flags & 0o3 != 0)
}

/// The limits of a look at a process, which decides itself how many descriptors and locks it has.
#[derive(Clone, Copy)]
struct Reach {
    /// The number of descriptors that are looked at.
    first: usize,
    /// The number of bytes that are read of each.
    longest: u64,
    deadline: Deadline,
}

/// Looks at the descriptors of a process in the order of their numbers, until `wanted` finds one.
fn find<T>(pid: Pid, reach: Reach, wanted: impl Fn(RawFd, &str) -> Option<T>) -> io::Result<Option<T>> {
    if !procfs::is_ours() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    match find_in(&format!("/proc/{pid}/fdinfo"), reach, &wanted)? {
        Listed::Found(found) => return Ok(Some(found)),
        Listed::Others => return Ok(None),
        Listed::Nothing => {}
    }
    // The main thread may have ended and have no table any more. The other threads share one.
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let list = thread?.path().join("fdinfo");
        match find_in(&list.to_string_lossy(), reach, &wanted)? {
            Listed::Found(found) => return Ok(Some(found)),
            Listed::Others => return Ok(None),
            Listed::Nothing if reach.deadline.passed() => return Err(io::ErrorKind::TimedOut.into()),
            Listed::Nothing => {}
        }
    }
    Ok(None)
}

/// The result of a look at a list of descriptors.
enum Listed<T> {
    Found(T),
    /// The list has descriptors, and not the wanted one.
    Others,
    Nothing,
}

fn find_in<T>(list: &str, reach: Reach, wanted: impl Fn(RawFd, &str) -> Option<T>) -> io::Result<Listed<T>> {
    let mut listed = Listed::Nothing;
    for (place, descriptor) in std::fs::read_dir(list)?.enumerate() {
        if place == reach.first || place > 0 && reach.deadline.passed() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let Some(number) = descriptor?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        listed = Listed::Others;
        // The descriptor may be closed by now.
        let info = match read_proc(&format!("{list}/{number}"), reach.longest) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            info => info?,
        };
        if let Some(found) = wanted(number, &String::from_utf8_lossy(&info)) {
            return Ok(Listed::Found(found));
        }
    }
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    const INFO: &str = "pos:\t0\nflags:\t02100002\nmnt_id:\t29\nino:\t34\n\
        lock:\t1: FLOCK  ADVISORY  WRITE 12 fe:00:34 0 EOF\nlock:\t2: POSIX  ADVISORY  WRITE 12 fe:00:34 7 7\n\
        lock:\t3: POSIX  ADVISORY  READ 12 fe:00:34 9 9\nlock:\t4: broken\n";

    #[test]
    fn the_lines_of_a_descriptor_are_read_by_kind_file_and_range() {
        let seen: Vec<_> = locks(INFO).map(|lock| (lock.kind, lock.mode, lock.start, lock.end)).collect();
        assert_eq!(seen, [("FLOCK", "WRITE", 0, i64::MAX), ("POSIX", "WRITE", 7, 7), ("POSIX", "READ", 9, 9)]);
        assert!(is_writable(INFO));
        assert!(!is_writable("flags:\t02100000\n"));
        assert!(!is_writable(""));
    }

    #[test]
    fn a_process_owns_the_byte_that_it_has_locked_and_no_other() {
        let file = tempfile::tempfile().unwrap();
        let (own, key) = (nix::unistd::getpid(), LockedFile::of(&file).unwrap());
        let by = Deadline::after(Duration::from_secs(30));
        let byte = i64::from(own.as_raw());
        assert!(!owns_byte(own, key, byte, by).unwrap());
        crate::sys::steps::Step::LockOwnByte(file.as_raw_fd(), 0).take().unwrap();
        assert!(owns_byte(own, key, byte, by).unwrap());
        assert!(!owns_byte(own, key, byte + 1, by).unwrap());
        assert_eq!(flocked_descriptor(own, key, by).unwrap(), None);
        fs4::FileExt::try_lock(&file).unwrap();
        let descriptor = Descriptor { number: file.as_raw_fd(), writable: true, taker: Some(own) };
        assert_eq!(flocked_descriptor(own, key, by).unwrap(), Some(descriptor));
    }
}
