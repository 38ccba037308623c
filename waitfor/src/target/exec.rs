//! `exec:` a shell command that exits 0. All processes of the command's group end with the try.

use super::{Answer, Target};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, pipe2};
use racefree::error::{Context, Result};
use racefree::event::Watched;
use racefree::event::duration::for_people;
use racefree::process::child::{self, Child, Ended};
use racefree::sys::beyond_nix::reap_any_in;
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::process::Stdio;
use std::task::Poll;
use std::time::Duration;

/// A command to run until it exits 0.
pub(crate) struct Exec {
    line: OsString,
    run: Option<Run>,
    /// The command has exited otherwise than 0.
    has_failed: bool,
    /// The groups of earlier runs whose members may not have ended yet.
    ended: Vec<Pid>,
}

/// One run of the command, in a process group of its own. Dropping the run ends the group.
struct Run {
    group: Pid,
    child: Option<Child>,
    output: OwnedFd,
    said: Vec<u8>,
    output_closed: bool,
}

/// The length of output that is kept: its last line becomes part of the reason.
const KEPT: usize = 4096;

/// The most that is read at a time: a command that writes without end must not keep the wait from its deadline.
const READS_AT_A_TIME: usize = 64;

impl Exec {
    pub(crate) fn new(line: OsString) -> Exec {
        Exec { line, run: None, has_failed: false, ended: vec![] }
    }
}

impl Run {
    fn begin(line: &OsString) -> Result<Run> {
        // A command without a reader would block; with a reader that waits, the wait would.
        let (output, theirs) = pipe2(OFlag::O_CLOEXEC).act("make", "a pipe")?;
        nix::fcntl::fcntl(&output, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).act("open", "a pipe")?;
        let mut command = child::shell(line);
        command.stdin(Stdio::null());
        command.stdout(theirs.try_clone().act("share", "a pipe")?).stderr(theirs);
        child::end_group_with_us(&mut command);
        let child = Child::spawn_unarmed(&mut command)?;
        let group = child.process().pid();
        Ok(Run { group, child: Some(child), output, said: vec![], output_closed: false })
    }

    fn read_output(&mut self) {
        let mut room = [0; 4096];
        for _ in 0..READS_AT_A_TIME {
            match nix::unistd::read(&self.output, &mut room) {
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                Ok(0) | Err(_) => {
                    self.output_closed = true;
                    return;
                }
                Ok(length) => {
                    self.said.extend_from_slice(&room[..length]);
                    let surplus = self.said.len().saturating_sub(KEPT);
                    self.said.drain(..surplus);
                }
            }
        }
    }

    /// How the command ended, if it has.
    fn ended(&mut self) -> Result<Option<Ended>> {
        match &self.child {
            Some(child) if child.process().has_ended()? => self.end_group(),
            _ => Ok(None),
        }
    }

    fn end_group(&mut self) -> Result<Option<Ended>> {
        let Some(mut child) = self.child.take() else { return Ok(None) };
        // Before the leader is reaped: a zombie keeps the group's number from being reused.
        // ESRCH: all of the group are zombies.
        let _ = killpg(self.group, Signal::SIGKILL);
        self.read_output();
        child.reap().map(Some)
    }

    /// `what`, and the last line that the command has written.
    fn reason(&self, what: String) -> String {
        let line = self.said.split(|&b| b == b'\n').rfind(|line| !line.trim_ascii().is_empty());
        match line {
            Some(line) => format!("{what}: {}", String::from_utf8_lossy(line.trim_ascii())),
            None => what,
        }
    }
}

/// Reaps the members of a group that have ended and are ours, and returns whether there are others of ours.
fn has_members_left(group: Pid) -> bool {
    loop {
        match reap_any_in(group) {
            Ok(None) => return true,
            Ok(Some(_)) | Err(Errno::EINTR) => {}
            // ECHILD: there are none.
            Err(_) => return false,
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // A child that cannot be waited for is reaped when this process ends.
        let _ = self.end_group();
    }
}

impl Exec {
    /// Forgets the run that has ended, and reaps what earlier runs left. Orphans of a group become children of PID 1,
    /// which a wait is that runs as the first program of a container.
    fn end_run(&mut self) {
        self.ended.extend(self.run.take().map(|run| run.group));
        self.ended.retain(|group| has_members_left(*group));
    }
}

impl Target for Exec {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        self.run = Some(Run::begin(&self.line)?);
        Ok(Poll::Pending)
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        let Some(run) = &self.run else { return vec![] };
        let child = run.child.iter().map(|child| Watched::Read(child.process().as_fd()));
        // A closed pipe is always readable.
        let output = (!run.output_closed).then(|| Watched::Read(run.output.as_fd()));
        child.chain(output).collect()
    }

    fn resume(&mut self) -> Result<Poll<Answer>> {
        let Some(run) = &mut self.run else { return Ok(Poll::Pending) };
        run.read_output();
        let Some(ended) = run.ended()? else { return Ok(Poll::Pending) };
        let answer = match ended {
            Ended::Status(0) => Answer::YES,
            ended => Answer::no(run.reason(ended.to_string())),
        };
        self.end_run();
        self.has_failed |= answer != Answer::YES;
        Ok(Poll::Ready(answer))
    }

    fn time_out(&mut self, after: Duration) -> Answer {
        let what = format!("has not ended within {}", for_people(after));
        let reason = match &mut self.run {
            Some(run) => {
                run.read_output();
                run.reason(what)
            }
            None => what,
        };
        self.end_run();
        Answer::unclear(reason)
    }

    fn caveat(&self) -> Option<&'static str> {
        let is_negated = self.line.as_encoded_bytes().trim_ascii_start().starts_with(b"!");
        (is_negated && !self.has_failed).then_some(
            "the command behind ! never succeeded: it may be missing, or never reach anything (--down would tell)",
        )
    }

    fn ready_text(&self) -> &'static str {
        "exited with status 0"
    }

    fn still_text(&self) -> String {
        "it still exits with status 0".into()
    }
}
