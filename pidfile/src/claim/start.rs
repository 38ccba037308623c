//! A start in the background: the daemon runs, is ready, and holds its claim; or nothing of it is left.

use crate::claim::Claim;
use crate::claim::daemon_log::Log;
use crate::claim::ensure;
use crate::claim::sd_notify::Socket;
use crate::claim::supervise::Background;
use racefree_core::claim::ClaimGuard;
use racefree_core::claim::restart_lock::RestartLock;
use racefree_core::cli::exit::{Exit, ending, exit_as};
use racefree_core::cli::output;
use racefree_core::error::{Result, sentence};
use racefree_core::event::Events;
use racefree_core::event::time::{Deadline, Limit, for_people};
use racefree_core::process::child::{self, Child};
use racefree_core::process::subreaper::Subreaper;
use rustix::process::Pid;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

/// Starts COMMAND as a daemon that has claimed the file, and waits until it is ready.
pub(crate) fn in_background(claim: &Claim) -> Result<Exit> {
    let deadline = Deadline::within(claim.detached.timeout);
    loop {
        match claim.hold()? {
            Some(held) => return Start::prepare(claim, deadline, held)?.run(),
            None => {
                if let Some(exit) = ensure::until_ready(claim, deadline)? {
                    return Ok(exit);
                }
            }
        }
    }
}

/// A start, prepared: signals are collected, orphans adopted.
pub(crate) struct Start<'a> {
    pub(crate) claim: &'a Claim,
    pub(crate) deadline: Deadline,
    pub(crate) events: Events,
    pub(crate) family: Subreaper,
    pub(crate) notify: Option<Socket>,
    pub(crate) held: ClaimGuard,
    /// Of the restart that this is part of.
    ticket: Option<RestartLock>,
    log: Option<Log<'a>>,
}

/// What a start has brought to life.
pub(crate) struct Daemon {
    /// Its number in the file.
    pub(crate) pid: Pid,
    /// The child whose end is its end: itself, or its supervisor.
    pub(crate) child: Child,
}

/// How the new process gets the claim.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// At once: it is the claimant from its first instruction on.
    Claimant,
    /// It only vouches for itself; the text still names another.
    Successor,
}

impl<'a> Start<'a> {
    pub(crate) fn prepare(claim: &'a Claim, deadline: Deadline, held: ClaimGuard) -> Result<Start<'a>> {
        let log = claim.detached.log.as_deref().filter(|log| *log != "-").map(Log::open).transpose()?;
        let notify = claim.detached.notify.then(Socket::listen).transpose()?;
        let (events, family) = (Events::armed_for_orphans()?, Subreaper::adopt()?);
        Ok(Start { claim, deadline, events, family, notify, held, ticket: None, log })
    }

    /// Keeps the ticket of a restart to its end.
    pub(crate) fn under(mut self, ticket: RestartLock) -> Start<'a> {
        self.ticket = Some(ticket);
        self
    }

    pub(crate) fn run(self) -> Result<Exit> {
        let daemon = self.spawn(Role::Claimant)?;
        output::detail(|| format!("started {} as process {}", self.name(), daemon.pid));
        let ready = self.find(daemon).and_then(|mut daemon| self.wait_until_ready(&mut daemon));
        ready.map_err(|failure| self.undo(failure)).map(|()| Exit::Done)
    }

    pub(crate) fn spawn(&self, naming: Role) -> Result<Daemon> {
        let spawned = if self.claim.supervise { self.spawn_supervised(naming) } else { self.spawn_daemon(naming) };
        // As a rule nothing runs then; but a process may have begun that could not be held, or not be heard.
        spawned.inspect_err(|_| self.end_all())
    }

    fn end_all(&self) {
        if let Err(e) = self.family.end(&self.events, self.claim.detached.kill_after) {
            output::failure(&e);
        }
    }

    fn spawn_daemon(&self, how: Role) -> Result<Daemon> {
        let mut command = child::command(&self.claim.command);
        self.detach(&mut command, &[])?;
        let naming = self.held.record_pid();
        if let Some(ticket) = &self.ticket {
            // Until it can be told for a newcomer it dies with us: nobody who has the ticket next would find it.
            child::die_with_us(&mut command);
            child::close_first(&mut command, ticket);
        }
        child::before_exec(&mut command, move || match how {
            Role::Claimant => naming.lock_and_write(),
            Role::Successor => naming.lock_as_successor(),
        });
        child::outlive_us(&mut command);
        match Child::try_spawn(&mut command, &self.events)? {
            Ok(child) => Ok(Daemon { pid: child.process().pid(), child }),
            Err(e) if how == Role::Successor => Err(child::not_executed(&self.claim.command[0], &e)),
            Err(e) => Err(self.held.not_started(&self.claim.command[0], e)),
        }
    }

    fn spawn_supervised(&self, how: Role) -> Result<Daemon> {
        let (mut supervisor, to_report) = Background::prepare(self.claim, &self.held, how)?;
        let command = supervisor.command();
        self.detach(command, &[to_report.as_raw_fd()])?;
        let naming = self.held.record_pid();
        child::before_exec(command, move || naming.inherit());
        let child = Child::spawn(command, &self.events)?;
        drop(to_report);
        supervisor.report().map(|pid| Daemon { pid, child })
    }

    /// A session of its own, no input, output to the log, and no descriptor but those it is to have.
    fn detach(&self, command: &mut Command, kept: &[i32]) -> Result<()> {
        command.stdin(Stdio::null());
        for into in [Command::stdout, Command::stderr] {
            match (&self.log, &self.claim.detached.log) {
                (Some(log), _) => into(command, log.for_writing()?),
                (None, Some(_as_it_is)) => into(command, Stdio::inherit()),
                (None, None) => into(command, Stdio::null()),
            };
        }
        if let Some(socket) = &self.notify {
            command.env("NOTIFY_SOCKET", socket.name());
        }
        child::inherit_only(&[&self.claim.detached.keep_fd, kept].concat())?;
        child::before_exec(command, || Ok(rustix::process::setsid().map(|_| ())?));
        Ok(())
    }

    /// Adds the last line of what the log gained to the reason, and ends all that was started.
    pub(crate) fn undo(&self, failure: anyhow::Error) -> anyhow::Error {
        // What it says when it is told to end is not the reason.
        let failure = self.with_last_words(failure);
        self.end_all();
        failure
    }

    fn with_last_words(&self, failure: anyhow::Error) -> anyhow::Error {
        let Some(log) = &self.log else { return failure };
        let last = match log.last_line_gained() {
            Some(line) => format!("the last line of {} is: {line}", log.path().display()),
            None => format!("{} gained no line", log.path().display()),
        };
        exit_as(ending(&failure), format!("{}; {last}", sentence(&failure)))
    }

    pub(crate) fn name(&self) -> impl std::fmt::Display + '_ {
        self.claim.command[0].display()
    }

    pub(crate) fn failure(&self, exit: Exit, why: impl std::fmt::Display) -> anyhow::Error {
        exit_as(exit, format!("start {}: {why}", self.name()))
    }

    pub(crate) fn too_late(&self, what: &str) -> anyhow::Error {
        let when = match self.claim.detached.timeout {
            Limit::AtMost(duration) => format!("after {}", for_people(duration)),
            Limit::None => "yet".into(),
        };
        self.failure(Exit::TimedOut, format!("{what} {when}"))
    }
}
