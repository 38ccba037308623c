//! The wait: one event loop tries every target, at once and again, until all are decided.
//!
//! A target that the kernel sends events for is tried when an event comes; every other target is tried after a pause
//! that grows with the time waited. The last pause is cut to the deadline, and one more try is made at the deadline.
//!
//! Signals keep their default action: a wait has nothing to undo. The guard of an `exec:` command ends the command.

use crate::budget::Budget;
use crate::policy::Policy;
use crate::report;
use crate::retry::Retry;
use crate::sockets::{self, SocketTables};
use crate::target::Target;
use crate::while_process::WhileProcess;
use racefree::claim::process_arg::ProcessArg;
use racefree::cli;
use racefree::cli::exit::Exit;
use racefree::cli::output;
use racefree::cli::status_line::StatusLine;
use racefree::error::Result;
use racefree::event::deadline::Deadline;
use racefree::event::{Watched, all_ready};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A wait under way.
pub(crate) struct Wait {
    policy: Policy,
    json: bool,
    began: Instant,
    deadline: Deadline,
    tables: Rc<SocketTables>,
    process: Option<WhileProcess>,
    retries: Vec<Retry>,
}

/// How a rest ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rested {
    ToTheEnd,
    ProcessEnded,
}

/// Whose descriptor is watched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    WhileProcess,
    Target(usize),
}

impl Wait {
    /// Starts the clock.
    pub(crate) fn begin(
        policy: Policy,
        json: bool,
        tables: Rc<SocketTables>,
        targets: Vec<(String, Box<dyn Target>)>,
    ) -> Wait {
        let deadline = Deadline::within(policy.timeout);
        let retries = targets.into_iter().map(|(name, target)| Retry::new(name, target)).collect();
        Wait { policy, json, began: Instant::now(), deadline, tables, process: None, retries }
    }

    /// Waits until the targets are decided or the process of `--while` has ended, and returns how the wait ended.
    pub(crate) fn until_decided(mut self, process: Option<ProcessArg>) -> Result<Exit> {
        self.process = process.map(WhileProcess::pin).transpose()?;
        // A look at a dead network file system may hang.
        let _backstop = cli::end_by(self.policy.last_tries_end_at(self.retries.len()));
        let exit = self.exit()?;
        if self.json {
            report::print(&self.retries, &self.policy)?;
        }
        Ok(exit)
    }

    fn exit(&mut self) -> Result<Exit> {
        let budget = Budget::begin();
        let mut status = StatusLine::begin();
        loop {
            self.try_what_is_due()?;
            if self.is_satisfied() {
                return self.ready_if_alive();
            }
            if self.retries.iter().all(Retry::is_decided) {
                self.report_unsatisfied();
                return Ok(Exit::TimedOut);
            }
            status.show(|| self.in_one_line());
            if self.rest(budget.works_at().or(self.deadline))? == Rested::ProcessEnded {
                return Ok(self.process_ended());
            }
            let acts = self.retries.iter().map(|retry| retry.acts_at(self.deadline));
            let until = acts.fold(status.due(), Deadline::or);
            let (watched, whose) = self.watched();
            let mut ready: Vec<Whose> = all_ready(&watched, until)?.into_iter().map(|place| whose[place]).collect();
            // A target with several descriptors is resumed once.
            ready.dedup();
            for whose in ready {
                match whose {
                    Whose::WhileProcess => return Ok(self.process_ended()),
                    Whose::Target(place) => self.retries[place].on_ready(&self.policy, self.deadline)?,
                }
            }
        }
    }

    /// Watches nothing but the process of `--while` until this instant.
    fn rest(&self, until: Deadline) -> Result<Rested> {
        if until.passed() {
            return Ok(Rested::ToTheEnd);
        }
        let watched: Vec<Watched> = self.process.iter().map(|process| Watched::Read(process.as_fd())).collect();
        let ended = !all_ready(&watched, until)?.is_empty();
        Ok(if ended { Rested::ProcessEnded } else { Rested::ToTheEnd })
    }

    fn is_satisfied(&self) -> bool {
        let mut satisfied = self.retries.iter().map(Retry::is_satisfied);
        if self.policy.any { satisfied.any(|it| it) } else { satisfied.all(|it| it) }
    }

    fn try_what_is_due(&mut self) -> Result<()> {
        let now = self.turn();
        let due = self.retries.iter().filter(|retry| retry.is_due(now)).count();
        self.tables.begin_turn(due, self.deadline.passed_by(now));
        self.retries.iter_mut().try_for_each(|retry| retry.act(now, &self.policy, self.deadline))
    }

    /// The instant up to which tries are due in this turn. Of many targets also those are tried that are due a little
    /// later: one turn for all costs less than a turn for each.
    fn turn(&self) -> Instant {
        let now = Instant::now();
        let slack = (self.began.elapsed() / 40).min(Duration::from_millis(20));
        if self.retries.len() < sockets::MANY { now } else { now + slack }
    }

    fn watched(&self) -> (Vec<Watched<'_>>, Vec<Whose>) {
        let (mut watched, mut whose) = (vec![], vec![]);
        if let Some(process) = &self.process {
            watched.push(Watched::Read(process.as_fd()));
            whose.push(Whose::WhileProcess);
        }
        for (place, retry) in self.retries.iter().enumerate() {
            watched.extend(retry.watched());
            whose.resize(watched.len(), Whose::Target(place));
        }
        (watched, whose)
    }

    /// Looks at the process once more: what answered may have been a stranger, and the daemon may have ended because of
    /// that stranger.
    fn ready_if_alive(&self) -> Result<Exit> {
        match &self.process {
            Some(process) if process.has_ended()? => Ok(self.process_ended()),
            _ => {
                self.retries.iter().filter_map(Retry::caveat).for_each(|caveat| output::notice(&caveat));
                Ok(Exit::Done)
            }
        }
    }

    fn process_ended(&self) -> Exit {
        if let Some(process) = &self.process {
            output::error(&process.exit_message());
        }
        self.report_unsatisfied();
        Exit::NotRunning
    }

    /// Prints one line for each target that is not as wanted.
    fn report_unsatisfied(&self) {
        let unsatisfied = self.retries.iter().filter(|retry| !retry.is_satisfied());
        unsatisfied.for_each(|retry| output::error(&retry.report(&self.policy)));
    }

    fn in_one_line(&self) -> String {
        let waiting = self.retries.iter().filter(|retry| !retry.is_satisfied());
        let waiting: Vec<String> =
            waiting.map(|retry| format!("{}: {}", retry.name, retry.last_reason(&self.policy))).collect();
        format!("waiting for {}", waiting.join(", "))
    }
}
