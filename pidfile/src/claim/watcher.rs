//! logwatch(1) as an ancestor of this start: what it shows and judges is not told a second time.

use racefree_core::process::pidfd::PidFd;
use racefree_core::process::tree::descends_from;
use racefree_core::signal::Signal;
use rustix::process::{Pid, getpid};
use std::fmt;

/// The variable by which logwatch names itself to its COMMAND.
pub(crate) const VARIABLE: &str = "LOGWATCH_PID";

/// The logwatch that has started us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watcher(Pid);

impl Watcher {
    /// `None` if no ancestor of this process is one.
    pub(crate) fn find() -> Option<Watcher> {
        let pid = Pid::from_raw(std::env::var(VARIABLE).ok()?.parse().ok().filter(|pid| *pid > 0)?)?;
        let us = PidFd::open(getpid()).ok()??;
        descends_from(&us, pid).then_some(Watcher(pid))
    }

    /// Whether it has sent this signal.
    pub(crate) fn has_sent(self, sender: Option<Pid>) -> bool {
        sender == Some(self.0)
    }
}

/// The failure of a start that logwatch has judged: it has said why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JudgedByWatcher(pub(crate) Signal);

impl fmt::Display for JudgedByWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "logwatch has sent {}", self.0)
    }
}

impl std::error::Error for JudgedByWatcher {}
