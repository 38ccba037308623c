//! The process named by `--while`: the wait ends when the process does.

use racefree::claim::process_arg::ProcessArg;
use racefree::cli::exit::{Exit, exit_as};
use racefree::error::Result;
use racefree::process::pidfd::PidFd;
use racefree::text::one_line;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

/// A process that must stay alive, pinned by a pidfd.
pub(crate) struct WhileProcess {
    argument: ProcessArg,
    process: PidFd,
    log: Option<PathBuf>,
}

impl WhileProcess {
    /// Pins the process.
    pub(crate) fn pin(argument: ProcessArg) -> Result<WhileProcess> {
        match argument.hold()? {
            Some(process) => Ok(WhileProcess { log: log_of(&process), argument, process }),
            None => Err(exit_as(Exit::NotRunning, format!("{argument}: it is not running"))),
        }
    }

    /// Whether the process has ended, reaped or not.
    pub(crate) fn has_ended(&self) -> Result<bool> {
        self.process.has_ended()
    }

    /// The message that the process has ended, and which file may say why.
    pub(crate) fn exit_message(&self) -> String {
        let log = self.log.as_ref().map(|log| format!("; its log is {}", log.display())).unwrap_or_default();
        one_line(&format!("{}: process {} has ended{log}", self.argument, self.process.pid()))
    }
}

impl AsFd for WhileProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.process.as_fd()
    }
}

/// The file that the process writes its stderr to, else its stdout. /proc tells this only while the process lives.
fn log_of(process: &PidFd) -> Option<PathBuf> {
    let descriptors = [2, 1].map(|number| std::fs::read_link(format!("/proc/{}/fd/{number}", process.pid())));
    descriptors.into_iter().flatten().find(|path| path.is_file())
}
