//! The process without which there is nothing to wait for.

use racefree_core::claim::process_arg::Named;
use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::error::Result;
use racefree_core::process::pidfd::PidFd;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// A process that must stay alive, held.
pub(crate) struct Alive {
    named: Named,
    process: PidFd,
    log: Option<PathBuf>,
}

impl Alive {
    /// Takes hold of it.
    pub(crate) fn hold(named: Named) -> Result<Alive> {
        match named.hold()? {
            Some(process) => Ok(Alive { log: log_of(&process), named, process }),
            None => Err(exit_as(Exit::NotRunning, format!("{named}: it is not running"))),
        }
    }

    /// Whether it has ended, reaped or not.
    pub(crate) fn has_ended(&self) -> Result<bool> {
        self.process.has_ended()
    }

    /// That it has ended, and where it may have said why.
    pub(crate) fn obituary(&self) -> String {
        let log = self.log.as_ref().map(|log| format!("; its log is {}", log.display())).unwrap_or_default();
        format!("{}: process {} has ended{log}", self.named, self.process.pid())
    }
}

impl AsFd for Alive {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }
}

/// The file that its stderr goes to, else its stdout. To be looked at while it lives.
fn log_of(process: &PidFd) -> Option<PathBuf> {
    let descriptors = [2, 1].map(|number| std::fs::read_link(format!("/proc/{}/fd/{number}", process.pid())));
    descriptors.into_iter().flatten().find(|path| path.is_file())
}
