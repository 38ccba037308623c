//! A signal, by its number and by its name (signal(7)).

use std::fmt;
use std::str::FromStr;

/// A signal that can be sent: 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signal(i32);

const LAST: i32 = 64;
const FIRST_REAL_TIME: i32 = 34;
const LAST_REAL_TIME: i32 = LAST;

impl Signal {
    /// Hang-up: the terminal is gone; by custom, "reload".
    pub const HUP: Signal = Signal(nix::libc::SIGHUP);
    /// Interrupt: Ctrl-C.
    pub const INT: Signal = Signal(nix::libc::SIGINT);
    /// Quit: Ctrl-\.
    pub const QUIT: Signal = Signal(nix::libc::SIGQUIT);
    /// The signal that cannot be caught.
    pub const KILL: Signal = Signal(nix::libc::SIGKILL);
    /// A pipe whose reader is gone.
    pub const PIPE: Signal = Signal(nix::libc::SIGPIPE);
    /// A write beyond `ulimit -f`.
    pub const XFSZ: Signal = Signal(nix::libc::SIGXFSZ);
    /// The alarm clock.
    pub const ALRM: Signal = Signal(nix::libc::SIGALRM);
    /// The polite request to end.
    pub const TERM: Signal = Signal(nix::libc::SIGTERM);
    /// A child ended.
    pub const CHLD: Signal = Signal(nix::libc::SIGCHLD);
    /// Continue.
    pub const CONT: Signal = Signal(nix::libc::SIGCONT);
    /// Stop, until CONT.
    pub const STOP: Signal = Signal(nix::libc::SIGSTOP);

    /// The signal of this number, if there is one (1 to 64).
    pub fn new(number: i32) -> Option<Signal> {
        (1..=LAST).contains(&number).then_some(Signal(number))
    }

    /// The number of the signal.
    pub fn number(self) -> i32 {
        self.0
    }

    fn named(self) -> Option<nix::sys::signal::Signal> {
        nix::sys::signal::Signal::try_from(self.0).ok()
    }
}

impl FromStr for Signal {
    type Err = String;

    /// Parses `TERM`, `SIGTERM`, `term`, `15`, `RTMIN`, `RTMIN+3`, `RTMAX-1`.
    fn from_str(word: &str) -> Result<Signal, String> {
        let unknown = || format!("no signal is called '{word}' (see kill -l)");
        if let Ok(number) = word.parse() {
            return Signal::new(number).ok_or_else(unknown);
        }
        let upper = word.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let real_time = |base: i32, offset: &str| -> Result<Signal, String> {
            let offset = if offset.is_empty() { 0 } else { offset.parse::<i32>().map_err(|_| unknown())? };
            let number = base + offset;
            let valid = (FIRST_REAL_TIME..=LAST_REAL_TIME).contains(&number);
            valid.then_some(Signal(number)).ok_or_else(unknown)
        };
        if let Some(offset) = name.strip_prefix("RTMIN") {
            return real_time(FIRST_REAL_TIME, offset);
        }
        if let Some(offset) = name.strip_prefix("RTMAX") {
            return real_time(LAST_REAL_TIME, offset);
        }
        let named: nix::sys::signal::Signal = format!("SIG{name}").parse().map_err(|_| unknown())?;
        Ok(Signal(named as i32))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.named() {
            Some(named) => f.write_str(named.as_str()),
            None if self.0 >= FIRST_REAL_TIME => write!(f, "SIGRTMIN+{}", self.0 - FIRST_REAL_TIME),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_is_read_by_name_and_by_number() {
        for word in ["TERM", "SIGTERM", "term", "15"] {
            assert_eq!(word.parse(), Ok(Signal::TERM), "{word}");
        }
        assert_eq!("RTMIN+3".parse::<Signal>().map(|s| s.to_string()), Ok("SIGRTMIN+3".into()));
        assert_eq!("RTMAX".parse::<Signal>().map(Signal::number), Ok(64));
    }

    #[test]
    fn what_is_no_signal_is_refused() {
        for word in ["", "0", "-1", "65", "TERMINATE", "SIG", "RTMIN+99", "RTMIN-1", "RTMIN+x"] {
            assert!(word.parse::<Signal>().is_err(), "{word}");
        }
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // 32 and 33 are the C library's own and have no name.
        #[test]
        fn a_signal_is_read_as_it_was_printed(number in prop_oneof![1..32i32, 34..=64i32]) {
            let signal = Signal::new(number).expect("1 to 64");
            prop_assert_eq!(signal.to_string().parse(), Ok(signal));
            prop_assert_eq!(number.to_string().parse(), Ok(signal));
        }

        #[test]
        fn no_word_is_a_signal_beyond_64(word in "(SIG)?(RTMIN|RTMAX|TERM)?[+-]{0,2}[0-9]{0,12}|\\PC{0,8}") {
            if let Ok(signal) = word.parse::<Signal>() {
                prop_assert!((1..=64).contains(&signal.number()), "{:?}", word);
            }
        }
    }
}
