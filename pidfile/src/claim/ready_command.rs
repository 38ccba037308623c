//! The shell command of `--ready`.

use crate::claim::tail::Tail;
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SIGCONT, SIGTERM, killpg};
use nix::unistd::{Pid, pipe2, read};
use racefree::error::{Context, Result};
use racefree::event::Events;
use racefree::process::child::{self, Child, Ended};
use std::ffi::OsStr;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;

/// The ready command, in a process group of its own. A drop before its answer ends it.
///
/// It writes to a pipe, not to the caller's stdout and stderr. So a process that it leaves running does not keep a `$(
/// )` of the caller waiting, and its output stands in the message of a failure.
pub(crate) struct ReadyCommand {
    child: Child,
    answered: bool,
    /// Absent once every process has closed the other end.
    output: Option<OwnedFd>,
    tail: Tail,
}

impl ReadyCommand {
    /// Starts the ready command with PIDFILE and PIDFILE_PID in its environment.
    pub(crate) fn begin(line: &OsStr, pidfile: &Path, pid: Pid, events: &Events) -> Result<ReadyCommand> {
        let (output, theirs) = pipe2(OFlag::O_CLOEXEC).act("make", "a pipe")?;
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).act("make", "a pipe")?;
        let mut command = child::shell(line);
        command.env("PIDFILE", pidfile).env("PIDFILE_PID", pid.to_string()).stdin(Stdio::null());
        command.stdout(theirs.try_clone().act("share", "a pipe")?).stderr(theirs);
        // Race: ready-command-outlives (docs/races.md). It runs in a group of its own, because pidfile handles a Ctrl-C, and
        // finds the rest of the group among its descendants. A guard kills the group when pidfile is killed.
        child::end_group_with_us(&mut command);
        let child = Child::spawn(&mut command, events)?;
        Ok(ReadyCommand { child, answered: false, output: Some(output), tail: Tail::default() })
    }

    /// The descriptor that is readable when the ready command has written something: then call [`ReadyCommand::drain`].
    pub(crate) fn output(&self) -> Option<BorrowedFd<'_>> {
        self.output.as_ref().map(AsFd::as_fd)
    }

    /// Reads its output. The part that is too long for a message goes on to stderr.
    pub(crate) fn drain(&mut self) {
        const AT_ONCE: usize = 16;
        let mut bytes = [0; 4096];
        for _ in 0..AT_ONCE {
            let Some(output) = &self.output else { return };
            match read(output, &mut bytes) {
                Ok(0) => self.output = None,
                Ok(read) => to_stderr(&self.tail.push(&bytes[..read])),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                Err(_) => self.output = None,
            }
        }
    }

    /// Waits for its end and returns how it ended. It blocks, so call it when its descriptor is ready. The output of a
    /// success goes on to stderr.
    pub(crate) fn answer(&mut self) -> Result<Ended> {
        self.answered = true;
        self.drain();
        let ended = self.child.reap()?;
        if ended == Ended::Status(0) {
            to_stderr(&self.tail.take());
        }
        Ok(ended)
    }

    /// The reason of a failure: the end of the ready command, and its last output.
    pub(crate) fn refusal(&self, ended: Ended) -> String {
        let said = self.tail.quote().map_or(String::new(), |quote| format!(":{quote}"));
        format!("the ready command {ended}{said}")
    }

    /// Adds its output so far to another reason.
    pub(crate) fn late(&self, reason: &str) -> String {
        self.tail.quote().map_or(reason.to_owned(), |quote| format!("{reason} (the ready command says:{quote})"))
    }
}

fn to_stderr(bytes: &[u8]) {
    if !bytes.is_empty() {
        // If stderr cannot be written, the output is lost.
        let _ = std::io::stderr().write_all(bytes);
    }
}

impl AsFd for ReadyCommand {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.process().as_fd()
    }
}

impl Drop for ReadyCommand {
    /// Ends the ready command before the daemon is ended. Otherwise it would report the end of the daemon. The signal
    /// goes to the whole group, so that no fork escapes.
    fn drop(&mut self) {
        if !self.answered {
            // It is not reaped yet, so the PID is its own. If it runs as another user now, it may not be signalled.
            let group = self.child.process().pid();
            let _ = killpg(group, SIGTERM);
            let _ = killpg(group, SIGCONT);
        }
    }
}
