//! The system calls that nix lacks, or gives in a form that cannot be used here. They come from rustix, which no other
//! module names. Each function returns nix's `Errno`.
//!
//! The rule for system calls: nix first; fs4 for flock(2); this module for the rest. For a call that has no safe function
//! anywhere, a function of [`super`] calls the C library.
//!
//! | Call | Why not nix |
//! |---|---|
//! | pidfd_open(2), pidfd_getfd(2), statx(2), nice(2), TIOCGWINSZ | nix has no safe function |
//! | fsetxattr(2), fgetxattr(2) | nix has no function |
//! | waitpid(2) | nix returns EINVAL for a child that a real-time signal has ended, and drops its PID |
//! | sendmsg(2) with descriptors | nix puts them into memory that need not have the alignment of a header |
//! | recvmsg(2) | nix gives no credentials of a message with descriptors for which there was no room |

use nix::errno::Errno;
use nix::unistd::Pid;
use rustix::fs::{AtFlags, CWD, Statx, StatxFlags, XattrFlags};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, WaitOptions};
use std::ffi::CStr;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

fn theirs(pid: Pid) -> Result<rustix::process::Pid, Errno> {
    Some(pid.as_raw()).filter(|&number| number > 0).and_then(rustix::process::Pid::from_raw).ok_or(Errno::ESRCH)
}

fn ours(pid: rustix::process::Pid) -> Pid {
    Pid::from_raw(pid.as_raw_pid())
}

/// Opens a descriptor of a process (pidfd_open(2)). Children do not inherit it.
///
/// # Errors
/// ESRCH: there is no such process.
pub fn pidfd_open(pid: Pid) -> Result<OwnedFd, Errno> {
    rustix::process::pidfd_open(theirs(pid)?, PidfdFlags::empty()).map_err(errno)
}

/// Opens a copy of a descriptor of another process (pidfd_getfd(2)). Children do not inherit it.
///
/// # Errors
/// EPERM: the process may not be traced. EBADF: the process has no such descriptor.
pub(crate) fn pidfd_getfd(process: impl AsFd, number: i32) -> Result<OwnedFd, Errno> {
    rustix::process::pidfd_getfd(process, number, PidfdGetfdFlags::empty()).map_err(errno)
}

/// Writes an extended attribute of a file (fsetxattr(2)). Async-signal-safe.
///
/// # Errors
/// EACCES, EPERM: the caller may not write the file. EOPNOTSUPP: the file system has no such attributes.
pub(super) fn set_attribute(file: BorrowedFd<'_>, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    rustix::fs::fsetxattr(file, name, value, XattrFlags::empty()).map_err(errno)
}

/// Reads an extended attribute of a file into `value`, and returns its length (fgetxattr(2)).
///
/// # Errors
/// ENODATA: the file has no such attribute. ERANGE: it is longer than `value`.
pub(super) fn get_attribute(file: BorrowedFd<'_>, name: &CStr, value: &mut [u8]) -> Result<usize, Errno> {
    rustix::fs::fgetxattr(file, name, value).map_err(errno)
}

/// Waits for the end of a child, and reaps it (waitpid(2)).
///
/// # Errors
/// EINTR; ECHILD: there is no such child.
pub fn wait_for(child: Pid) -> Result<ExitStatus, Errno> {
    match rustix::process::waitpid(Some(theirs(child)?), WaitOptions::empty()).map_err(errno)? {
        Some((_, status)) => Ok(ExitStatus::from_raw(status.as_raw())),
        // Only WNOHANG lets waitpid(2) return without a child.
        None => Err(Errno::EINTR),
    }
}

/// Reaps one child that has ended (waitpid(2), WNOHANG); `None` if all children live.
///
/// # Errors
/// EINTR; ECHILD: there is no child.
pub fn reap_any() -> Result<Option<Pid>, Errno> {
    let reaped = rustix::process::wait(WaitOptions::NOHANG).map_err(errno)?;
    Ok(reaped.map(|(pid, _)| ours(pid)))
}

/// Reaps one child in a process group that has ended (waitpid(2), WNOHANG); `None` if all of them live.
///
/// # Errors
/// EINTR; ECHILD: there is no child in the group.
pub fn reap_any_in(group: Pid) -> Result<Option<Pid>, Errno> {
    let reaped = rustix::process::waitpgid(theirs(group)?, WaitOptions::NOHANG).map_err(errno)?;
    Ok(reaped.map(|(pid, _)| ours(pid)))
}

/// Adds to the nice value (nice(2)). Async-signal-safe.
pub(crate) fn nice(steps: i32) -> Result<(), Errno> {
    rustix::process::nice(steps).map(drop).map_err(errno)
}

/// The number of columns of a terminal (TIOCGWINSZ(2const)).
///
/// # Errors
/// ENOTTY: it is no terminal.
pub fn columns(terminal: impl AsFd) -> Result<u16, Errno> {
    rustix::termios::tcgetwinsize(terminal).map(|size| size.ws_col).map_err(errno)
}

/// The birth of the file at a path, in nanoseconds since the epoch (statx(2), STATX_BTIME); `None` if the file system
/// has no such time.
///
/// # Errors
/// ENOENT; EACCES: a directory of the path cannot be searched.
pub fn birth_at(path: &Path) -> Result<Option<u64>, Errno> {
    rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::BTIME).map(|found| birth(&found)).map_err(errno)
}

/// The birth of an open file, as [`birth_at`] gives it.
///
/// # Errors
/// ENOSYS: the kernel is older than 4.11.
pub fn birth_of(file: impl AsFd) -> Result<Option<u64>, Errno> {
    rustix::fs::statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BTIME).map(|found| birth(&found)).map_err(errno)
}

fn birth(found: &Statx) -> Option<u64> {
    let known = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    known.then(|| found.stx_btime.tv_sec as u64 * 1_000_000_000 + u64::from(found.stx_btime.tv_nsec))
}

/// Sends some bytes, and at most two descriptors with them (sendmsg(2), SCM_RIGHTS). No SIGPIPE comes of it.
///
/// # Errors
/// EAGAIN: the queue of the receiver is full. ETOOMANYREFS: too many descriptors are sent and not yet received.
pub fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::EINVAL);
    }
    let sent = rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL);
    sent.map(drop).map_err(errno)
}

/// The credentials of the process that has sent a datagram (unix(7), SCM_CREDENTIALS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Its PID.
    pub pid: Pid,
    /// Its user.
    pub uid: u32,
}

/// Receives a datagram and its sender, and waits for none (recvmsg(2)). The socket must have SO_PASSCRED. There is room
/// for the credentials only, so the kernel closes descriptors that come along.
///
/// # Errors
/// EINTR; EAGAIN: no datagram is there.
pub fn receive_with_sender(socket: impl AsFd, room: &mut [u8]) -> Result<(usize, Option<Credentials>), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = rustix::net::recvmsg(socket, &mut [IoSliceMut::new(room)], &mut ancillary, RecvFlags::DONTWAIT);
    let got = got.map_err(errno)?;
    let sender = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmCredentials(sender) => {
            Some(Credentials { pid: ours(sender.pid), uid: sender.uid.as_raw() })
        }
        _ => None,
    });
    Ok((got.bytes, sender))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pid;
    use std::io::Read;
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    const REAL_TIME: i32 = 40;

    /// A child that leads a process group, and that a real-time signal ends.
    #[allow(clippy::zombie_processes, reason = "the tests reap it")]
    fn ended_by_a_real_time_signal() -> Pid {
        let script = format!("kill -{REAL_TIME} $$");
        pid::of_child(&Command::new("sh").args(["-c", &script]).process_group(0).spawn().expect("a shell"))
    }

    #[test]
    fn the_end_by_a_real_time_signal_is_seen() {
        let status = wait_for(ended_by_a_real_time_signal()).expect("our own child");
        assert_eq!(status.signal(), Some(REAL_TIME));
        let group = ended_by_a_real_time_signal();
        let reaped = std::iter::repeat_with(|| reap_any_in(group).expect("our own child")).find_map(|reaped| reaped);
        assert_eq!((reaped, reap_any_in(group)), (Some(group), Err(Errno::ECHILD)));
    }

    #[test]
    fn a_number_that_is_no_pid_reaches_no_group() {
        for number in [0, -1] {
            assert_eq!(wait_for(Pid::from_raw(number)), Err(Errno::ESRCH));
            assert_eq!(pidfd_open(Pid::from_raw(number)).map(drop), Err(Errno::ESRCH));
        }
    }

    #[test]
    fn a_sender_is_known_although_its_descriptors_are_too_many() {
        let (ours, theirs) = UnixDatagram::pair().expect("a pair");
        nix::sys::socket::setsockopt(&ours, nix::sys::socket::sockopt::PassCred, &true).expect("credentials");
        let (mut reader, writer) = UnixStream::pair().expect("a pair");
        send(&theirs, b"READY=1", &[writer.as_fd()]).expect("room");
        drop(writer);
        let mut room = [0; 64];
        let (length, sender) = receive_with_sender(&ours, &mut room).expect("a datagram");
        assert_eq!(&room[..length], b"READY=1");
        assert_eq!(sender.map(|sender| sender.pid), Some(nix::unistd::getpid()));
        assert_eq!(reader.read(&mut [0]).expect("a socket"), 0, "the kernel has closed the descriptor that came along");
        assert_eq!(receive_with_sender(&ours, &mut room), Err(Errno::EAGAIN));
    }

    #[test]
    fn descriptors_for_which_there_is_no_room_are_not_sent() {
        let (_ours, theirs) = UnixDatagram::pair().expect("a pair");
        assert_eq!(send(&theirs, b"x", &[theirs.as_fd(); 8]), Err(Errno::EINVAL));
    }
}
