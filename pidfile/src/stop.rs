//! `pidfile stop`: ask the claimant to end, and wait until process and claim are gone.

use crate::signal::to_be_signalled;
use clap::Args;
use racefree_core::control::Found;
use racefree_core::error::{Doing, Result, refusal};
use racefree_core::events::{Event, Events, Watched};
use racefree_core::exit::Exit;
use racefree_core::holders::{self, Holder, Holds, Identity};
use racefree_core::process::Process;
use racefree_core::reading::Reading;
use racefree_core::signal;
use racefree_core::time::{Deadline, Limit, Pause, for_people, parse_duration};
use racefree_core::voice::{self, StatusLine};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

/// Stop the daemon that has claimed PIDFILE, and return when it is gone
///
/// Returns when the process has ended *and* the claim is free, so that a start may follow at once. Not running is
/// success. PIDFILE stays where it is.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// The signal that asks the daemon to end
    #[arg(long, value_name = "SIG", default_value = "TERM")]
    signal: signal::Signal,
    /// How long to wait for the end, or `none`
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = Limit::parse)]
    timeout: Limit,
    /// Send KILL if it is still there after DUR (default: never)
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    kill_after: Option<Duration>,
    /// The PID file
    pidfile: PathBuf,
}

impl Stop {
    pub(crate) fn run(self) -> Result<Exit> {
        let deadline = Deadline::within(self.timeout);
        let kill_at = self.kill_after.map_or(Deadline::NEVER, Deadline::after);
        let mut stopping = Stopping { stop: &self, events: Events::armed()?, deadline, kill_at, killed: false };
        match to_be_signalled(&self.pidfile)? {
            Found::Running(process, _) => {
                process.signal(self.signal)?;
                stopping.wait_for(&process)?;
                stopping.wait_until_free()?;
            }
            Found::Nobody(Reading::Orphaned(..)) => stopping.wait_until_free()?,
            Found::Nobody(reading @ Reading::Unknown(_)) => {
                return Err(refusal(Exit::Unknown, format!("stop {}: {}", self.pidfile.display(), reading.in_words())));
            }
            Found::Nobody(reading) => {
                voice::detail(|| format!("stop {}: {}", self.pidfile.display(), reading.in_words()))
            }
        }
        Ok(if stopping.killed { Exit::Killed } else { Exit::Done })
    }
}

struct Stopping<'a> {
    stop: &'a Stop,
    events: Events,
    deadline: Deadline,
    kill_at: Deadline,
    killed: bool,
}

impl Stopping<'_> {
    fn wait_for(&mut self, process: &Process) -> Result<()> {
        let mut status = StatusLine::begin();
        loop {
            status.show(|| format!("waiting for process {} to end", process.pid()));
            let until = self.deadline.or(self.kill_at).or(status.due());
            match self.events.next(&[Watched::Read(process.as_fd())], until)? {
                Event::Ready(_) => return Ok(()),
                Event::Signal(arrived) => return Err(self.interrupted(arrived.signal)),
                Event::Deadline if self.kill_at.passed() => self.kill(process)?,
                Event::Deadline if self.deadline.passed() => {
                    return Err(self.too_late(&format!("process {} has not ended", Holder::new(process.pid()))));
                }
                Event::Deadline => {}
            }
        }
    }

    fn kill(&mut self, process: &Process) -> Result<()> {
        self.kill_at = Deadline::NEVER;
        self.killed = process.signal(signal::Signal::KILL)? || self.killed;
        Ok(())
    }

    /// The process has ended; its children may still hold the lock. A claim by somebody else is none of our business.
    fn wait_until_free(&mut self) -> Result<()> {
        let pidfile = &self.stop.pidfile;
        let pause = Pause::begin();
        let mut status = StatusLine::begin();
        loop {
            let holders = match Reading::of(pidfile) {
                Reading::Absent | Reading::Stale(_) | Reading::Held(_) => return Ok(()),
                Reading::Orphaned(_, holders) => holders,
                Reading::Unknown(_) => vec![],
            };
            let held: Vec<Process> =
                holders.iter().filter_map(|holder| Process::open(holder.pid).ok().flatten()).collect();
            if self.kill_at.passed() {
                self.kill_holders(&held)?;
            }
            if self.deadline.passed() {
                return Err(self.too_late(&format!("the claim is still {}", holders::in_words(&holders))));
            }
            status.show(|| format!("waiting for {}: {}", pidfile.display(), holders::in_words(&holders)));
            // The end of a holder is an event; that one just closes its descriptor is not, hence the pause.
            let watched: Vec<Watched> = held.iter().map(|process| Watched::Read(process.as_fd())).collect();
            if let Event::Signal(arrived) =
                self.events.next(&watched, self.deadline.or(self.kill_at).or(pause.next()))?
            {
                return Err(self.interrupted(arrived.signal));
            }
        }
    }

    fn kill_holders(&mut self, holders: &[Process]) -> Result<()> {
        let identity =
            Identity::from(&std::fs::metadata(&self.stop.pidfile).doing("look at", self.stop.pidfile.display())?);
        for process in holders {
            // Asked again now that it is held: the number may have been recycled since it was seen.
            if holders::holds(process.pid(), identity) == Holds::Yes {
                self.killed = process.signal(signal::Signal::KILL)? || self.killed;
            }
        }
        Ok(())
    }

    fn interrupted(&self, by: signal::Signal) -> anyhow::Error {
        refusal(
            Exit::Signalled(by),
            format!("stop {}: {by} arrived; the daemon may still be ending", self.stop.pidfile.display()),
        )
    }

    fn too_late(&self, why: &str) -> anyhow::Error {
        refusal(Exit::TimedOut, format!("stop {}: {why}{}", self.stop.pidfile.display(), after(self.stop.timeout)))
    }
}

/// ` after 30 s`, or nothing where there was no limit.
fn after(limit: Limit) -> String {
    match limit {
        Limit::AtMost(duration) => format!(" after {}", for_people(duration)),
        Limit::None => String::new(),
    }
}
