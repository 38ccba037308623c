//! Readiness: the ready command has said yes, READY=1 has come, and the daemon is alive and has its claim.

use crate::claim::start::{Daemon, Start};
use racefree_core::cli::exit::Exit;
use racefree_core::cli::status_line::StatusLine;
use racefree_core::error::{Context, Result};
use racefree_core::event::time::Deadline;
use racefree_core::event::{Event, Events, Watched, ready_by};
use racefree_core::process::child::Ended;
use racefree_core::process::child::{self, Child};
use racefree_core::signal::Signal;
use rustix::process::{Pid, kill_process_group};
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// The ready command, in a group of its own. Dropped before it has answered, it is told to end.
pub(crate) struct Check {
    child: Child,
    answered: bool,
}

impl Check {
    /// Starts it; it sees PIDFILE and PIDFILE_PID.
    pub(crate) fn begin(line: &OsStr, pidfile: &Path, pid: Pid, events: &Events) -> Result<Check> {
        let mut check = child::shell(line);
        check.env("PIDFILE", pidfile).env("PIDFILE_PID", pid.to_string()).stdin(Stdio::null());
        check.stdout(std::io::stderr().as_fd().try_clone_to_owned().act("share", "stderr")?);
        // A group of its own: a Ctrl-C is ours to handle, and what is left of it is found as our descendant.
        check.process_group(0);
        Ok(Check { child: Child::spawn(&mut check, events)?, answered: false })
    }

    /// How it ended. Blocks: call it when its descriptor is ready.
    pub(crate) fn answer(&mut self) -> Result<Ended> {
        self.answered = true;
        self.child.reap()
    }
}

impl AsFd for Check {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.child.process().as_fd()
    }
}

impl Drop for Check {
    /// Before its daemon is, or it would complain of the daemon's end. The whole group at once: no fork slips through.
    fn drop(&mut self) {
        if !self.answered {
            // Not reaped yet, so the number is its own; that it runs as another user now is its own affair.
            let group = self.child.process().pid();
            let _ = kill_process_group(group, rustix::process::Signal::TERM);
            let _ = kill_process_group(group, rustix::process::Signal::CONT);
        }
    }
}

/// What the daemon has said of itself.
#[derive(Default)]
struct Notified {
    ready: bool,
    status: Option<String>,
    error: Option<String>,
}

impl Start<'_> {
    pub(crate) fn wait_until_ready(&self, daemon: &mut Daemon) -> Result<()> {
        let line = self.claim.detached.ready.as_deref();
        let mut check =
            line.map(|line| Check::begin(line, &self.claim.pidfile, daemon.pid, &self.events)).transpose()?;
        let mut notified = Notified { ready: self.notify.is_none(), ..Notified::default() };
        let (mut deadline, mut line) = (self.deadline, StatusLine::begin());
        while check.is_some() || !notified.ready {
            line.show(|| {
                let status = notified.status.as_deref().map_or(String::new(), |status| format!(": {status}"));
                format!("waiting for {} to be ready{status}", self.name())
            });
            // The order is the order of places below: a daemon that has ended is not ready, whatever else was said.
            let mut watched = vec![Watched::Read(daemon.child.process().as_fd())];
            watched.extend(self.notify.iter().map(|socket| Watched::Read(socket.as_fd())));
            watched.extend(check.iter().map(|check| Watched::Read(check.as_fd())));
            let event = self.events.next(&watched, deadline.or(line.due()))?;
            match event {
                Event::Signal(arrived) if arrived.signal == Signal::CHLD => {}
                Event::Signal(arrived) => {
                    let signal = arrived.signal;
                    return Err(self.failure(Exit::Signalled(signal), format!("{signal} arrived")));
                }
                Event::Ready(0) => {
                    self.hear(daemon, &mut notified, &mut deadline)?;
                    return Err(self.early_death_said(daemon, &notified));
                }
                Event::Ready(1) if self.notify.is_some() => self.hear(daemon, &mut notified, &mut deadline)?,
                Event::Ready(_) => match check.take().map_or(Ok(Ended::Status(0)), |mut check| check.answer())? {
                    Ended::Status(0) => {}
                    no => {
                        return Err(self.failure(Exit::No, format!("the ready command {}", no)));
                    }
                },
                Event::Deadline if deadline.passed() => {
                    let said = notified.status.as_deref().map_or(String::new(), |s| format!(" (it says: {s})"));
                    return Err(self.too_late(&format!("not ready{said}")));
                }
                Event::Deadline => {}
            }
        }
        let asked =
            self.claim.detached.ready.is_some() || self.notify.is_some() || self.claim.forking || self.claim.replace;
        if asked { self.alive_and_claimed(daemon, &notified) } else { Ok(()) }
    }

    /// Ready is not enough: it may have died or lost its claim at the very moment of the answer.
    fn alive_and_claimed(&self, daemon: &mut Daemon, notified: &Notified) -> Result<()> {
        if daemon.child.process().has_ended()? {
            return Err(self.early_death_said(daemon, notified));
        }
        if !self.held.still_has(daemon.pid)? {
            // One that is just dying loses its descriptors first, and is known to have ended a moment later.
            const MOMENT: Duration = Duration::from_millis(100);
            if ready_by(daemon.child.process().as_fd(), Deadline::after(MOMENT))? {
                return Err(self.early_death_said(daemon, notified));
            }
            let why = match self.claim.forking {
                false => "it has closed the descriptor of its claim; start it with --supervise",
                true => "it has closed the descriptor of its claim; keep it in the foreground with --supervise",
            };
            return Err(self.failure(Exit::Failed, why));
        }
        Ok(())
    }

    pub(crate) fn early_death(&self, daemon: &mut Daemon) -> anyhow::Error {
        self.early_death_said(daemon, &Notified::default())
    }

    fn early_death_said(&self, daemon: &mut Daemon, notified: &Notified) -> anyhow::Error {
        // One that is not our child has told its end to another.
        let how = daemon.child.reap().map_or("has ended".into(), |ended| ended.to_string());
        let said = [&notified.error, &notified.status].into_iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        let said = if said.is_empty() { String::new() } else { format!(" (it said: {said})") };
        self.failure(Exit::NotRunning, format!("it {how} before it was ready{said}"))
    }

    fn hear(&self, daemon: &Daemon, notified: &mut Notified, deadline: &mut Deadline) -> Result<()> {
        let Some(socket) = &self.notify else { return Ok(()) };
        while let Some(message) = socket.read(&self.family, daemon.pid)? {
            notified.ready |= message.ready;
            notified.status = message.status.or(notified.status.take());
            notified.error = message.error.or(notified.error.take());
            if let Some(more) = message.extend {
                *deadline = deadline.or_later(Deadline::after(more));
            }
        }
        Ok(())
    }
}
