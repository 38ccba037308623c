//! COMMAND as a child: its start with the caller's signal actions, the wait for it, and its end.

use crate::error::{Context, Result};
use crate::event::deadline::Deadline;
use crate::event::{Arrived, Event, Events, Watched};
use crate::listener;
use crate::pid;
use crate::process::command::by_shell;
pub use crate::process::command::{command, command_to_become, find, not_executed, shell};
use crate::process::pidfd::PidFd;
use crate::process::posix_spawn;
pub use crate::process::pre_exec::{
    close_first, die_with_us, end_group_with_us, ignore_int, inherit_only, lead_a_session, outlive_us,
};
use crate::process::subreaper::reap_all_but;
use crate::signal::Signal;
use crate::sys::beyond_nix::wait_for;
use crate::sys::runtime;
use crate::sys::steps::{Step, before_exec};
use nix::errno::Errno;
use nix::sys::signal::SigSet;
use nix::sys::signal::kill;
use nix::unistd::{Pid, getpgid, getpgrp, getpid, getsid};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

/// The end of a process (wait(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this status.
    Status(u8),
    /// This signal ended it.
    Signalled(Signal),
}

impl From<ExitStatus> for Ended {
    fn from(status: ExitStatus) -> Ended {
        match status.signal().and_then(Signal::new) {
            Some(signal) => Ended::Signalled(signal),
            // wait(2) reports "stopped" only on request, so there is a status.
            None => Ended::Status(status.code().unwrap_or_default() as u8),
        }
    }
}

impl fmt::Display for Ended {
    /// `exited with status 3`, `was ended by SIGKILL`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Status(status) => write!(f, "exited with status {status}"),
            Ended::Signalled(signal) => write!(f, "was ended by {signal}"),
        }
    }
}

/// A running child.
#[derive(Debug)]
pub struct Child {
    process: PidFd,
    ended: Option<Ended>,
}

/// Lets COMMAND begin with the signal mask and the ignored signals that this process began with. Rust would let a child
/// inherit our blocked signals and set SIGPIPE to its default.
fn restore_signals(command: &mut Command, mask: SigSet) {
    let mut steps = vec![Step::Ignore(Signal::XFSZ, runtime::xfsz_was_ignored())];
    let ignored = [(Signal::PIPE, runtime::pipe_was_ignored()), (Signal::CHLD, runtime::chld_was_ignored())];
    steps.extend(ignored.iter().filter(|(_, ignored)| *ignored).map(|&(signal, _)| Step::Ignore(signal, true)));
    steps.push(Step::SetMask(mask));
    before_exec(command, &steps);
}

/// Becomes COMMAND, in the same process with the same PID. It returns only if that failed.
pub fn become_command(mut command: Command) -> anyhow::Error {
    if let Ok(mask) = SigSet::thread_get_mask() {
        restore_signals(&mut command, mask);
    }
    let mut error = command.exec();
    if cfg!(target_env = "musl") && error.raw_os_error() == Some(nix::libc::ENOEXEC) {
        // The steps before the exec have been taken, in this very process.
        let mut again = by_shell(command.get_program(), command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => again.env(name, value),
                None => again.env_remove(name),
            };
        }
        error = again.exec();
    }
    not_executed(command.get_program(), &error)
}

impl Child {
    /// Starts a child. The loop is armed already, so no signal is lost in between.
    ///
    /// # Errors
    /// COMMAND was not found, or cannot be executed.
    pub fn spawn(command: &mut Command, events: &Events) -> Result<Child> {
        Child::try_spawn(command, events)?.map_err(|e| not_executed(command.get_program(), &e))
    }

    /// Starts a child of a utility that collects no signals. The child begins with the signal mask of this thread.
    ///
    /// # Errors
    /// COMMAND was not found, or cannot be executed.
    pub fn spawn_unarmed(command: &mut Command) -> Result<Child> {
        restore_signals(command, SigSet::thread_get_mask().act("read", "the signal mask")?);
        match command.spawn() {
            Ok(child) => Child::just_started(pid::of_child(&child)),
            Err(e) => Err(not_executed(command.get_program(), &e)),
        }
    }

    /// Starts a child, for a caller that distinguishes the errors between fork and exec.
    ///
    /// # Errors
    /// The outer error: the child cannot be pinned. The inner error: the child could not be started.
    pub fn try_spawn(command: &mut Command, events: &Events) -> Result<io::Result<Child>> {
        restore_signals(command, events.mask_before());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(e) => return Ok(Err(e)),
        };
        Child::just_started(pid::of_child(&child)).map(Ok)
    }

    /// Takes a child that this process has just started. A child that cannot be pinned is ended, because it could be
    /// neither awaited nor stopped.
    pub(crate) fn just_started(pid: Pid) -> Result<Child> {
        Child::of(pid).inspect_err(|_| {
            // The child is ours and unreaped, so the signal cannot fail, and the wait is short.
            let _ = kill(pid, nix::sys::signal::SIGKILL);
            while wait_for(pid) == Err(Errno::EINTR) {}
        })
    }

    /// Takes a child that this process has not started by [`Child::spawn`]: an adopted orphan, or a fork.
    ///
    /// # Errors
    /// There is no such child.
    pub fn of(pid: Pid) -> Result<Child> {
        // The child is ours and unreaped, so its PID cannot have been reused yet.
        let process = PidFd::open(pid)?.ok_or(Errno::ECHILD).act("hold child", pid)?;
        Ok(Child { process, ended: None })
    }

    /// The child as a pinned process, to wait for and to signal.
    pub fn process(&self) -> &PidFd {
        &self.process
    }

    /// Waits until the child has ended, and returns how it ended. It blocks, so call it when the process has ended.
    ///
    /// # Errors
    /// A refused wait(2).
    pub fn reap(&mut self) -> Result<Ended> {
        if let Some(ended) = self.ended {
            return Ok(ended);
        }
        let pid = self.process.pid();
        let status = loop {
            match wait_for(pid) {
                Ok(status) => break status,
                Err(Errno::EINTR) => {}
                Err(e) => return Err(e).act("wait for child", pid),
            }
        };
        let ended = Ended::from(status);
        self.ended = Some(ended);
        Ok(ended)
    }

    /// Reaps every other child that has ended. PID 1 gets all orphans of its namespace (pid_namespaces(7)).
    ///
    /// # Errors
    /// A refused wait(2).
    pub fn reap_others(&self) -> Result<()> {
        reap_all_but(self.process.pid())
    }

    /// Passes a signal on to the child, unless the terminal has sent it to the child too.
    ///
    /// # Errors
    /// EPERM: the child runs as another user.
    pub fn pass_on(&self, arrived: Arrived) -> Result<()> {
        if !(arrived.from_terminal && self.shares_terminal_signal(arrived.signal)) {
            self.process.signal(arrived.signal)?;
        }
        Ok(())
    }

    /// Race: ctrl-c-twice (docs/races.md). The terminal sends Ctrl-C to its foreground group, and a child that has left
    /// our group has not got it. A hang-up goes to the leader of the session alone, and to the group only once the
    /// leader has ended (credentials(7)).
    fn shares_terminal_signal(&self, signal: Signal) -> bool {
        // A group or session that began outside of our PID namespace is 0, and no group or session of ours has that number.
        let leader = getsid(None).ok() == Some(getpid());
        let with_us = getpgid(Some(self.process.pid())).ok() == Some(getpgrp());
        with_us && !(signal == Signal::HUP && leader)
    }

    /// Waits for the end of the child and passes signals on. Returns how the child ended.
    ///
    /// # Errors
    /// A refused poll(2) or wait(2).
    pub fn wait(&mut self, events: &Events) -> Result<Ended> {
        loop {
            match events.next(&[Watched::Read(self.process.as_fd())], Deadline::NEVER)? {
                Event::Signal(arrived) if arrived.signal == Signal::CHLD => self.reap_others()?,
                // A child that runs as another user now cannot be signalled, but it can be awaited.
                Event::Signal(arrived) => self.pass_on(arrived).unwrap_or_else(|e| listener::warning(&e)),
                Event::Ready(_) => return self.reap(),
                Event::Deadline => {}
            }
        }
    }
}

/// Runs COMMAND to its end and passes signals on. Returns how it ended; the caller ends in that way.
///
/// # Errors
/// As [`Child::spawn`].
pub fn run(words: &[OsString], events: &Events) -> Result<Ended> {
    match posix_spawn::quickly(words, events).map_err(|e| not_executed(&words[0], &e.into()))? {
        Some(pid) => Child::just_started(pid)?.wait(events),
        None => Child::spawn(&mut command(words), events)?.wait(events),
    }
}

/// Runs a COMMAND that must not outlive this process. If this process cannot wait any more, it kills COMMAND.
///
/// # Errors
/// As [`Child::spawn`].
pub fn run_bound_to_us(words: &[OsString], events: &Events) -> Result<Ended> {
    let mut command = command(words);
    die_with_us(&mut command);
    let mut child = Child::spawn(&mut command, events)?;
    child.wait(events).inspect_err(|_| {
        // COMMAND may have ended already.
        let _ = child.process.signal(Signal::KILL);
    })
}
