//! The deadline of a wait, and the pause between two tries.

use crate::event::duration::Limit;
use std::time::{Duration, Instant};

/// The instant at which a wait gives up. It is computed once and passed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No deadline.
    pub const NEVER: Deadline = Deadline(None);

    /// The instant this long from now; `NEVER` if that is too far to count.
    pub fn after(duration: Duration) -> Deadline {
        Deadline(Instant::now().checked_add(duration))
    }

    /// This very instant.
    pub fn at(instant: Instant) -> Deadline {
        Deadline(Some(instant))
    }

    /// The deadline of a limit that begins now.
    pub fn within(limit: Limit) -> Deadline {
        match limit {
            Limit::AtMost(duration) => Deadline::after(duration),
            Limit::None => Deadline::NEVER,
        }
    }

    /// The time left: zero once the deadline has passed, `None` if there is no deadline.
    pub fn left(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }

    /// The instant half-way to it, or this far from now if that is sooner.
    #[must_use]
    pub fn half_way(self, at_most: Duration) -> Deadline {
        Deadline::after(self.left().map_or(at_most, |left| at_most.min(left / 2)))
    }

    /// Whether it passed so long ago, or longer.
    pub fn passed_since(self, ago: Duration) -> bool {
        self.0.is_some_and(|at| Instant::now().saturating_duration_since(at) >= ago)
    }

    /// Whether the deadline has passed.
    pub fn passed(self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// Whether it has passed at this instant.
    pub fn passed_by(self, now: Instant) -> bool {
        self.0.is_some_and(|at| at <= now)
    }

    /// The earlier of two deadlines.
    #[must_use]
    pub fn or(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.min(b))),
            (a, b) => Deadline(a.or(b)),
        }
    }

    /// The later of two deadlines.
    #[must_use]
    pub fn or_later(self, other: Deadline) -> Deadline {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Deadline(Some(a.max(b))),
            _ => Deadline::NEVER,
        }
    }
}

/// The pause between two tries for which the kernel has no event, such as a port that starts to listen.
///
/// The pause grows with the time waited: 1 ms at first, then 5 % of the time already waited, never over 250 ms. So a
/// success is noticed at most 5 % late, and a long wait costs next to nothing.
#[derive(Clone, Copy, Debug)]
pub struct Pause {
    since: Instant,
}

impl Pause {
    /// Begins to count the time waited.
    pub fn begin() -> Pause {
        Pause { since: Instant::now() }
    }

    /// The instant of the next try.
    pub fn next(&self) -> Deadline {
        let share = self.since.elapsed() / 20;
        Deadline::after(share.clamp(Duration::from_millis(1), Duration::from_millis(250)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_with_the_time_waited() {
        let fresh = Pause::begin().next().left();
        let old = Pause { since: Instant::now() - Duration::from_secs(2) }.next().left();
        let ancient = Pause { since: Instant::now() - Duration::from_secs(200) }.next().left();
        assert!(fresh <= Some(Duration::from_millis(1)));
        assert!(old > Some(Duration::from_millis(90)) && old < Some(Duration::from_millis(110)), "{old:?}");
        assert!(ancient <= Some(Duration::from_millis(250)));
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use crate::event::duration::{for_people, parse_duration};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_duration_is_too_long_for_a_deadline(text in "[0-9]{1,40}(ms|s|m|h|d)?") {
            if let Ok(duration) = parse_duration(&text) {
                let deadline = Deadline::after(duration);
                prop_assert!(duration < Duration::from_secs(1) || !deadline.passed());
                prop_assert!(!for_people(duration).is_empty());
            }
        }
    }
}
