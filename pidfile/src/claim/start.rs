//! The processes of a start in the background: started with the claim, and ended again if the start fails.

use crate::claim::attempt::Attempt;
use crate::claim::daemon_log::Log;
use crate::claim::mode::Launch;
use crate::claim::options::Claim;
use crate::claim::role::Role;
use crate::claim::sd_notify::Socket;
use crate::claim::supervise::Background;
use racefree_core::claim::ClaimGuard;
use racefree_core::claim::restart_lock::RestartLock;
use racefree_core::cli::exit::{ending, exit_as};
use racefree_core::cli::output;
use racefree_core::error::{Result, sentence};
use racefree_core::event::Events;
use racefree_core::event::time::Deadline;
use racefree_core::process::child::{self, Child};
use racefree_core::process::subreaper::Subreaper;
use rustix::process::Pid;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

/// A start, prepared: signals are collected, orphans adopted.
pub(crate) struct Start<'a> {
    pub(crate) options: &'a Claim,
    pub(crate) launch: Launch,
    pub(crate) attempt: Attempt,
    pub(crate) family: Subreaper,
    pub(crate) notify: Option<Socket>,
    pub(crate) held: ClaimGuard,
    /// Of the restart that this start is part of.
    restart: Option<RestartLock>,
    log: Option<Log<'a>>,
}

/// What a start has brought to life.
pub(crate) struct Daemon {
    /// Its number in the file.
    pub(crate) pid: Pid,
    /// The child whose end is its end: itself, or its supervisor.
    pub(crate) child: Child,
}

impl<'a> Start<'a> {
    pub(crate) fn prepare(
        options: &'a Claim,
        launch: Launch,
        deadline: Deadline,
        held: ClaimGuard,
    ) -> Result<Start<'a>> {
        let log = options.detached.log_file().map(Log::open).transpose()?;
        let notify = options.detached.notify.then(Socket::listen).transpose()?;
        let (events, family) = (Events::armed_for_orphans()?, Subreaper::adopt()?);
        let attempt = Attempt::within(format!("start {}", options.name()), options.detached.timeout, deadline, events);
        Ok(Start { options, launch, attempt, family, notify, held, restart: None, log })
    }

    /// Keeps the lock of a restart to the end of the start.
    pub(crate) fn under(mut self, restart: RestartLock) -> Start<'a> {
        self.restart = Some(restart);
        self
    }

    pub(crate) fn spawn(&self, role: Role) -> Result<Daemon> {
        let spawned = match self.launch {
            Launch::Supervised => self.spawn_supervised(role),
            Launch::Direct | Launch::Forking => self.spawn_daemon(role),
        };
        // As a rule nothing runs then. But a process may have begun that could not be held, or not be heard.
        spawned.inspect_err(|_| self.end_all())
    }

    fn spawn_daemon(&self, role: Role) -> Result<Daemon> {
        let mut command = child::command(&self.options.command);
        self.detach(&mut command, &[])?;
        let pid = self.held.record_pid();
        if let Some(restart) = &self.restart {
            // Nobody who has the restart lock next could find the child before it owns its byte: until then it dies
            // with us.
            child::die_with_us(&mut command);
            child::close_first(&mut command, restart);
        }
        child::before_exec(&mut command, move || role.record_itself(pid));
        child::outlive_us(&mut command);
        match Child::try_spawn(&mut command, self.attempt.events())? {
            Ok(child) => Ok(Daemon { pid: child.process().pid(), child }),
            Err(e) => Err(role.not_started(&self.held, &self.options.command[0], e)),
        }
    }

    fn spawn_supervised(&self, role: Role) -> Result<Daemon> {
        let (mut supervisor, to_report) = Background::prepare(self.options, &self.held, role)?;
        let command = supervisor.command();
        self.detach(command, &[to_report.as_raw_fd()])?;
        let pid = self.held.record_pid();
        child::before_exec(command, move || pid.inherit());
        let child = Child::spawn(command, self.attempt.events())?;
        drop(to_report);
        supervisor.report().map(|pid| Daemon { pid, child })
    }

    /// A session of its own, no input, output to the log, and no descriptor but those it is to have.
    fn detach(&self, command: &mut Command, kept: &[i32]) -> Result<()> {
        command.stdin(Stdio::null());
        for into in [Command::stdout, Command::stderr] {
            match (&self.log, &self.options.detached.log) {
                (Some(log), _) => into(command, log.for_writing()?),
                (None, Some(_as_it_is)) => into(command, Stdio::inherit()),
                (None, None) => into(command, Stdio::null()),
            };
        }
        if let Some(socket) = &self.notify {
            command.env("NOTIFY_SOCKET", socket.name());
        }
        child::inherit_only(&[&self.options.detached.keep_fd, kept].concat())?;
        child::before_exec(command, || Ok(rustix::process::setsid().map(|_| ())?));
        Ok(())
    }

    /// Ends all that was started. The failure gains the last line of the log.
    pub(crate) fn undo(&self, failure: anyhow::Error) -> anyhow::Error {
        // What the daemon says when it is told to end is not the reason.
        let failure = self.with_last_words(failure);
        self.end_all();
        failure
    }

    fn end_all(&self) {
        if let Err(e) = self.family.end(self.attempt.events(), self.options.detached.kill_after) {
            output::failure(&e);
        }
    }

    fn with_last_words(&self, failure: anyhow::Error) -> anyhow::Error {
        let Some(log) = &self.log else { return failure };
        let last = match log.last_line_gained() {
            Some(line) => format!("the last line of {} is: {line}", log.path().display()),
            None => format!("{} gained no line", log.path().display()),
        };
        exit_as(ending(&failure), format!("{}; {last}", sentence(&failure)))
    }
}
