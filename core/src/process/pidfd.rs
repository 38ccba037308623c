//! A process that is pinned by a pidfd. The PID may be recycled; the descriptor always refers to the same process.
//!
//! A zombie counts as dead: its pidfd is readable before its parent reaps it (pidfd_open(2)).

use crate::error::{Context, Result};
use crate::event::ready_now;
use crate::signal::Signal;
use crate::sys::beyond_nix::pidfd_open;
use crate::sys::send_signal;
use nix::errno::Errno;
use nix::unistd::Pid;
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
        match pidfd_open(pid) {
            Ok(fd) => Ok(Some(PidFd { pid, fd })),
            // EINVAL, on newer kernels ENOENT: the number is the ID of a thread, not of a process.
            Err(Errno::ESRCH | Errno::EINVAL | Errno::ENOENT) => Ok(None),
            Err(e @ (Errno::ENOSYS | Errno::EPERM)) => {
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
        send_signal(&self.fd, signal).act(&format!("send {signal} to process"), self.pid)
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_thread_is_no_process() {
        let opened = std::thread::spawn(|| PidFd::open(nix::unistd::gettid()).unwrap().is_none()).join();
        assert!(opened.unwrap());
    }
}
