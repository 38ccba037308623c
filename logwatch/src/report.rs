//! What is shown: the lines that decided, on stdout; what a log gained before a failure, on stderr.

use crate::judge::Verdict;
use racefree_core::error::Result;
use racefree_core::voice;
use std::collections::VecDeque;
use std::io::{IsTerminal, Write};

/// The last lines that a log gained, as many as are wanted.
#[derive(Debug)]
pub(crate) struct Gained {
    wanted: usize,
    lines: VecDeque<Vec<u8>>,
    count: u64,
}

/// A line longer than this is shown cut.
const LONGEST_SHOWN: usize = 8 << 10;

impl Gained {
    /// Keeps at most so many lines.
    pub(crate) fn at_most(wanted: usize) -> Gained {
        Gained { wanted, lines: VecDeque::new(), count: 0 }
    }

    /// Takes note of lines.
    pub(crate) fn note(&mut self, lines: &[u8]) {
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

    /// Shows on stderr what was gained.
    pub(crate) fn show(&self, name: &str) {
        let shown = self.lines.len() as u64;
        match self.count {
            0 => return voice::notice(&format!("{name} gained no line")),
            count if count == shown => voice::notice(&format!("{name} gained:")),
            count => voice::notice(&format!("{name} gained {count} lines, the last {shown} are:")),
        }
        let mut err = std::io::stderr().lock();
        for line in &self.lines {
            // stderr that cannot be written leaves nobody to tell.
            let _ =
                err.write_all(&for_reader(line, std::io::stderr().is_terminal())).and_then(|()| err.write_all(b"\n"));
        }
    }
}

/// Shows a line that was found.
///
/// # Errors
/// stdout cannot be written.
pub(crate) fn found(line: &[u8], _verdict: Verdict) -> Result<()> {
    let mut shown = for_reader(line, std::io::stdout().is_terminal());
    shown.push(b'\n');
    voice::answer(shown)
}

/// A line as it is, or, for a terminal, without anything that a terminal would obey.
fn for_reader(line: &[u8], terminal: bool) -> Vec<u8> {
    match terminal {
        true => voice::printable(&String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line))).into_bytes(),
        false => line.to_vec(),
    }
}
