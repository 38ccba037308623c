//! `pid:` a process that lives. A zombie does not.

use super::{Answer, Target};
use nix::unistd::Pid;
use racefree::error::Result;
use racefree::lock::holders::Holder;
use racefree::process::pidfd::PidFd;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::Poll;

/// A process to wait for, named by its PID.
pub(crate) struct LivingProcess {
    pid: Pid,
    pinned: Option<PidFd>,
}

impl LivingProcess {
    pub(crate) fn new(pid: Pid) -> LivingProcess {
        LivingProcess { pid, pinned: None }
    }
}

impl Target for LivingProcess {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        // Pinned at the first sight: the PID may be recycled, and its next process is another one.
        if self.pinned.is_none() {
            self.pinned = PidFd::open(self.pid)?;
        }
        Ok(Poll::Ready(match &self.pinned {
            None => Answer::no("no such process"),
            Some(process) if process.has_ended()? => {
                self.pinned = None;
                Answer::no("it has ended")
            }
            Some(_) => Answer::YES,
        }))
    }

    fn ready_text(&self) -> &'static str {
        "it is alive"
    }

    fn still_text(&self) -> String {
        format!("{} is still alive", Holder::new(self.pid))
    }

    fn event_sources(&self) -> Vec<BorrowedFd<'_>> {
        self.pinned.iter().map(AsFd::as_fd).collect()
    }

    fn is_event_driven(&self) -> bool {
        self.pinned.is_some()
    }
}
