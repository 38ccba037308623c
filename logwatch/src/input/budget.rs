//! How long a loop may run whose length others decide: the size of an archive, the number of archives, a log that grows.

use racefree::event::deadline::Deadline;
use std::cell::Cell;

/// A deadline that such a loop asks for after each step.
#[derive(Debug)]
pub(crate) struct Budget<'a> {
    until: Deadline,
    /// Tells if a signal waits to be handled; None where signals end the process by their default action.
    signal_waits: Option<&'a dyn SignalWaits>,
    steps: Cell<u32>,
}

/// Somebody who collects signals.
pub(crate) trait SignalWaits: std::fmt::Debug {
    /// True if a signal has arrived and nobody has handled it.
    fn signal_waits(&self) -> bool;
}

/// A look at the clock after this many steps is often enough: a step reads at most 256 KiB.
const STEPS: u32 = 4;

impl<'a> Budget<'a> {
    /// A budget that ends at the deadline.
    pub(crate) fn until(until: Deadline) -> Budget<'a> {
        Budget { until, signal_waits: None, steps: Cell::new(0) }
    }

    /// The budget also ends when a signal arrives.
    pub(crate) fn or_signal(self, signals: &'a dyn SignalWaits) -> Budget<'a> {
        Budget { signal_waits: Some(signals), ..self }
    }

    /// True if the loop must end.
    pub(crate) fn is_spent(&self) -> bool {
        self.steps.set(self.steps.get() + 1);
        let look = self.steps.get().is_multiple_of(STEPS);
        look && (self.until.passed() || self.signal_waits.is_some_and(SignalWaits::signal_waits))
    }
}
