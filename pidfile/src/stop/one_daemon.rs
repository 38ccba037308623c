//! One daemon on its way out: asked to end, then ended, then its claim free.

use crate::signal::send;
use crate::stop::Stop;
use racefree_core::claim::leftovers::leftovers;
use racefree_core::claim::pin::Pinned;
use racefree_core::claim::restart_lock;
use racefree_core::claim::status::Status;
use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::cli::output;
use racefree_core::error::Result;
use racefree_core::event::Watched;
use racefree_core::event::time::Deadline;
use racefree_core::lock::fdinfo;
use racefree_core::lock::holders::{self, AT_MOST, Holder, Holders, Holds};
use racefree_core::lock::locked_file::LockedFile;
use racefree_core::process::pidfd::PidFd;
use racefree_core::process::tree::descendants_of;
use racefree_core::signal::Signal;
use rustix::process::Pid;
use std::os::fd::AsFd;
use std::path::Path;

pub(crate) struct Stopping<'a> {
    stop: &'a Stop,
    pidfile: &'a Path,
    state: State,
    /// Descendants of the claimant that have its lock too, held while the claimant lived.
    workers: Vec<PidFd>,
    killing: bool,
    killed: bool,
}

enum State {
    /// It has been asked to end.
    Ending(PidFd),
    /// It has ended; these still hold its lock.
    Freeing(Holders, Vec<PidFd>),
    Over(Result<()>),
}

impl<'a> Stopping<'a> {
    /// Asks the claimant to end.
    pub(crate) fn begin(stop: &'a Stop, pidfile: &'a Path) -> Stopping<'a> {
        let mut one =
            Stopping { stop, pidfile, state: State::Over(Ok(())), workers: vec![], killing: false, killed: false };
        one.state = one.ask().unwrap_or_else(|e| State::Over(Err(e)));
        one
    }

    fn ask(&mut self) -> Result<State> {
        let state = self.ask_claimant()?;
        // What a killed restart has left goes with it.
        let left = leftovers(self.pidfile).unwrap_or_default();
        for process in &left {
            send("stop", self.pidfile, process, self.stop.signal)?;
        }
        Ok(if !left.is_empty() && matches!(state, State::Over(Ok(()))) { self.still_held() } else { state })
    }

    fn ask_claimant(&mut self) -> Result<State> {
        Ok(match self.stop.unlocked.to_be_signalled("stop", self.pidfile)? {
            Pinned::Running(process, _) => {
                self.note_workers(process.pid());
                send("stop", self.pidfile, &process, self.stop.signal)?;
                State::Ending(process)
            }
            Pinned::Nobody(Status::Orphaned(..)) => State::Freeing(Holders::default(), vec![]),
            Pinned::Nobody(reading @ Status::Unknown(_)) => {
                return Err(exit_as(Exit::Unknown, format!("stop {}: {}", self.pidfile.display(), reading.in_words())));
            }
            Pinned::Nobody(reading) => {
                let words = || self.stop.unlocked.in_words(&reading);
                output::detail(|| format!("stop {}: {}", self.pidfile.display(), words()));
                State::Over(Ok(()))
            }
        })
    }

    /// Holds the descendants of a claimant that have its lock too.
    fn note_workers(&mut self, claimant: Pid) {
        if !self.stop.may_kill() {
            return;
        }
        let Ok(locked) = LockedFile::at(self.pidfile) else { return };
        let new = |process: &PidFd| self.workers.iter().all(|known| known.pid() != process.pid());
        let workers = descendants_of(claimant).into_iter().filter(new);
        let workers: Vec<PidFd> = workers.filter(|worker| holders::holds(worker.pid(), locked) == Holds::Yes).collect();
        self.workers.extend(workers);
    }

    /// Sees how far it has come; whether it has just come further.
    pub(crate) fn look(&mut self) -> bool {
        let before = std::mem::discriminant(&self.state);
        let further = match &self.state {
            State::Ending(process) => match process.has_ended() {
                Ok(false) => Ok(None),
                Ok(true) => Ok(Some(self.still_held())),
                Err(e) => Err(e),
            },
            State::Freeing(..) => Ok(Some(self.still_held())),
            State::Over(_) => Ok(None),
        };
        match further {
            Ok(None) => {}
            Ok(Some(state)) => self.state = state,
            Err(e) => self.state = State::Over(Err(e)),
        }
        if self.killing && matches!(self.state, State::Freeing(..)) {
            self.kill_holders();
        }
        before != std::mem::discriminant(&self.state)
    }

    /// The process has ended; its children may still hold the lock. A claim by somebody else is none of our business.
    fn still_held(&self) -> State {
        let holders = match Status::of(self.pidfile) {
            Status::Absent | Status::Stale(_) | Status::Unfit(..) | Status::Held(_) => {
                let left = leftovers(self.pidfile).unwrap_or_default();
                let seen = left.iter().map(|process| Holder::new(process.pid())).collect();
                let holders = Holders { seen, cut_short: false };
                return if left.is_empty() { State::Over(Ok(())) } else { State::Freeing(holders, left) };
            }
            Status::Orphaned(_, holders) => holders,
            Status::Unknown(_) => Holders::default(),
        };
        let held = holders.seen.iter().filter_map(|holder| PidFd::open(holder.pid).ok().flatten()).collect();
        State::Freeing(holders, held)
    }

    pub(crate) fn watched(&self) -> Vec<Watched<'_>> {
        match &self.state {
            State::Ending(process) => vec![Watched::Read(process.as_fd())],
            State::Freeing(_, processes) => processes.iter().map(|process| Watched::Read(process.as_fd())).collect(),
            State::Over(_) => vec![],
        }
    }

    /// Sends KILL, and will send it to whoever keeps the claim after that.
    pub(crate) fn kill(&mut self) {
        self.killing = true;
        if let State::Ending(process) = &self.state {
            let claimant = process.pid();
            self.note_workers(claimant);
        }
        if let State::Ending(process) = &self.state {
            match send("stop", self.pidfile, process, Signal::KILL) {
                Ok(sent) => self.killed |= sent,
                Err(e) => self.state = State::Over(Err(e)),
            }
        }
    }

    /// Sends KILL to those who keep the lock of a dead claimant: its workers, which were held while it lived. Whoever else has
    /// the descriptor may have been handed it, and is ended only under `--kill-holders`.
    fn kill_holders(&mut self) {
        let State::Freeing(_, processes) = &self.state else { return };
        // A file that has gone has no holders that could be told apart.
        let Ok(locked) = LockedFile::at(self.pidfile) else { return };
        for process in processes {
            // The lock may be that of a claim half-way by now. One that may not be killed is named at the deadline.
            // Race: kill-meets-claim (docs/races.md)
            let orphaned = restart_lock::is_held(self.pidfile).is_ok_and(|under_way| !under_way)
                && matches!(Status::of(self.pidfile), Status::Orphaned(..))
                && fdinfo::has_inherited(process.pid(), locked, Deadline::after(AT_MOST));
            let worker = self.workers.iter().find(|worker| worker.pid() == process.pid());
            let process = if self.stop.kill_holders { Some(process) } else { worker };
            if let Some(process) = process.filter(|_| orphaned) {
                self.killed |= process.signal(Signal::KILL).unwrap_or(false);
            }
        }
        for left in leftovers(self.pidfile).unwrap_or_default() {
            self.killed |= left.signal(Signal::KILL).unwrap_or(false);
        }
    }

    /// The time is over.
    pub(crate) fn give_up(&mut self, after: &str) {
        let why = match &self.state {
            State::Ending(process) => format!("process {} has not ended", Holder::new(process.pid())),
            State::Freeing(holders, _) => format!("the claim is still {holders}"),
            State::Over(_) => return,
        };
        self.fail(Exit::TimedOut, format!("stop {}: {why}{after}", self.pidfile.display()));
    }

    fn fail(&mut self, exit: Exit, why: String) {
        if !self.is_over() {
            self.state = State::Over(Err(exit_as(exit, why)));
        }
    }

    /// What is awaited, for the status line.
    pub(crate) fn awaited(&self) -> Option<String> {
        match &self.state {
            State::Ending(process) => Some(format!("waiting for process {} to end", process.pid())),
            State::Freeing(holders, _) => Some(format!("waiting for {}: {holders}", self.pidfile.display())),
            State::Over(_) => None,
        }
    }

    pub(crate) fn is_freeing(&self) -> bool {
        matches!(self.state, State::Freeing(..))
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    /// How it ended, once it is over.
    pub(crate) fn outcome(self) -> Result<Exit> {
        match self.state {
            State::Over(Err(e)) => Err(e),
            _ if self.killed => Ok(Exit::Killed),
            _ => Ok(Exit::Done),
        }
    }
}
