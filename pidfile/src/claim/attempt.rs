//! An act that takes time: its deadline, the signals that interrupt it, and the words for its failures.

use crate::claim::watcher::{JudgedByWatcher, Watcher};
use racefree::cli::exit::{Exit, exit_as};
use racefree::error::Result;
use racefree::event::deadline::Deadline;
use racefree::event::duration::Limit;
use racefree::event::{Event, Events, Watched};
use racefree::signal::Signal;
use std::time::Duration;

/// An act that is under way. The message of its failure begins with its name, if that is known by then: `end the
/// leftover of a restart: ...`.
pub(crate) struct Attempt {
    act: Option<String>,
    limit: Limit,
    deadline: Deadline,
    events: Events,
    watcher: Option<Watcher>,
}

/// The time after the deadline in which ready descriptors are still looked at.
const GRACE: Duration = Duration::from_millis(100);

impl Attempt {
    /// Begins an act with a limit, counted from the moment at which the deadline was made.
    pub(crate) fn within(act: Option<String>, limit: Limit, deadline: Deadline, events: Events) -> Attempt {
        Attempt { act, limit, deadline, events, watcher: Watcher::find() }
    }

    /// Begins an act without a deadline.
    pub(crate) fn unlimited(act: String, events: Events) -> Attempt {
        Attempt { act: Some(act), limit: Limit::None, deadline: Deadline::NEVER, events, watcher: None }
    }

    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// Whether logwatch(1) shows the log of this act.
    pub(crate) fn is_watched(&self) -> bool {
        self.watcher.is_some()
    }

    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Lets the act take until `later`, if that is after its deadline.
    pub(crate) fn extend(&mut self, later: Deadline) {
        self.deadline = self.deadline.or_later(later);
    }

    /// Waits until one of the watched descriptors is ready, and returns its place. `None` means to look again: `look`
    /// has passed, or a child has ended. The deadline, and a signal that asks this process to end, are failures.
    pub(crate) fn next(
        &self,
        watched: &[Watched<'_>],
        look: Deadline,
        late: impl FnOnce() -> String,
    ) -> Result<Option<usize>> {
        match self.events.next(watched, self.deadline.or(look))? {
            // A stranger may keep a descriptor ready for ever.
            Event::Ready(_) if self.deadline.passed_since(GRACE) => Err(self.late(late())),
            Event::Ready(place) => Ok(Some(place)),
            Event::Signal(arrived) if self.watcher.is_some_and(|watcher| watcher.has_sent(arrived.sender)) => {
                Err(JudgedByWatcher(arrived.signal).into())
            }
            Event::Signal(arrived) if arrived.signal != Signal::CHLD => {
                Err(self.failure(Exit::Signalled(arrived.signal), format!("{} arrived", arrived.signal)))
            }
            Event::Deadline if self.deadline.passed() => Err(self.late(late())),
            Event::Signal(_) | Event::Deadline => Ok(None),
        }
    }

    fn late(&self, what: String) -> anyhow::Error {
        self.failure(Exit::TimedOut, format!("{what}{}", self.limit.after()))
    }

    pub(crate) fn failure(&self, exit: Exit, why: impl std::fmt::Display) -> anyhow::Error {
        match &self.act {
            Some(act) => exit_as(exit, format!("{act}: {why}")),
            None => exit_as(exit, why.to_string()),
        }
    }
}
