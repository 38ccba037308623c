//! A logwatch(1) that is an ancestor of this start. pidfile does not repeat what logwatch shows and judges.

use nix::unistd::{Pid, getpid};
use racefree::pid;
use racefree::process::pidfd::PidFd;
use racefree::process::tree::descends_from;
use racefree::signal::Signal;
use std::fmt;

/// The environment variable by which logwatch names itself to its COMMAND.
pub(crate) const VARIABLE: &str = "LOGWATCH_PID";

/// The logwatch that has started this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watcher(Pid);

impl Watcher {
    /// Finds it among the ancestors of this process; `None` if there is none.
    pub(crate) fn find() -> Option<Watcher> {
        let pid = pid::numbered(std::env::var(VARIABLE).ok()?.parse().ok()?)?;
        let us = PidFd::open(getpid()).ok()??;
        descends_from(&us, pid).then_some(Watcher(pid))
    }

    /// Whether this logwatch has sent the signal.
    pub(crate) fn has_sent(self, sender: Option<Pid>) -> bool {
        sender == Some(self.0)
    }
}

/// The error of a start that logwatch has judged. logwatch has printed the reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JudgedByWatcher(pub(crate) Signal);

impl fmt::Display for JudgedByWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "logwatch has sent {}", self.0)
    }
}

impl std::error::Error for JudgedByWatcher {}
