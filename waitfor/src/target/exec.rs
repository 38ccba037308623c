//! `exec:` a shell command that exits 0. Whatever it started ends with the try.

use super::{Answer, Step, Target};
use racefree_core::error::{Context, Result};
use racefree_core::event::time::for_people;
use racefree_core::event::{Events, Watched};
use racefree_core::process::child::Ended;
use racefree_core::process::child::{self, Child};
use rustix::fs::{OFlags, fcntl_setfl};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Signal, kill_process_group};
use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

/// A command to be run until it says yes.
pub(crate) struct Exec {
    line: OsString,
    run: Option<Run>,
}

/// One run of it, in a process group of its own. Dropping it ends the group.
struct Run {
    child: Option<Child>,
    output: OwnedFd,
    said: Vec<u8>,
    silent: bool,
}

/// As much as is remembered of what it says: its last line is part of the reason.
const REMEMBERED: usize = 4096;

impl Exec {
    pub(crate) fn new(line: OsString) -> Exec {
        Exec { line, run: None }
    }
}

impl Run {
    fn begin(line: &OsString, events: &Events) -> Result<Run> {
        let (output, theirs) = pipe_with(PipeFlags::CLOEXEC).act("make", "a pipe")?;
        fcntl_setfl(&output, OFlags::NONBLOCK).act("open", "a pipe")?;
        let mut command = child::shell(line);
        command.stdin(Stdio::null());
        command.stdout(theirs.try_clone().act("share", "a pipe")?).stderr(theirs);
        command.process_group(0);
        // If we are killed, nobody ends the group: then at least the command itself is to end.
        child::die_with_us(&mut command);
        let child = Child::spawn(&mut command, events)?;
        Ok(Run { child: Some(child), output, said: vec![], silent: false })
    }

    /// Reads what it has said, so that it never waits for a reader.
    fn listen(&mut self) {
        let mut room = [0; 4096];
        loop {
            match rustix::io::read(&self.output, &mut room) {
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return,
                Ok(0) | Err(_) => {
                    self.silent = true;
                    return;
                }
                Ok(length) => {
                    self.said.extend_from_slice(&room[..length]);
                    let surplus = self.said.len().saturating_sub(REMEMBERED);
                    self.said.drain(..surplus);
                }
            }
        }
    }

    /// How it ended, if it has.
    fn ended(&mut self) -> Result<Option<Ended>> {
        match &self.child {
            Some(child) if child.process().has_ended()? => self.end(),
            _ => Ok(None),
        }
    }

    fn end(&mut self) -> Result<Option<Ended>> {
        let Some(mut child) = self.child.take() else { return Ok(None) };
        // Before it is reaped: as long as the leader is a zombie, nobody else can have the group's number.
        // ESRCH: a group of zombies only.
        let _ = kill_process_group(child.process().pid(), Signal::KILL);
        self.listen();
        child.reap().map(Some)
    }

    /// The answer so far, and the last thing that was said.
    fn reason(&self, what: String) -> String {
        let line = self.said.split(|&b| b == b'\n').rfind(|line| !line.trim_ascii().is_empty());
        match line {
            Some(line) => format!("{what}: {}", String::from_utf8_lossy(line.trim_ascii())),
            None => what,
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Nobody is left to be told that a child of ours cannot be waited for.
        let _ = self.end();
    }
}

impl Target for Exec {
    fn ask(&mut self, events: &Events) -> Result<Step> {
        self.run = Some(Run::begin(&self.line, events)?);
        Ok(Step::Pending)
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        let Some(run) = &self.run else { return vec![] };
        let child = run.child.iter().map(|child| Watched::Read(child.process().as_fd()));
        // A closed pipe can be read for ever; the end of the command is what counts then.
        let output = (!run.silent).then(|| Watched::Read(run.output.as_fd()));
        child.chain(output).collect()
    }

    fn ready(&self) -> &'static str {
        "exited with status 0"
    }

    fn still(&self) -> String {
        "it still exits with status 0".into()
    }

    fn go_on(&mut self, _: &Events) -> Result<Step> {
        let Some(run) = &mut self.run else { return Ok(Step::Pending) };
        run.listen();
        let Some(exit) = run.ended()? else { return Ok(Step::Pending) };
        let answer = match exit {
            Ended::Status(0) => Answer::YES,
            ended => Answer::no(run.reason(ended.to_string())),
        };
        self.run = None;
        Ok(Step::Answered(answer))
    }

    fn cut_off(&mut self, after: Duration) -> Answer {
        let mut run = self.run.take();
        let what = format!("has not ended within {}", for_people(after));
        Answer::unclear(match &mut run {
            Some(run) => {
                run.listen();
                run.reason(what)
            }
            None => what,
        })
    }
}
