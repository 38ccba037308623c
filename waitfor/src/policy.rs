//! How long to wait, how often to try, and which answer ends the wait.

use crate::target::Answer;
use racefree::event::deadline::Deadline;
use racefree::event::duration::Limit;
use std::time::Duration;

/// More than a try takes that does not wait.
const EACH_TRY: Duration = Duration::from_millis(1);

/// The options that hold for the wait as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// The limit of the whole wait.
    pub(crate) timeout: Limit,
    /// The limit of one try.
    pub(crate) attempt: Duration,
    /// The pause between two tries, where it is not to grow.
    pub(crate) interval: Option<Duration>,
    /// How long the wanted answer must last.
    pub(crate) stable: Duration,
    /// One target is enough.
    pub(crate) any: bool,
    /// The wait is for the end of the targets.
    pub(crate) down: bool,
}

impl Policy {
    /// When the last tries of so many targets have ended, which begin at the deadline. The single try of `-t 0` has the
    /// time of an attempt.
    pub(crate) fn last_tries_end_at(&self, targets: usize) -> Deadline {
        let tries = EACH_TRY * targets.try_into().unwrap_or(u32::MAX);
        match self.timeout {
            Limit::AtMost(Duration::ZERO) => Deadline::after(self.attempt.saturating_add(tries)),
            Limit::AtMost(timeout) => Deadline::after(timeout.saturating_add(tries)),
            Limit::None => Deadline::NEVER,
        }
    }

    /// Whether the answer is the wanted one, and for how long the try has seen it last.
    pub(crate) fn wanted(&self, answer: &Answer) -> Option<Duration> {
        match answer {
            Answer::Yes(lasted) if !self.down => Some(*lasted),
            Answer::No(_) if self.down => Some(Duration::ZERO),
            _ => None,
        }
    }
}
