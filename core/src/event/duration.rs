//! A duration as people write and read it, and the limit of a wait.

use std::time::Duration;

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
    }
}
