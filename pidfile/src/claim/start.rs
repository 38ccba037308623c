//! The processes of a start in the background: started with the claim, and ended again if the start fails.

use crate::claim::attempt::Attempt;
use crate::claim::daemon_log::Output;
use crate::claim::mode::Launch;
use crate::claim::options::Claim;
use crate::claim::role::Role;
use crate::claim::sd_notify::Socket;
use crate::claim::supervise::Background;
use crate::claim::watcher::{JudgedByWatcher, VARIABLE};
use nix::unistd::Pid;
use racefree::claim::restart_lock::RestartLock;
use racefree::claim::{ClaimGuard, record_pid};
use racefree::cli::exit::{Exit, ending, exit_as};
use racefree::cli::output;
use racefree::error::{Context, Result, sentence};
use racefree::event::deadline::Deadline;
use racefree::event::{Events, Watched};
use racefree::process::child::{self, Child};
use racefree::process::procfs;
use racefree::process::subreaper::Subreaper;
use std::cell::RefCell;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

/// A prepared start: it collects signals and adopts orphans.
pub(crate) struct Start<'a> {
    pub(crate) options: &'a Claim,
    pub(crate) launch: Launch,
    pub(crate) attempt: Attempt,
    pub(crate) family: Subreaper,
    pub(crate) notify: Option<Socket>,
    pub(crate) held: ClaimGuard,
    /// The restart lock, if this start is part of a restart.
    restart: Option<RestartLock>,
    output: Output<'a>,
    /// The name of the daemon's process.
    runs: RefCell<Option<String>>,
}

/// The daemon that a start has started.
pub(crate) struct Daemon {
    /// Its PID, as the file names it.
    pub(crate) pid: Pid,
    /// The child whose end is the end of the daemon: the daemon itself, or its supervisor.
    pub(crate) child: Child,
}

impl<'a> Start<'a> {
    pub(crate) fn prepare(
        options: &'a Claim,
        launch: Launch,
        deadline: Deadline,
        held: ClaimGuard,
    ) -> Result<Start<'a>> {
        let output = Output::of(options.detached.log.as_deref())?;
        let listen = |name| Socket::listen(name, options.run_as.uid()?);
        let notify = options.detached.notify.map(listen).transpose()?;
        let (events, family) = (Events::armed_for_orphans()?, Subreaper::adopt()?);
        let attempt = Attempt::within(None, options.detached.timeout, deadline, events);
        Ok(Start { options, launch, attempt, family, notify, held, restart: None, output, runs: RefCell::default() })
    }

    /// Keeps the restart lock to the end of the start.
    pub(crate) fn under(mut self, restart: RestartLock) -> Start<'a> {
        self.restart = Some(restart);
        self
    }

    pub(crate) fn spawn(&self, role: Role) -> Result<Daemon> {
        let spawned = match self.launch {
            Launch::Supervised => self.spawn_supervised(role),
            Launch::Direct | Launch::Forking => self.spawn_daemon(role),
        };
        // As a rule no process runs then. But a process may have begun that could not be pinned, or whose report was
        // lost.
        spawned.inspect_err(|_| self.end_all())
    }

    fn spawn_daemon(&self, role: Role) -> Result<Daemon> {
        let mut command = child::command(&self.options.command);
        self.options.run_as.apply(&mut command)?;
        self.detach(&mut command, &[])?;
        let pid = self.held.record_pid();
        if let Some(restart) = &self.restart {
            // Race: unmarked-successor (docs/races.md). Until the child owns its byte, the next holder of the restart
            // lock could not find it. So the kernel kills it if this process dies.
            child::die_with_us(&mut command);
            child::close_first(&mut command, restart);
        }
        let told = record_pid::before_exec(&mut command, &role.record_itself(pid)).act("prepare", "COMMAND")?;
        child::outlive_us(&mut command);
        match Child::try_spawn(&mut command, self.attempt.events())? {
            Ok(child) => Ok(Daemon { pid: child.process().pid(), child }),
            Err(e) => Err(role.not_started(&self.held, &self.options.command[0], &e, &told)),
        }
    }

    fn spawn_supervised(&self, role: Role) -> Result<Daemon> {
        let (mut supervisor, to_report) = Background::prepare(self.options, &self.held, role)?;
        let command = supervisor.command();
        self.detach(command, &[to_report.as_raw_fd()])?;
        let pid = self.held.record_pid();
        record_pid::before_exec(command, &pid.inherit()).act("prepare", "COMMAND")?;
        let child = Child::spawn(command, self.attempt.events())?;
        drop(to_report);
        let late = || "its supervisor has said nothing".to_owned();
        let pid = supervisor.report(|report| self.next(&[Watched::Read(report)], Deadline::NEVER, late))?;
        Ok(Daemon { pid, child })
    }

    /// Detaches COMMAND: a session of its own, no input, output to the log, and no descriptor except the given ones.
    fn detach(&self, command: &mut Command, kept: &[i32]) -> Result<()> {
        command.stdin(Stdio::null()).env_remove(VARIABLE);
        for into in [Command::stdout, Command::stderr] {
            into(command, self.output.for_writing()?);
        }
        if let Some(socket) = &self.notify {
            command.env("NOTIFY_SOCKET", socket.name());
        }
        child::inherit_only(&[&self.options.detached.keep_fd, kept].concat())?;
        child::lead_a_session(command);
        Ok(())
    }

    /// Waits as [`Attempt::next`] does, and reads the output of COMMAND meanwhile.
    pub(crate) fn next(
        &self,
        watched: &[Watched<'_>],
        look: Deadline,
        late: impl FnOnce() -> String,
    ) -> Result<Option<usize>> {
        let with_output =
            [watched, &self.output.descriptor().map(Watched::Read).into_iter().collect::<Vec<_>>()].concat();
        match self.attempt.next(&with_output, look, late)? {
            Some(place) if place == watched.len() => {
                self.output.drain();
                Ok(None)
            }
            event => Ok(event),
        }
    }

    /// Remembers the name of the daemon for messages. A process that has been reaped has no name any more.
    pub(crate) fn learn_name(&self, pid: Pid) {
        if let Some(name) = procfs::name(pid) {
            *self.runs.borrow_mut() = Some(name);
        }
    }

    /// Ends a start that has succeeded.
    pub(crate) fn succeed(&self) -> Result<Exit> {
        self.output.let_go(self.options.name()).map(|()| Exit::Done)
    }

    /// Ends a start that has failed, and every process that it has started. The returned error adds the name of the
    /// daemon and its last output. A start that logwatch(1) has judged ends without a message of its own.
    pub(crate) fn undo(&self, failure: anyhow::Error, pid: Pid) -> Result<Exit> {
        if let Some(JudgedByWatcher(signal)) = failure.downcast_ref() {
            self.end_all();
            return Ok(Exit::Signalled(*signal));
        }
        // The PID of a process that has been reaped may belong to a stranger by now.
        if self.runs.borrow().is_none() {
            self.learn_name(pid);
        }
        // The output of the daemon at its end is not the reason.
        let why = sentence(&failure);
        let watched = self.attempt.is_watched();
        let last_words = self.output.last_words(&why, watched).map_or(String::new(), |words| format!("; {words}"));
        self.end_all();
        let runs = self.runs.borrow();
        let name = runs.as_deref().map_or(self.options.name().to_string(), |runs| self.options.name_of(runs));
        Err(exit_as(ending(&failure), format!("start {name}: {why}{last_words}")))
    }

    fn end_all(&self) {
        if let Err(e) = self.family.end(self.attempt.events(), self.options.detached.kill_after) {
            output::failure(&e);
        }
    }
}
