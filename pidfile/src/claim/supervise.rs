//! `--supervise`: the parent of COMMAND holds the claim, and vouches for COMMAND until it has reaped it.
//!
//! COMMAND inherits the lock too: if the supervisor is killed, the claim is not free before COMMAND is gone.

use crate::claim::Claim;
use crate::claim::start::Role;
use racefree_core::claim::ClaimGuard;
use racefree_core::cli::exit::{Exit, ending, exit_as};
use racefree_core::error::{Context, Result, sentence};
use racefree_core::event::time::Deadline;
use racefree_core::event::{Event, Events, Watched};
use racefree_core::process::child::{self, Child};
use racefree_core::signal::Signal;
use racefree_core::sys;
use rustix::process::Pid;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Supervises COMMAND as a child of this process, and ends as it ends.
pub(crate) fn in_foreground(claim: &Claim, held: &ClaimGuard) -> Result<Exit> {
    let events = Events::armed()?;
    let child = spawn(claim, held, &events)?;
    watch_over(child, &events, claim.ignore_int)
}

fn spawn(claim: &Claim, held: &ClaimGuard, events: &Events) -> Result<Child> {
    let mut command = child::command(&claim.command);
    child::die_with_us(&mut command);
    if claim.ignore_int {
        child::ignore_int(&mut command);
    }
    let naming = held.record_pid();
    let unannounced = claim.unannounced;
    child::before_exec(&mut command, move || if unannounced { naming.inherit() } else { naming.write() });
    let mut child = match Child::try_spawn(&mut command, events)? {
        Ok(child) => child,
        Err(e) if unannounced => return Err(child::not_executed(&claim.command[0], &e)),
        Err(e) => return Err(held.not_started(&claim.command[0], e)),
    };
    // The text is written, but nobody vouches for it until now: readers see the descriptor that COMMAND inherited.
    let pid = child.process().pid();
    if let Err(e) = if unannounced { held.vouch_for_successor(pid) } else { held.vouch_for(pid) } {
        child.process().signal(Signal::KILL)?;
        child.reap()?;
        if !unannounced {
            held.unname()?;
        }
        return Err(e);
    }
    Ok(child)
}

fn watch_over(mut child: Child, events: &Events, ignore_int: bool) -> Result<Exit> {
    loop {
        match events.next(&[Watched::Read(child.process().as_fd())], Deadline::NEVER)? {
            Event::Signal(arrived) if arrived.signal == Signal::INT && ignore_int => {
                child.process().signal(Signal::TERM)?;
            }
            Event::Signal(arrived) => child.pass_on(arrived)?,
            Event::Ready(_) => return child.reap().map(Exit::from),
            Event::Deadline => {}
        }
    }
}

/// A supervisor in the background: this program once more, in the session of the daemon.
pub(crate) struct Background {
    command: Command,
    report: File,
}

impl Background {
    /// Prepares it. It inherits the claim and a pipe, on which it reports.
    pub(crate) fn prepare(claim: &Claim, held: &ClaimGuard, how: Role) -> Result<(Background, rustix::fd::OwnedFd)> {
        let (report, to_report) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).act("make", "a pipe")?;
        let mut command = Command::new("/proc/self/exe");
        command.arg0("pidfile").args(["claim", "--supervise"]);
        command.args(claim.ignore_int.then_some("--ignore-int"));
        command.args((how == Role::Successor).then_some("--unannounced"));
        let descriptors = [held.record_pid().descriptor(), to_report.as_raw_fd()];
        command.arg("--heir").args(descriptors.map(|fd| fd.to_string()));
        command.arg("--").arg(&claim.pidfile).args(&claim.command);
        Ok((Background { command, report: File::from(report) }, to_report))
    }

    pub(crate) fn command(&mut self) -> &mut Command {
        &mut self.command
    }

    /// The number of COMMAND, or what has kept it from running.
    pub(crate) fn report(mut self) -> Result<Pid> {
        let mut said = String::new();
        self.report.read_to_string(&mut said).act("hear from", "the supervisor")?;
        let (code, rest) = said.split_once(' ').unwrap_or_default();
        match (code.parse(), rest.parse().ok().and_then(Pid::from_raw)) {
            (Ok(0), Some(pid)) => Ok(pid),
            (Ok(code), _) => Err(exit_as(Exit::Status(code), rest)),
            (Err(_), _) => Err(exit_as(Exit::Failed, "start the supervisor: it ended without a word")),
        }
    }
}

/// The supervisor in the background, on its side.
pub(crate) fn as_heir(claim: &Claim, held: RawFd, report: RawFd) -> Result<Exit> {
    let mut report = File::from(sys::adopt(report).act("use descriptor", report)?);
    let held = sys::adopt(held).act("use descriptor", held)?;
    let begun = ClaimGuard::inherited(held, &claim.pidfile).and_then(|held| {
        let events = Events::armed()?;
        let child = spawn(claim, &held, &events)?;
        Ok((held, events, child))
    });
    let said = match &begun {
        Ok((_, _, child)) => format!("0 {}", child.process().pid()),
        Err(e) => format!("{} {}", ending(e).code(), sentence(e)),
    };
    // A launcher that was killed hears nothing; the daemon runs and is claimed all the same.
    let _ = report.write_all(said.as_bytes());
    drop(report);
    let (_held, events, child) = begun?;
    watch_over(child, &events, claim.ignore_int)
}
