//! A process that is pinned by a pidfd. The PID may be recycled; the descriptor always refers to the same process.
//!
//! A zombie counts as dead: its pidfd is readable before its parent reaps it (pidfd_open(2)).

use crate::error::{Context, Result};
use crate::event::ready_now;
use crate::signal::Signal;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A pinned process.
#[derive(Debug)]
pub struct PidFd {
    pid: Pid,
    fd: OwnedFd,
}

impl PidFd {
    /// Pins the process that has this PID now; `None` if there is none.
    ///
    /// # Errors
    /// A refused pidfd_open(2): descriptors run out, or a seccomp filter denies the call.
    pub fn open(pid: Pid) -> Result<Option<PidFd>> {
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(PidFd { pid, fd })),
            // EINVAL: the number is the ID of a thread, not of a process.
            Err(Errno::SRCH | Errno::INVAL) => Ok(None),
            Err(e @ (Errno::NOSYS | Errno::PERM)) => {
                let needed = "pidfd_open(2) is needed: Linux 5.3 or newer, and a seccomp filter that allows it";
                Err(e).act("hold process", format!("{pid}: {needed}"))
            }
            Err(e) => Err(e).act("hold process", pid),
        }
    }

    /// Whether a living process has this PID now. A process whose main thread has ended while other threads work is
    /// alive; a zombie is not (pidfd_open(2)). Use this for reports only: another process may have the PID a moment
    /// later.
    pub fn is_alive(pid: Pid) -> bool {
        matches!(PidFd::open(pid), Ok(Some(process)) if !process.has_ended().unwrap_or(false))
    }

    /// The PID, for messages.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether the process has ended, reaped or not.
    ///
    /// # Errors
    /// A refused poll(2).
    pub fn has_ended(&self) -> Result<bool> {
        // Race: zombie (docs/races.md)
        ready_now(self.fd.as_fd())
    }

    /// Sends a signal; `false` if the process has ended and been reaped.
    ///
    /// # Errors
    /// EPERM: the process is another user's.
    pub fn signal(&self, signal: Signal) -> Result<bool> {
        self.try_signal(signal).act(&format!("send {signal} to process"), self.pid)
    }

    fn try_signal(&self, signal: Signal) -> std::result::Result<bool, Errno> {
        match rustix::process::Signal::from_named_raw(signal.number()) {
            Some(named) => match pidfd_send_signal(&self.fd, named) {
                Err(Errno::SRCH) => Ok(false),
                sent => sent.map(|()| true),
            },
            None => crate::sys::send_real_time(self.fd.as_fd(), signal),
        }
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
