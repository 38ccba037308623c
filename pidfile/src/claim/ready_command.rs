//! The shell command of `--ready`.

use racefree_core::error::{Context, Result};
use racefree_core::event::Events;
use racefree_core::process::child::{self, Child, Ended};
use rustix::process::{Pid, kill_process_group};
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

/// The ready command, in a group of its own. Dropped before it has answered, it is told to end.
pub(crate) struct ReadyCommand {
    child: Child,
    answered: bool,
}

impl ReadyCommand {
    /// Starts it; it sees PIDFILE and PIDFILE_PID.
    pub(crate) fn begin(line: &OsStr, pidfile: &Path, pid: Pid, events: &Events) -> Result<ReadyCommand> {
        let mut command = child::shell(line);
        command.env("PIDFILE", pidfile).env("PIDFILE_PID", pid.to_string()).stdin(Stdio::null());
        command.stdout(std::io::stderr().as_fd().try_clone_to_owned().act("share", "stderr")?);
        // A group of its own: a Ctrl-C is ours to handle, and what is left of it is found as our descendant.
        command.process_group(0);
        Ok(ReadyCommand { child: Child::spawn(&mut command, events)?, answered: false })
    }

    /// How it ended. Blocks: call it when its descriptor is ready.
    pub(crate) fn answer(&mut self) -> Result<Ended> {
        self.answered = true;
        self.child.reap()
    }
}

impl AsFd for ReadyCommand {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.process().as_fd()
    }
}

impl Drop for ReadyCommand {
    /// Ends before its daemon is ended, or it would complain of the daemon's end. The signal goes to the whole group at once,
    /// so that no fork slips through.
    fn drop(&mut self) {
        if !self.answered {
            // It is not reaped yet, so the number is its own. One that runs as another user now may not be signalled.
            let group = self.child.process().pid();
            let _ = kill_process_group(group, rustix::process::Signal::TERM);
            let _ = kill_process_group(group, rustix::process::Signal::CONT);
        }
    }
}
