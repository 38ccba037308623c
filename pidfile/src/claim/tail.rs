//! The last lines that a process has written.

use std::fmt::{self, Display};

/// The end of a text that grows. The beginning is forgotten.
#[derive(Debug, Default)]
pub(crate) struct Tail(Vec<u8>);

/// The number of bytes that are kept.
const QUOTED_BYTES: usize = 4096;
const QUOTED_LINES: usize = 10;

impl Tail {
    /// Adds bytes at the end, and returns the bytes that are forgotten for them.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.extend_from_slice(bytes);
        self.0.drain(..self.0.len().saturating_sub(QUOTED_BYTES)).collect()
    }

    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// The lines that are not empty.
    pub(crate) fn lines(&self) -> impl DoubleEndedIterator<Item = String> + '_ {
        let lines = self.0.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_end).filter(|line| !line.is_empty());
        lines.map(|line| String::from_utf8_lossy(line).into_owned())
    }

    /// The last line that is not empty.
    pub(crate) fn last_line(&self) -> Option<String> {
        self.lines().next_back().map(|line| line.trim_start().to_owned())
    }

    /// The last lines that are not empty. `None` if there is none.
    pub(crate) fn quote(&self) -> Option<Quote> {
        let lines: Vec<String> = self.lines().collect();
        let first = lines.len().saturating_sub(QUOTED_LINES);
        (!lines.is_empty()).then(|| Quote(lines[first..].to_vec()))
    }
}

/// The lines after a colon at the end of a message: one line beside it, several lines below it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Quote(Vec<String>);

impl Display for Quote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [only] => write!(f, " {}", only.trim_start()),
            lines => lines.iter().try_for_each(|line| write!(f, "\n    {line}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_quoted_and_no_more_is_kept() {
        let mut tail = Tail::default();
        assert_eq!(tail.quote(), None);
        tail.push(b"\n  one \r\n\n");
        assert_eq!(tail.quote().map(|quote| quote.to_string()), Some(" one".into()));
        tail.push(b"  two");
        assert_eq!(tail.quote().map(|quote| quote.to_string()), Some("\n      one\n      two".into()));
        (0..10_000).for_each(|number| drop(tail.push(format!("line {number}\n").as_bytes())));
        let quote = tail.quote().map(|quote| quote.to_string()).unwrap_or_default();
        assert!(quote.starts_with("\n    line 9990\n") && quote.ends_with("\n    line 9999"), "{quote}");
        assert_eq!(tail.push(&[b'x'; QUOTED_BYTES + 1]).len(), QUOTED_BYTES + 1);
        assert_eq!(tail.take().len(), QUOTED_BYTES);
    }
}
