//! Durations as people write them, the deadline of a wait, and the pause between tries.

use std::time::{Duration, Instant};

/// Parses `250ms`, `10`, `10s`, `1.5`, `2m`, `1h30m`, `2d`. A bare number is seconds.
///
/// # Errors
/// A sentence that shows what is accepted.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is no duration (like 250ms, 10, 1.5s, 2m or 1h30m)");
    let mut rest = text;
    let mut seconds = 0.0;
    let mut smallest = f64::INFINITY;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (number, after) = rest.split_at(digits);
        let unit_length = after.len() - after.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        let (unit, after) = after.split_at(unit_length);
        let unit = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "" if rest.len() == text.len() => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86400.0,
            _ => return Err(wrong()),
        };
        // The units must get smaller: "30m1h" is a slip of the pen.
        if unit >= smallest {
            return Err(wrong());
        }
        smallest = unit;
        seconds += number.parse::<f64>().map_err(|_| wrong())? * unit;
        rest = after;
    }
    if smallest.is_infinite() {
        return Err(wrong());
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

/// The limit of a wait: a duration, or `none`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// At most this long. Zero means one try without a wait.
    AtMost(Duration),
    /// No limit.
    None,
}

impl Limit {
    /// Parses a duration or the word `none`.
    ///
    /// # Errors
    /// A sentence that shows what is accepted.
    pub fn parse(text: &str) -> Result<Limit, String> {
        match text {
            "none" => Ok(Limit::None),
            text => parse_duration(text).map(Limit::AtMost),
        }
    }

    /// The end of a sentence about a wait that is over: ` after 30 s`, or nothing if there was no limit.
    pub fn after(self) -> String {
        match self {
            Limit::AtMost(duration) => format!(" after {}", for_people(duration)),
            Limit::None => String::new(),
        }
    }
}

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

/// A duration for people: `12 ms`, `3.4 s`, `5 min`, `2 h`, `3 d`.
pub fn for_people(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{} ms", duration.as_millis()),
        1..=9 => format!("{:.1} s", duration.as_secs_f64()),
        10..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_reads_as_people_write_it() {
        for (text, millis) in [
            ("250ms", 250),
            ("10", 10_000),
            ("10s", 10_000),
            ("1.5", 1_500),
            (".5", 500),
            ("2m", 120_000),
            ("1h30m", 5_400_000),
            ("1d", 86_400_000),
            ("0", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in
            ["", "x", "-1", "1x", "s", "1 s", "1.2.3", "30m1h", "1m5", "inf", "nan", "1e3", "99999999999999999999999d"]
        {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_duration_is_the_sum_of_its_parts(d in 0..20_000u64, h in 0..24u64, m in 0..60u64, s in 0..60u64, ms in 0..1000u64) {
            let whole = Duration::from_millis(((((d * 24) + h) * 60 + m) * 60 + s) * 1000 + ms);
            let read = parse_duration(&format!("{d}d{h}h{m}m{s}s{ms}ms")).expect("a duration");
            prop_assert!(read.abs_diff(whole) < Duration::from_micros(1), "{:?}", read);
            prop_assert_eq!(parse_duration(&whole.as_secs().to_string()), Ok(Duration::from_secs(whole.as_secs())));
        }

        #[test]
        fn nothing_but_digits_a_point_and_units_is_a_duration(text in "[-+ 0-9.a-zA-Z]{0,12}|\\PC{0,8}") {
            if parse_duration(&text).is_ok() {
                prop_assert!(text.chars().all(|c| c.is_ascii_digit() || ".smhd".contains(c)), "{:?}", text);
                prop_assert!(text.starts_with(|c: char| c.is_ascii_digit() || c == '.'), "{:?}", text);
            }
        }

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
