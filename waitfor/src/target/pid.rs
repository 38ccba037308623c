//! `pid:` a process that lives. A zombie does not.

use super::{Answer, Step, Target};
use racefree_core::error::Result;
use racefree_core::event::Events;
use racefree_core::lock::holders::Holder;
use racefree_core::process::pidfd::PidFd;
use rustix::process::Pid;
use std::os::fd::{AsFd, BorrowedFd};

/// A process to wait for, by its number.
pub(crate) struct Lives {
    pid: Pid,
    seen: Option<PidFd>,
}

impl Lives {
    pub(crate) fn new(pid: Pid) -> Lives {
        Lives { pid, seen: None }
    }
}

impl Target for Lives {
    fn ask(&mut self, _: &Events) -> Result<Step> {
        // Held once seen: its number may be recycled, and the next process of that number is another.
        if self.seen.is_none() {
            self.seen = PidFd::open(self.pid)?;
        }
        Ok(Step::Answered(match &self.seen {
            None => Answer::no("no such process"),
            Some(process) if process.has_ended()? => {
                self.seen = None;
                Answer::no("it has ended")
            }
            Some(_) => Answer::YES,
        }))
    }

    fn ready(&self) -> &'static str {
        "it is alive"
    }

    fn still(&self) -> String {
        format!("{} is still alive", Holder::new(self.pid))
    }

    fn announcers(&self) -> Vec<BorrowedFd<'_>> {
        self.seen.iter().map(AsFd::as_fd).collect()
    }

    fn is_announced(&self) -> bool {
        self.seen.is_some()
    }
}
