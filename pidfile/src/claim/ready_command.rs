//! The shell command of `--ready`.

use crate::claim::tail::Tail;
use racefree_core::error::{Context, Result};
use racefree_core::event::Events;
use racefree_core::process::child::{self, Child, Ended};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, kill_process_group};
use std::ffi::OsStr;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;

/// The ready command, in a group of its own. Dropped before it has answered, it is told to end.
///
/// It writes to a pipe, not to the caller's stdout and stderr: so what it leaves running keeps no `$( )` of the caller
/// waiting, and what it says stands in the message of the failure.
pub(crate) struct ReadyCommand {
    child: Child,
    answered: bool,
    /// Absent once everybody has closed the other end.
    output: Option<OwnedFd>,
    tail: Tail,
}

impl ReadyCommand {
    /// Starts it; it sees PIDFILE and PIDFILE_PID.
    pub(crate) fn begin(line: &OsStr, pidfile: &Path, pid: Pid, events: &Events) -> Result<ReadyCommand> {
        let (output, theirs) = pipe_with(PipeFlags::CLOEXEC).act("make", "a pipe")?;
        rustix::io::ioctl_fionbio(&output, true).act("make", "a pipe")?;
        let mut command = child::shell(line);
        command.env("PIDFILE", pidfile).env("PIDFILE_PID", pid.to_string()).stdin(Stdio::null());
        command.stdout(theirs.try_clone().act("share", "a pipe")?).stderr(theirs);
        // A group of its own: a Ctrl-C is ours to handle, and what is left of it is found as our descendant.
        // It is killed when this process is killed.
        child::end_group_with_us(&mut command);
        let child = Child::spawn(&mut command, events)?;
        Ok(ReadyCommand { child, answered: false, output: Some(output), tail: Tail::default() })
    }

    /// Readable when it has written something: then call [`ReadyCommand::drain`].
    pub(crate) fn output(&self) -> Option<BorrowedFd<'_>> {
        self.output.as_ref().map(AsFd::as_fd)
    }

    /// Takes in what it has written. More than a message can quote goes on to stderr.
    pub(crate) fn drain(&mut self) {
        const AT_ONCE: usize = 16;
        let mut bytes = [0; 4096];
        for _ in 0..AT_ONCE {
            let Some(output) = &self.output else { return };
            match rustix::io::read(output, &mut bytes[..]) {
                Ok(0) => self.output = None,
                Ok(read) => to_stderr(&self.tail.push(&bytes[..read])),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.output = None,
            }
        }
    }

    /// How it ended. Blocks: call it when its descriptor is ready. What it said when it succeeded goes on to stderr.
    pub(crate) fn answer(&mut self) -> Result<Ended> {
        self.answered = true;
        self.drain();
        let ended = self.child.reap()?;
        if ended == Ended::Status(0) {
            to_stderr(&self.tail.take());
        }
        Ok(ended)
    }

    /// The reason of a failure: how it ended, and what it said.
    pub(crate) fn refusal(&self, ended: Ended) -> String {
        let said = self.tail.quote().map_or(String::new(), |quote| format!(":{quote}"));
        format!("the ready command {ended}{said}")
    }

    /// A reason that is not its own, with what it has said so far.
    pub(crate) fn late(&self, reason: &str) -> String {
        self.tail.quote().map_or(reason.to_owned(), |quote| format!("{reason} (the ready command says:{quote})"))
    }
}

fn to_stderr(bytes: &[u8]) {
    if !bytes.is_empty() {
        // stderr that cannot be written leaves nobody to tell.
        let _ = std::io::stderr().write_all(bytes);
    }
}

impl AsFd for ReadyCommand {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.process().as_fd()
    }
}

impl Drop for ReadyCommand {
    /// It ends before its daemon is ended, or it would complain of the daemon's end. The signal goes to the whole group at
    /// once, so that no fork slips through.
    fn drop(&mut self) {
        if !self.answered {
            // It is not reaped yet, so the number is its own. One that runs as another user now may not be signalled.
            let group = self.child.process().pid();
            let _ = kill_process_group(group, rustix::process::Signal::TERM);
            let _ = kill_process_group(group, rustix::process::Signal::CONT);
        }
    }
}
