//! A process that is not our child, held by a pidfd: the number may be recycled, the descriptor never is.
//!
//! A zombie is dead: its pidfd can be read, whoever is to reap it and whenever (pidfd_open(2)).

use crate::error::{Context, Result};
use crate::event::ready_now;
use crate::signal::Signal;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A process, held.
#[derive(Debug)]
pub struct PidFd {
    pid: Pid,
    fd: OwnedFd,
}

impl PidFd {
    /// Takes hold of whoever has this number now; `None` if nobody has.
    ///
    /// # Errors
    /// A refused pidfd_open(2): descriptors run out, or a seccomp filter denies the call.
    pub fn open(pid: Pid) -> Result<Option<PidFd>> {
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(fd) => Ok(Some(PidFd { pid, fd })),
            // EINVAL: the number is a thread's, not a process's.
            Err(Errno::SRCH | Errno::INVAL) => Ok(None),
            Err(e @ (Errno::NOSYS | Errno::PERM)) => {
                let needed = "pidfd_open(2) is needed: Linux 5.3 or newer, and a seccomp filter that allows it";
                Err(e).act("hold process", format!("{pid}: {needed}"))
            }
            Err(e) => Err(e).act("hold process", pid),
        }
    }

    /// Whether a living process has this number now. A process whose main thread has ended while others work is alive, and
    /// a zombie is not (pidfd_open(2)). For reports: the number may be another's a moment later.
    pub fn is_alive(pid: Pid) -> bool {
        matches!(PidFd::open(pid), Ok(Some(process)) if !process.has_ended().unwrap_or(false))
    }

    /// The number, for people.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Whether it has ended, reaped or not.
    ///
    /// # Errors
    /// A refused poll(2).
    pub fn has_ended(&self) -> Result<bool> {
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
