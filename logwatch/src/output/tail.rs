//! The last lines that a log gained while COMMAND ran. They are shown if COMMAND fails.

use crate::output::printer::for_reader;
use racefree::cli::output;
use std::collections::VecDeque;
use std::io::{IsTerminal, Write};

/// The last lines of a log.
#[derive(Debug)]
pub(crate) struct Tail {
    wanted: usize,
    lines: VecDeque<Vec<u8>>,
    count: u64,
}

/// A longer line is cut.
const LONGEST_SHOWN: usize = 8 << 10;

impl Tail {
    /// Keeps at most `wanted` lines.
    pub(crate) fn at_most(wanted: usize) -> Tail {
        Tail { wanted, lines: VecDeque::new(), count: 0 }
    }

    /// Takes note of lines that the log gained.
    pub(crate) fn note(&mut self, lines: &[u8]) {
        if lines.is_empty() || self.wanted == 0 {
            return;
        }
        let whole = lines.strip_suffix(b"\n").unwrap_or(lines);
        self.count += memchr::memchr_iter(b'\n', whole).count() as u64 + 1;
        let last: Vec<&[u8]> = whole.rsplit(|&b| b == b'\n').take(self.wanted).collect();
        for line in last.into_iter().rev() {
            if self.lines.len() == self.wanted {
                self.lines.pop_front();
            }
            self.lines.push_back(line[..line.len().min(LONGEST_SHOWN)].to_vec());
        }
    }

    /// Prints the lines on stderr.
    pub(crate) fn show(&self, name: &str) {
        let shown = self.lines.len() as u64;
        match self.count {
            _ if self.wanted == 0 => return,
            0 => return output::detail(|| format!("{name} gained no line")),
            count if count == shown => output::notice(&format!("{name} gained:")),
            count => output::notice(&format!("{name} gained {count} lines, the last {shown} are:")),
        }
        let mut err = std::io::stderr().lock();
        for line in &self.lines {
            let shown = for_reader(line, std::io::stderr().is_terminal());
            // If stderr cannot be written there is no other place to say so.
            let _ = err.write_all(&shown).and_then(|()| err.write_all(b"\n"));
        }
    }
}
