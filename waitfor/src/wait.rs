//! The wait: every target is tried, at once and again, in one event loop, until all is decided.
//!
//! What the kernel announces is looked at when it does; the rest after a pause that grows with the time waited. The
//! last pause is cut to the deadline, and one more try made at it.

use crate::retry::{Awaited, Phase};
use crate::target::{Answer, Target};
use crate::while_process::Alive;
use racefree_core::claim::process_arg::Named;
use racefree_core::cli::exit::Exit;
use racefree_core::cli::output;
use racefree_core::cli::status_line::StatusLine;
use racefree_core::error::Result;
use racefree_core::event::time::{Deadline, Limit};
use racefree_core::event::{Event, Events, Watched};
use std::os::fd::AsFd;
use std::time::Duration;

/// How long to wait, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// For all of it.
    pub(crate) timeout: Limit,
    /// For one try.
    pub(crate) attempt: Duration,
    /// The pause between tries, where it is not to grow.
    pub(crate) interval: Option<Duration>,
    /// How long the answer must last.
    pub(crate) stable: Duration,
    /// One target is enough.
    pub(crate) any: bool,
    /// The end is awaited, not the beginning.
    pub(crate) down: bool,
}

impl Rules {
    /// Whether the answer is the awaited one, and how long it has been seen to last.
    pub(crate) fn fulfilled(&self, answer: &Answer) -> Option<Duration> {
        match answer {
            Answer::Yes(lasted) if !self.down => Some(*lasted),
            Answer::No(_) if self.down => Some(Duration::ZERO),
            _ => None,
        }
    }
}

/// A wait under way.
pub(crate) struct Wait {
    rules: Rules,
    deadline: Deadline,
    events: Events,
    alive: Option<Alive>,
    awaited: Vec<Awaited>,
    /// Whose turn it is, where several have something to tell: one that tells without end must not keep out the others.
    turn: usize,
}

impl Wait {
    /// Begins to count the time.
    pub(crate) fn begin(rules: Rules, targets: Vec<(String, Box<dyn Target>)>) -> Result<Wait> {
        let deadline = Deadline::within(rules.timeout);
        let events = Events::armed()?;
        let awaited = targets.into_iter().map(|(name, target)| Awaited::new(name, target)).collect();
        Ok(Wait { rules, deadline, events, alive: None, awaited, turn: 0 })
    }

    /// Waits, as long as the process that must stay alive does, and says how it ended.
    pub(crate) fn until_decided(mut self, alive: Option<Named>) -> Result<Exit> {
        self.alive = match alive.map(Alive::hold).transpose() {
            Ok(alive) => alive,
            // Whoever ends both tells us first: the end of the other is no news then.
            Err(gone) => match self.events.next(&[], Deadline::after(Duration::ZERO))? {
                Event::Signal(arrived) => return Ok(Exit::Signalled(arrived.signal)),
                _ => return Err(gone),
            },
        };
        let mut status = StatusLine::begin();
        loop {
            self.try_what_is_due()?;
            if self.is_fulfilled() {
                return self.ready_if_alive();
            }
            if self.awaited.iter().all(|awaited| matches!(awaited.phase, Phase::Satisfied | Phase::Exhausted)) {
                self.complain();
                return Ok(Exit::TimedOut);
            }
            status.show(|| self.in_one_line());
            let until =
                self.awaited.iter().map(|awaited| awaited.acts_at(self.deadline)).fold(status.due(), Deadline::or);
            let (watched, whose) = self.watched();
            match self.events.next(&watched, until)? {
                Event::Signal(arrived) => return Ok(Exit::Signalled(arrived.signal)),
                Event::Deadline => {}
                Event::Ready(place) => match whose[place] {
                    Whose::Alive => return Ok(self.gone()),
                    Whose::Target(who) => {
                        self.turn = who + 1;
                        self.awaited[who].be_told(&self.rules, self.deadline, &self.events)?;
                    }
                },
            }
        }
    }

    fn is_fulfilled(&self) -> bool {
        let mut satisfied = self.awaited.iter().map(|awaited| matches!(awaited.phase, Phase::Satisfied));
        if self.rules.any { satisfied.any(|it| it) } else { satisfied.all(|it| it) }
    }

    fn try_what_is_due(&mut self) -> Result<()> {
        for awaited in &mut self.awaited {
            awaited.act(&self.rules, self.deadline, &self.events)?;
        }
        Ok(())
    }

    fn watched(&self) -> (Vec<Watched<'_>>, Vec<Whose>) {
        let (mut watched, mut whose) = (vec![], vec![]);
        if let Some(alive) = &self.alive {
            watched.push(Watched::Read(alive.as_fd()));
            whose.push(Whose::Alive);
        }
        let turns = (0..self.awaited.len()).map(|turn| (self.turn + turn) % self.awaited.len());
        for who in turns {
            watched.extend(self.awaited[who].watched());
            whose.resize(watched.len(), Whose::Target(who));
        }
        (watched, whose)
    }

    /// Ready means ready and alive: what answered may have been a stranger, and the daemon dead of it.
    fn ready_if_alive(&self) -> Result<Exit> {
        match &self.alive {
            Some(alive) if alive.has_ended()? => Ok(self.gone()),
            _ => Ok(Exit::Done),
        }
    }

    fn gone(&self) -> Exit {
        if let Some(alive) = &self.alive {
            output::error(&alive.obituary());
        }
        self.complain();
        Exit::NotRunning
    }

    /// One line for each target that is not as it should be.
    fn complain(&self) {
        let unsatisfied = self.awaited.iter().filter(|awaited| !matches!(awaited.phase, Phase::Satisfied));
        unsatisfied.for_each(|awaited| output::error(&awaited.in_words(&self.rules)));
    }

    fn in_one_line(&self) -> String {
        let waiting = self.awaited.iter().filter(|awaited| !matches!(awaited.phase, Phase::Satisfied));
        let waiting: Vec<String> =
            waiting.map(|awaited| format!("{}: {}", awaited.name, awaited.last_reason(&self.rules))).collect();
        format!("waiting for {}", waiting.join(", "))
    }
}

/// Whose descriptor it is.
#[derive(Clone, Copy)]
enum Whose {
    Alive,
    Target(usize),
}
