//! `--supervise`: the parent of COMMAND holds the claim, and the byte lock of COMMAND until it has reaped COMMAND.
//!
//! Race: supervisor-killed (docs/races.md). COMMAND inherits the flock too: if the supervisor is killed, the claim is
//! not free before COMMAND has ended.

use crate::claim::options::Claim;
use crate::claim::replaced::PathOfClaim;
use crate::claim::role::Role;
use crate::claim::run_as::RunAs;
use clap::Parser;
use nix::fcntl::OFlag;
use nix::unistd::{Pid, pipe2};
use racefree::claim::{ClaimGuard, record_pid};
use racefree::cli::Cli;
use racefree::cli::exit::{Exit, ending, exit_as};
use racefree::cli::output::Verbosity;
use racefree::error::{Context, Result, sentence};
use racefree::event::deadline::Deadline;
use racefree::event::{Event, Events, Watched};
use racefree::pid;
use racefree::process::child::{self, Child};
use racefree::signal::Signal;
use racefree::sys;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// Supervises COMMAND as a child of this process, and ends as it ends.
pub(crate) fn in_foreground(options: &Claim, held: &ClaimGuard) -> Result<Exit> {
    let Claim { ignore_int, run_as, command, .. } = options;
    let supervised = Supervised { role: Role::Claimant, ignore_int: *ignore_int, run_as, command };
    let events = Events::armed_for_command()?;
    let path = PathOfClaim::watch(held, &options.pidfile);
    let child = supervised.spawn(held, &events)?;
    supervised.watch_over(child, &events, Some(path))
}

/// The child of a supervisor.
struct Supervised<'a> {
    role: Role,
    ignore_int: bool,
    run_as: &'a RunAs,
    command: &'a [OsString],
}

impl Supervised<'_> {
    fn spawn(&self, held: &ClaimGuard, events: &Events) -> Result<Child> {
        let mut command = child::command(self.command);
        self.run_as.apply(&mut command)?;
        child::die_with_us(&mut command);
        if self.ignore_int {
            child::ignore_int(&mut command);
        }
        let (pid, role) = (held.record_pid(), self.role);
        let told = record_pid::before_exec(&mut command, &role.record_supervised(pid)).act("prepare", "COMMAND")?;
        let mut child = match Child::try_spawn(&mut command, events)? {
            Ok(child) => child,
            Err(e) => return Err(role.not_started(held, &self.command[0], &e, &told)),
        };
        // Race: supervised-unverified (docs/races.md). COMMAND's PID is written, but its byte is not locked until now.
        // Readers see the descriptor that COMMAND inherited.
        if let Err(e) = role.vouch(held, child.process().pid()) {
            child.process().signal(Signal::KILL)?;
            child.reap()?;
            role.unname(held)?;
            return Err(e);
        }
        Ok(child)
    }

    /// Waits for the end of COMMAND. If COMMAND takes the path of its PID file, it is asked to end, and has failed.
    fn watch_over(&self, mut child: Child, events: &Events, mut path: Option<PathOfClaim<'_>>) -> Result<Exit> {
        let mut failure = None;
        loop {
            let mut watched = vec![Watched::Read(child.process().as_fd())];
            watched.extend(path.iter().filter_map(|path| Some(Watched::Read(path.descriptor()?))));
            match events.next(&watched, Deadline::NEVER)? {
                Event::Signal(arrived) if arrived.signal == Signal::INT && self.ignore_int => {
                    child.process().signal(Signal::TERM)?;
                }
                Event::Signal(arrived) if arrived.signal == Signal::CHLD => child.reap_others()?,
                Event::Signal(arrived) => child.pass_on(arrived)?,
                Event::Ready(0) => {
                    let ended = child.reap()?;
                    return failure.map_or_else(|| Ok(Exit::from(ended)), Err);
                }
                Event::Ready(_) => {
                    if let Some(taken) = path.take_if(|path| path.is_taken_by(child.process().pid())) {
                        failure = Some(exit_as(Exit::Failed, taken.why()));
                        child.process().signal(Signal::TERM)?;
                    }
                }
                Event::Deadline => {}
            }
        }
    }
}

/// The hidden verb by which this program starts itself as a supervisor in the background.
pub(crate) const VERB: &str = "background-supervisor";

/// A supervisor in the background: this program again, in the session of the daemon.
pub(crate) struct Background {
    command: Command,
    report: File,
}

impl Background {
    /// Prepares the supervisor. It inherits the claim, and a pipe for its report.
    pub(crate) fn prepare(options: &Claim, held: &ClaimGuard, role: Role) -> Result<(Background, OwnedFd)> {
        let (report, to_report) = pipe2(OFlag::O_CLOEXEC).act("make", "a pipe")?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0("pidfile").arg(VERB).args(options.ignore_int.then_some("--ignore-int"));
        command.args(options.run_as.arguments());
        let descriptors = [held.record_pid().descriptor(), to_report.as_raw_fd()];
        command.arg(role.word()).args(descriptors.map(|fd| fd.to_string()));
        command.arg("--").arg(&options.pidfile).args(&options.command);
        Ok((Background { command, report: File::from(report) }, to_report))
    }

    pub(crate) fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// The PID of COMMAND, or the reason for which COMMAND does not run.
    ///
    /// `wait` waits until the pipe is readable, or fails.
    pub(crate) fn report(mut self, mut wait: impl FnMut(BorrowedFd<'_>) -> Result<Option<usize>>) -> Result<Pid> {
        let mut said = Vec::new();
        let mut bytes = [0; 4096];
        while said.len() < bytes.len() {
            if wait(self.report.as_fd())?.is_none() {
                continue;
            }
            match self.report.read(&mut bytes).act("hear from", "the supervisor")? {
                0 => break,
                more => said.extend_from_slice(&bytes[..more]),
            }
        }
        let said = String::from_utf8_lossy(&said);
        let (code, rest) = said.split_once(' ').unwrap_or_default();
        match (code.parse(), rest.parse().ok().and_then(pid::numbered)) {
            (Ok(0), Some(pid)) => Ok(pid),
            (Ok(code), _) => Err(exit_as(Exit::Status(code), rest)),
            (Err(_), _) => Err(exit_as(Exit::Failed, "start the supervisor: it ended without a word")),
        }
    }
}

/// Supervise COMMAND in the background, under a claim that the launcher has made
#[derive(Debug, Parser)]
#[command(name = "pidfile")]
pub(crate) struct Supervisor {
    /// COMMAND starts with SIGINT ignored
    #[arg(long)]
    ignore_int: bool,
    #[command(flatten)]
    run_as: RunAs,
    /// The role of COMMAND
    role: Role,
    /// The descriptor of the claim
    held: RawFd,
    /// The descriptor for the report
    report: RawFd,
    /// The PID file
    pidfile: PathBuf,
    /// The daemon, and its arguments
    #[arg(required = true, trailing_var_arg = true)]
    command: Vec<OsString>,
}

impl Cli for Supervisor {
    const NAME: &'static str = "pidfile";
    fn verbosity(&self) -> Verbosity {
        Verbosity::default()
    }
}

impl Supervisor {
    /// Runs the supervisor in the background.
    pub(crate) fn run(self) -> Result<Exit> {
        let mut report = File::from(sys::adopt(self.report).act("use descriptor", self.report)?);
        let held = sys::adopt(self.held).act("use descriptor", self.held)?;
        let Supervisor { role, ignore_int, ref run_as, ref command, .. } = self;
        let supervised = Supervised { role, ignore_int, run_as, command };
        let begun = ClaimGuard::inherited(held, &self.pidfile).and_then(|held| {
            let events = Events::armed_for_command()?;
            let child = supervised.spawn(&held, &events)?;
            Ok((held, events, child))
        });
        let said = match &begun {
            Ok((_, _, child)) => format!("0 {}", child.process().pid()),
            Err(e) => format!("{} {}", ending(e).code(), sentence(e)),
        };
        // A launcher that was killed gets no report. The daemon runs and has its claim all the same.
        let _ = report.write_all(said.as_bytes());
        drop(report);
        let (_held, events, child) = begun?;
        // Nobody reads what a supervisor in the background says: the launcher has looked at the path.
        supervised.watch_over(child, &events, None)
    }
}
