//! One daemon on its way out: asked to end, then ended, then its claim free.

use crate::group::Group;
use crate::outcome::Account;
use crate::send::Sender;
use crate::stop::old_text::OldText;
use crate::stop::options::Stop;
use crate::stop::state::State;
use crate::stop::workers::Workers;
use racefree::claim::leftovers::leftovers;
use racefree::claim::pid_text::Text;
use racefree::claim::pin::MaybePinned;
use racefree::claim::status::Status;
use racefree::cli::exit::{Exit, exit_as};
use racefree::cli::output;
use racefree::error::Result;
use racefree::event::Watched;
use racefree::lock::holders::{Holder, Holders};
use racefree::process::pidfd::PidFd;
use racefree::signal::Signal;
use std::os::fd::AsFd;
use std::path::Path;

pub(crate) struct Stopping<'a> {
    stop: &'a Stop,
    pidfile: &'a Path,
    sender: Sender<'a>,
    account: Account<'a>,
    state: State,
    old_text: OldText,
    workers: Workers,
    /// The descendants of the claimant, under `--group`.
    group: Option<Group<'a>>,
    killing: bool,
    killed: bool,
}

impl<'a> Stopping<'a> {
    /// Asks the claimant to end.
    pub(crate) fn begin(stop: &'a Stop, pidfile: &'a Path) -> Stopping<'a> {
        let mut one = Stopping {
            stop,
            pidfile,
            sender: Sender::new("stop", pidfile, stop.json),
            account: Account::new(pidfile, stop.json),
            state: State::Over(Ok(())),
            old_text: OldText::of(pidfile),
            workers: Workers::default(),
            group: None,
            killing: false,
            killed: false,
        };
        one.state = one.ask().unwrap_or_else(|e| State::Over(Err(e)));
        one
    }

    fn ask(&mut self) -> Result<State> {
        let state = self.ask_claimant()?;
        // What a killed restart has left goes with it.
        let left = leftovers(self.pidfile).unwrap_or_default();
        for process in &left {
            self.sender.send(process, self.stop.signal)?;
        }
        Ok(if !left.is_empty() && matches!(state, State::Over(Ok(()))) { self.still_held() } else { state })
    }

    fn ask_claimant(&mut self) -> Result<State> {
        Ok(match self.stop.unlocked.to_be_signalled("stop", self.pidfile)? {
            MaybePinned::Running(process, claimant) => {
                self.account.found(claimant);
                if self.stop.may_kill() {
                    self.workers.note(self.pidfile, Some(&process));
                }
                self.group = self.stop.group.then(|| Group::of(self.pidfile, &process)).transpose()?;
                match &mut self.group {
                    Some(group) => group.ask(&self.sender, &process, self.stop.signal)?,
                    None => drop(self.sender.send(&process, self.stop.signal)?),
                }
                State::Ending(process)
            }
            MaybePinned::Nobody(Status::Orphaned(..)) => State::Freeing(Holders::default(), vec![]),
            MaybePinned::Nobody(reading @ (Status::Unknown(_) | Status::Unreadable(_))) => {
                return Err(exit_as(Exit::Unknown, format!("stop {}: {}", self.pidfile.display(), reading.in_words())));
            }
            MaybePinned::Nobody(reading) => {
                let words = format!("stop {}: {}", self.pidfile.display(), self.stop.unlocked.in_words(&reading));
                let lives = matches!(reading, Status::Stale(Text::Names(pid)) if PidFd::is_alive(pid));
                if lives || matches!(reading, Status::Unfit(..)) {
                    // The caller may have meant this process.
                    self.old_text.keep();
                    self.account.idle(format!("{words}; nothing was signalled"), output::notice);
                } else {
                    self.account.idle(words, |words| output::detail(|| words.into()));
                }
                State::Over(Ok(()))
            }
        })
    }

    /// Sees how far it has come; whether it has just come further.
    pub(crate) fn look(&mut self) -> bool {
        let before = std::mem::discriminant(&self.state);
        let further = match &self.state {
            State::Over(_) => Ok(None),
            State::Ending(_) if self.state.claimant().is_some() => self.note_newcomers().map(|()| None),
            State::Ending(_) | State::Freeing(..) | State::Remaining => {
                self.note_newcomers().map(|()| Some(self.still_there()))
            }
        };
        match further {
            Ok(None) => {}
            Ok(Some(state)) => self.state = state,
            Err(e) => self.state = State::Over(Err(e)),
        }
        if let State::Freeing(_, holders) = &self.state
            && self.killing
        {
            self.workers.note(self.pidfile, None);
            self.killed |= self.workers.kill(&self.sender, self.pidfile, holders, self.stop.kill_holders);
        }
        before != std::mem::discriminant(&self.state)
    }

    /// Pins those of the group that were forked since the last look.
    fn note_newcomers(&mut self) -> Result<()> {
        let Some(group) = &mut self.group else { return Ok(()) };
        let from = group.look(self.state.claimant())?;
        if self.killing {
            self.killed |= group.send(&self.sender, from, Signal::KILL)?;
        }
        Ok(())
    }

    /// The process has ended. The claim may still be held, and others of the group may still live.
    fn still_there(&self) -> State {
        match self.still_held() {
            State::Over(Ok(())) if self.group.as_ref().is_some_and(|group| group.living().next().is_some()) => {
                State::Remaining
            }
            state => state,
        }
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
            Status::Unknown(_) | Status::Unreadable(_) => Holders::default(),
        };
        let held = holders.seen.iter().filter_map(|holder| PidFd::open(holder.pid).ok().flatten()).collect();
        State::Freeing(holders, held)
    }

    pub(crate) fn watched(&self) -> Vec<Watched<'_>> {
        match &self.state {
            State::Ending(process) => {
                [process].into_iter().chain(self.remaining()).map(|process| Watched::Read(process.as_fd())).collect()
            }
            State::Freeing(_, processes) => processes.iter().map(|process| Watched::Read(process.as_fd())).collect(),
            State::Remaining => self.remaining().map(|process| Watched::Read(process.as_fd())).collect(),
            State::Over(_) => vec![],
        }
    }

    fn remaining(&self) -> impl Iterator<Item = &PidFd> {
        self.group.iter().flat_map(Group::living)
    }

    fn remaining_in_words(&self) -> String {
        self.remaining().map(|process| Holder::new(process.pid()).to_string()).collect::<Vec<_>>().join(", ")
    }

    /// Sends KILL, and will send it to whoever keeps the claim after that.
    pub(crate) fn kill(&mut self) {
        self.killing = true;
        if self.is_over() {
            return;
        }
        let claimant = self.state.claimant();
        self.workers.note(self.pidfile, claimant);
        let sent = match (&mut self.group, claimant) {
            (Some(group), claimant) => group.kill(&self.sender, claimant),
            (None, Some(claimant)) => self.sender.send(claimant, Signal::KILL),
            (None, None) => Ok(false),
        };
        match sent {
            Ok(sent) => self.killed |= sent,
            Err(e) => self.state = State::Over(Err(e)),
        }
    }

    /// The time is over.
    pub(crate) fn give_up(&mut self, after: &str) {
        let why = match &self.state {
            State::Ending(process) => format!("process {} has not ended", Holder::new(process.pid())),
            State::Freeing(holders, _) => format!("the claim is still {holders}"),
            State::Remaining => format!("not all of its group have ended: {}", self.remaining_in_words()),
            State::Over(_) => return,
        };
        let why = format!("stop {}: {why}{after}", self.pidfile.display());
        self.state = State::Over(Err(exit_as(Exit::TimedOut, why)));
    }

    /// The awaited event, for the status line.
    pub(crate) fn awaited(&self) -> Option<String> {
        match &self.state {
            State::Ending(process) => Some(format!("waiting for process {} to end", process.pid())),
            State::Freeing(holders, _) => Some(format!("waiting for {}: {holders}", self.pidfile.display())),
            State::Remaining => Some(format!("waiting for {}: {}", self.pidfile.display(), self.remaining_in_words())),
            State::Over(_) => None,
        }
    }

    /// Whether something may change without an event: a holder closes its descriptor, or a member of the group forks.
    pub(crate) fn changes_unseen(&self) -> bool {
        matches!(self.state, State::Freeing(..)) || (self.group.is_some() && !self.is_over())
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Over(_))
    }

    /// How it ended, once it is over.
    pub(crate) fn outcome(self) -> Result<Exit> {
        if matches!(self.state, State::Over(Ok(())))
            && let Err(e) = self.old_text.empty(self.pidfile)
        {
            output::failure(&e);
        }
        let ended = match self.state {
            State::Over(Err(e)) => Err(e),
            _ if self.killed => Ok(Exit::Killed),
            _ => Ok(Exit::Done),
        };
        self.account.print(&self.sender, "gone", &ended).and(ended)
    }
}
