//! `--forking`: the daemon that COMMAND leaves behind when it puts itself in the background.
//!
//! We adopt orphans (PR_SET_CHILD_SUBREAPER(2const)), so whoever COMMAND leaves behind becomes our child.

use crate::claim::start::{Daemon, Start};
use racefree_core::claim::pid_text::{self, Text};
use racefree_core::cli::exit::Exit;
use racefree_core::cli::output;
use racefree_core::error::Result;
use racefree_core::event::path_watch::PathWatch;
use racefree_core::event::time::{Deadline, Pause};
use racefree_core::event::{Event, Watched};
use racefree_core::lock::holders::{Holder, Holds, holds};
use racefree_core::process::child::Child;
use racefree_core::process::child::Ended;
use racefree_core::process::pidfd::PidFd;
use racefree_core::process::procfs;
use racefree_core::signal::Signal;
use rustix::process::Pid;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

impl Start<'_> {
    /// The daemon: what was started, or what that has left behind.
    pub(crate) fn find(&self, started: Daemon) -> Result<Daemon> {
        if !self.claim.forking {
            return Ok(started);
        }
        self.wait_for_command(started)?;
        self.held.name_nobody()?;
        let pid = match &self.claim.pid_from {
            Some(file) => self.written_to(file)?,
            None => self.left_behind()?,
        };
        self.held.name(pid)?;
        output::detail(|| format!("its daemon is process {}", Holder::new(pid)));
        Ok(Daemon { pid, child: Child::of(pid).map_err(|_| self.gone(pid))? })
    }

    fn wait_for_command(&self, mut command: Daemon) -> Result<()> {
        loop {
            match self.events.next(&[Watched::Read(command.child.process().as_fd())], self.deadline)? {
                Event::Signal(arrived) => self.heed(arrived.signal)?,
                Event::Deadline => return Err(self.too_late("it has not gone into the background")),
                Event::Ready(_) => match command.child.reap()? {
                    Ended::Status(0) => return Ok(()),
                    exit => return Err(self.failure(Exit::NotRunning, format!("it {}", exit))),
                },
            }
        }
    }

    fn heed(&self, signal: Signal) -> Result<()> {
        match signal {
            Signal::CHLD => Ok(()),
            signal => Err(self.failure(Exit::Signalled(signal), format!("{signal} arrived"))),
        }
    }

    /// The process whose number the daemon has written, if it is one that COMMAND has started: what else the file may
    /// say is history, or a trap.
    fn written_to(&self, file: &Path) -> Result<Pid> {
        // Behind the kernel's hints stands a look of our own; without them it is all there is.
        const LOOK: Duration = Duration::from_secs(1);
        let (pause, mut watch) = (Pause::begin(), PathWatch::on(file));
        loop {
            watch.arm();
            let text = std::fs::read(file).map(|content| pid_text::parse(&content));
            if let Ok(Text::Names(pid)) = text
                && let Some(process) = PidFd::open(pid)?
                && self.family.includes(&process)
                && !process.has_ended()?
            {
                return Ok(pid);
            }
            if self.family.children().is_empty() {
                return Err(self.failure(Exit::NotRunning, "it left no daemon behind"));
            }
            if self.deadline.passed() {
                let what = format!("{} names no process that it has started", file.display());
                return Err(self.too_late(&what));
            }
            let trusted = watch.trusted();
            let look = if trusted { Deadline::after(LOOK) } else { pause.next() };
            let watched: Vec<Watched> = watch.descriptor().into_iter().map(Watched::Read).collect();
            match self.events.next(&watched, self.deadline.or(look))? {
                Event::Signal(arrived) => self.heed(arrived.signal)?,
                Event::Ready(_) => drop(watch.drain()),
                Event::Deadline => {}
            }
        }
    }

    /// The orphan that we have adopted. One that is still busy may be about to fork once more and to end, as the second
    /// of the three generations of daemon(7) does: give it a moment to fall asleep.
    fn left_behind(&self) -> Result<Pid> {
        const MOMENT: Duration = Duration::from_millis(100);
        let (pause, moment) = (Pause::begin(), Deadline::after(MOMENT).or(self.deadline));
        loop {
            let mut left = self.family.children();
            if left.len() > 1 {
                let identity = self.held.identity()?;
                left.retain(|&pid| holds(pid, identity) == Holds::Yes);
            }
            let asleep = |pid: Pid| procfs::stat(pid).is_some_and(|stat| stat.asleep);
            match *left {
                [] if self.family.children().is_empty() => {
                    return Err(self.failure(Exit::NotRunning, "it exited with status 0 and left no daemon behind"));
                }
                [only] if asleep(only) || moment.passed() => return Ok(only),
                _ if moment.passed() => {
                    let several: Vec<String> = left.iter().map(|&pid| Holder::new(pid).to_string()).collect();
                    let why = format!("it left several processes behind: {}; use --pid-from", several.join(", "));
                    return Err(self.failure(Exit::Failed, why));
                }
                _ => {}
            }
            if let Event::Signal(arrived) = self.events.next(&[], moment.or(pause.next()))? {
                self.heed(arrived.signal)?;
            }
        }
    }

    fn gone(&self, pid: Pid) -> anyhow::Error {
        self.failure(Exit::NotRunning, format!("its daemon, process {pid}, has ended"))
    }
}
