//! The share of a core that a wait may use, whatever the number of targets and of events.

use nix::time::{ClockId, clock_gettime};
use racefree::event::deadline::Deadline;
use std::time::{Duration, Instant};

/// One part in so many of the time waited.
const SHARE: u32 = 20;

/// The processor time that a wait may use beyond its share, because many a wait ends before its share is worth counting.
const CREDIT: Duration = Duration::from_millis(20);

/// The processor time that this thread has used since the wait began, and the time that has passed.
pub(crate) struct Budget {
    began: Instant,
    used_before: Duration,
}

impl Budget {
    pub(crate) fn begin() -> Budget {
        Budget { began: Instant::now(), used_before: used() }
    }

    /// The instant from which the wait may work again; now, as long as it is within its share.
    pub(crate) fn works_at(&self) -> Deadline {
        let earned = (used().saturating_sub(self.used_before)).saturating_sub(CREDIT) * SHARE;
        Deadline::at(self.began + earned)
    }
}

/// The processor time of this thread. A clock that cannot be read sets no limit.
fn used() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}
