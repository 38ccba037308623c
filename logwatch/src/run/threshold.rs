//! `--count` and `--within`: how many lines it takes to decide.

use crate::matching::matcher::Verdict;
use crate::options::stop_when::StopWhen;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The number of lines that decide, and those seen so far.
#[derive(Clone, Debug)]
pub(crate) struct Threshold {
    wanted: u64,
    within: Option<Duration>,
    /// The ready lines are counted, and the first error decides; otherwise the errors are counted.
    counts_ready: bool,
    seen: u64,
    /// When the last errors were read, if --within asks for it.
    recent: VecDeque<Instant>,
}

impl Threshold {
    /// The threshold that the command line asks for.
    pub(crate) fn of(stop_when: &StopWhen, ready_wanted: bool) -> Threshold {
        let wanted = stop_when.count.unwrap_or(1);
        Threshold {
            wanted,
            within: stop_when.within_time,
            counts_ready: ready_wanted,
            seen: 0,
            recent: VecDeque::new(),
        }
    }

    /// Takes note of a line. True if it decides.
    pub(crate) fn is_reached_by(&mut self, verdict: Verdict) -> bool {
        if self.counts_ready != (verdict == Verdict::Ready) {
            return true;
        }
        self.seen += 1;
        let Some(within) = self.within else { return self.seen >= self.wanted };
        let now = Instant::now();
        self.recent.push_back(now);
        self.recent.drain(..self.recent.len().saturating_sub(self.wanted.try_into().unwrap_or(usize::MAX)));
        let oldest = self.recent.front().is_some_and(|&oldest| now.duration_since(oldest) <= within);
        self.recent.len() as u64 == self.wanted && oldest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_decides_where_ready_lines_are_counted() {
        let (within, recent) = (None, VecDeque::new());
        let mut threshold = Threshold { wanted: 2, within, counts_ready: true, seen: 0, recent };
        assert!(threshold.is_reached_by(Verdict::Error));
        assert!(!threshold.is_reached_by(Verdict::Ready));
        assert!(threshold.is_reached_by(Verdict::Ready));
    }

    #[test]
    fn errors_that_are_too_far_apart_do_not_decide() {
        let recent = VecDeque::new();
        let mut threshold =
            Threshold { wanted: 2, within: Some(Duration::from_secs(60)), counts_ready: false, seen: 0, recent };
        assert!(!threshold.is_reached_by(Verdict::Error));
        threshold.recent[0] -= Duration::from_secs(61);
        assert!(!threshold.is_reached_by(Verdict::Error));
        assert!(threshold.is_reached_by(Verdict::Error));
    }
}
