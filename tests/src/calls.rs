//! The system calls of a program as the claim knows them: what is opened, locked, asked, written, in which order.

use crate::{Steps, Stop};
use nix::libc;
use std::fs;
use std::os::unix::fs::FileExt;

/// Beyond the largest PID: the place of the restart lock.
const RESTART_LOCK: i64 = (1 << 22) + 1;

/// What a call does to a PID file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// open(2).
    Open,
    /// flock(2), exclusive: asked for.
    Flock,
    /// flock(2), shared: asked for.
    Probe,
    /// flock(2): given back.
    Unlock,
    /// The path is looked at again: is it still the same file?
    LookAtPath,
    /// The restart lock: asked for.
    TakeRestartLock,
    /// The restart lock: tested.
    TestRestartLock,
    /// The restart lock: given back.
    FreeRestartLock,
    /// F_GETLK on bytes of PIDs.
    AskBytes,
    /// F_SETLK on the byte of a PID.
    LockByte,
    /// The text is read.
    ReadText,
    /// The text is written.
    Write,
    /// The file is cut to a length.
    Cut,
    /// A process is held.
    Hold,
    /// A signal is sent through a pidfd.
    Signal,
    /// fork(2).
    Fork,
    /// execve(2).
    Exec,
}

impl Call {
    /// Whether the call changes nothing and takes nothing.
    pub fn only_looks(self) -> bool {
        matches!(self, Call::LookAtPath | Call::AskBytes | Call::ReadText | Call::Hold | Call::TestRestartLock)
    }
}

/// The calls of a program that concern a PID file, from its start on: (process, call). Looks that are repeated are one.
///
/// # Panics
/// ptrace(2) fails.
pub fn of(steps: &mut Steps, file: &str) -> Vec<(i32, Call)> {
    let mut calls: Vec<(i32, Call)> = Vec::new();
    while let Some(stop) = steps.step() {
        if let Some(call) = call(&stop, file) {
            let call = (stop.pid, call);
            // A COMMAND without a slash is tried in each directory of PATH.
            let once = call.1.only_looks() || call.1 == Call::Exec;
            if !once || calls.last() != Some(&call) {
                calls.push(call);
            }
        }
    }
    calls
}

/// What the call does to a PID file; `None` if it does not concern it.
pub fn call(stop: &Stop, file: &str) -> Option<Call> {
    let [first, second, third, ..] = stop.arguments;
    let is_file = |fd: u64| {
        let link = fs::read_link(format!("/proc/{}/fd/{}", stop.pid, fd as i32));
        link.is_ok_and(|link| link.file_name().is_some_and(|name| name == file))
    };
    let names_it = |pointer: u64| {
        let path = string(stop.pid, pointer);
        match path.strip_prefix("/proc/self/fd/").and_then(|number| number.parse().ok()) {
            // What was found by its name first is opened by its descriptor.
            Some(number) => is_file(number),
            None => path.rsplit('/').next() == Some(file),
        }
    };
    match stop.call {
        libc::SYS_open if names_it(first) && second & libc::O_PATH as u64 == 0 => Some(Call::Open),
        libc::SYS_openat if names_it(second) && third & libc::O_PATH as u64 == 0 => Some(Call::Open),
        // Its flags are the first field of the structure that the third argument points to.
        libc::SYS_openat2 if names_it(second) && memory(stop.pid, third, 24)[2] & (libc::O_PATH >> 16) as u8 == 0 => {
            Some(Call::Open)
        }
        libc::SYS_newfstatat | libc::SYS_statx if names_it(second) => Some(Call::LookAtPath),
        libc::SYS_stat | libc::SYS_lstat if names_it(first) => Some(Call::LookAtPath),
        libc::SYS_flock if is_file(first) => Some(match second as i32 & !libc::LOCK_NB {
            libc::LOCK_EX => Call::Flock,
            libc::LOCK_SH => Call::Probe,
            _ => Call::Unlock,
        }),
        libc::SYS_fcntl if is_file(first) => record_lock(stop),
        libc::SYS_pread64 | libc::SYS_read if is_file(first) => Some(Call::ReadText),
        libc::SYS_pwrite64 | libc::SYS_write if is_file(first) => Some(Call::Write),
        libc::SYS_ftruncate if is_file(first) => Some(Call::Cut),
        libc::SYS_pidfd_open => Some(Call::Hold),
        libc::SYS_pidfd_send_signal if second != 0 => Some(Call::Signal),
        libc::SYS_fork | libc::SYS_vfork | libc::SYS_clone | libc::SYS_clone3 => Some(Call::Fork),
        libc::SYS_execve => Some(Call::Exec),
        _ => None,
    }
}

fn record_lock(stop: &Stop) -> Option<Call> {
    let command = stop.arguments[1] as i32;
    let locks = [libc::F_SETLK, libc::F_SETLKW, libc::F_OFD_SETLK, libc::F_OFD_SETLKW];
    let asks = [libc::F_GETLK, libc::F_OFD_GETLK];
    if !locks.contains(&command) && !asks.contains(&command) {
        return None;
    }
    let bytes = memory(stop.pid, stop.arguments[2], 24);
    let number = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let (kind, start) = (i16::from_le_bytes([bytes[0], bytes[1]]), number(8));
    Some(match (asks.contains(&command), start == RESTART_LOCK) {
        (true, true) => Call::TestRestartLock,
        (true, false) => Call::AskBytes,
        (false, true) if i32::from(kind) == libc::F_UNLCK => Call::FreeRestartLock,
        (false, true) => Call::TakeRestartLock,
        (false, false) => Call::LockByte,
    })
}

fn memory(pid: i32, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let file = fs::File::open(format!("/proc/{pid}/mem")).expect("a tracee");
    let read = file.read_at(&mut bytes, address).unwrap_or(0);
    bytes.truncate(read.max(length.min(24)));
    bytes
}

fn string(pid: i32, address: u64) -> String {
    let bytes = memory(pid, address, 256);
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(0);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}
