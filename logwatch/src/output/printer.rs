//! Prints the lines that were found, with the lines around them, as text or as JSON.

use crate::matching::matcher::{Hit, Matcher, Verdict};
use crate::options::show::{Color, Show};
use crate::output::json;
use crate::output::origin::Origin;
use racefree::cli::output;
use racefree::error::Result;
use std::collections::VecDeque;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// The output is written when this much has been collected.
const BATCH: usize = 64 << 10;

/// The output that was printed and the output that still waits.
#[derive(Debug)]
pub(crate) struct Printer<'a> {
    shown: &'a Show,
    matcher: &'a Matcher,
    several_logs: bool,
    terminal: bool,
    colored: bool,
    out: Vec<u8>,
    found: u64,
    around: Around,
}

/// The lines around the lines that were found.
#[derive(Debug, Default)]
struct Around {
    before: VecDeque<Vec<u8>>,
    after: usize,
    left_out: bool,
    log: PathBuf,
}

impl<'a> Printer<'a> {
    /// A printer that has printed nothing yet.
    pub(crate) fn new(shown: &'a Show, matcher: &'a Matcher, several_logs: bool) -> Printer<'a> {
        let terminal = std::io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let colored = shown.color == Color::Always || shown.color == Color::Auto && terminal && !plain;
        Printer { shown, matcher, several_logs, terminal, colored, out: vec![], found: 0, around: Around::default() }
    }

    /// Prints a line that was found in `text`. `text` begins at the origin's offset.
    ///
    /// # Errors
    /// stdout cannot be written.
    pub(crate) fn found(&mut self, origin: Origin<'_>, text: &[u8], hit: &Hit) -> Result<()> {
        self.found += 1;
        if self.shown.max_lines.is_some_and(|most| self.found > most) {
            return Ok(());
        }
        self.show_before(origin);
        let line = &*self.matcher.shown(&text[hit.line.clone()]);
        if self.shown.json {
            let captures = if hit.verdict == Verdict::Ready { self.matcher.captures(line) } else { vec![] };
            let offset = origin.offset + hit.line.start as u64;
            let found = json::Found { origin, offset, line, verdict: hit.verdict, captures: &captures };
            json::found(&mut self.out, &found, self.matcher);
        } else if self.shown.capture && hit.verdict == Verdict::Ready {
            let captures = self.matcher.captures(line).join(&b'\t');
            self.out.extend_from_slice(&self.for_reader(&captures));
            self.out.push(b'\n');
        } else {
            self.show_line(origin, b':', line, Some(hit.verdict));
        }
        self.around.after = self.shown.context;
        if self.out.len() > BATCH { self.flush() } else { Ok(()) }
    }

    /// Takes note of lines in which nothing was found: they may be the context of others.
    pub(crate) fn pass(&mut self, origin: Origin<'_>, lines: &[u8]) {
        let context = self.shown.context;
        if context == 0 || lines.is_empty() {
            return;
        }
        if self.around.log != origin.log {
            self.around = Around { log: origin.log.to_owned(), left_out: self.found > 0, ..Around::default() };
        }
        let mut lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        while self.around.after > 0 {
            self.around.after -= 1;
            let end = memchr::memchr(b'\n', lines);
            self.show_context(origin, &lines[..end.unwrap_or(lines.len())]);
            let Some(end) = end else { return };
            lines = &lines[end + 1..];
        }
        let mut last: Vec<&[u8]> = lines.rsplitn(context + 1, |&b| b == b'\n').collect();
        self.around.left_out |= last.len() > context;
        last.truncate(context);
        for line in last.into_iter().rev() {
            self.around.before.push_back(line.to_vec());
        }
        while self.around.before.len() > context {
            self.around.before.pop_front();
            self.around.left_out = true;
        }
    }

    /// True if line numbers are printed.
    pub(crate) fn counts_lines(&self) -> bool {
        self.shown.json
    }

    /// True if context lines are printed.
    pub(crate) fn has_context(&self) -> bool {
        self.shown.context > 0
    }

    /// True if the next lines are context of a line that was found.
    pub(crate) fn wants_more(&self) -> bool {
        self.around.after > 0
    }

    /// The number of lines that were found.
    pub(crate) fn found_so_far(&self) -> u64 {
        self.found
    }

    /// Reports that a place could not be found again.
    pub(crate) fn gap(&mut self, log: &Path) {
        output::error(&format!("follow {}: gap: the place is lost, lines may be missing", log.display()));
        if self.shown.json {
            json::gap(&mut self.out, log);
        }
    }

    /// Writes the collected output.
    ///
    /// # Errors
    /// stdout cannot be written.
    pub(crate) fn flush(&mut self) -> Result<()> {
        let written = if self.out.is_empty() { Ok(()) } else { output::print(&self.out) };
        self.out.clear();
        written
    }

    /// Reports how many lines were found and not printed.
    pub(crate) fn count_rest(&self) {
        if let Some(rest) = self.found.checked_sub(self.shown.max_lines.unwrap_or(u64::MAX)).filter(|&rest| rest > 0) {
            output::notice(&format!("more lines were found than are shown: {rest}"));
        }
    }

    fn show_before(&mut self, origin: Origin<'_>) {
        let apart = self.around.left_out && self.found > 1;
        if self.shown.context > 0 && apart && !self.shown.json && !self.shown.capture {
            self.out.extend_from_slice(b"--\n");
        }
        for line in std::mem::take(&mut self.around.before) {
            self.show_context(origin, &line);
        }
        self.around.left_out = false;
    }

    fn show_context(&mut self, origin: Origin<'_>, line: &[u8]) {
        let line = &*self.matcher.shown(line);
        if self.shown.json {
            json::context(&mut self.out, origin, line);
        } else if !self.shown.capture {
            self.show_line(origin, b'-', line, None);
        }
    }

    fn show_line(&mut self, origin: Origin<'_>, mark: u8, line: &[u8], verdict: Option<Verdict>) {
        use std::os::unix::ffi::OsStrExt;
        if self.several_logs {
            self.out.extend_from_slice(&self.for_reader(origin.log.as_os_str().as_bytes()));
            self.out.push(mark);
        }
        match verdict
            .filter(|_| self.colored)
            .and_then(|verdict| Some((verdict, self.matcher.where_in(line, verdict)?)))
        {
            Some((verdict, matched)) => {
                let color: &[u8] = if verdict == Verdict::Ready { b"\x1b[1;32m" } else { b"\x1b[1;31m" };
                self.out.extend_from_slice(&self.for_reader(&line[..matched.start]));
                self.out.extend_from_slice(color);
                self.out.extend_from_slice(&self.for_reader(&line[matched.clone()]));
                self.out.extend_from_slice(b"\x1b[0m");
                self.out.extend_from_slice(&self.for_reader(&line[matched.end..]));
            }
            None if self.terminal => self.out.extend_from_slice(&self.for_reader(line)),
            None => self.out.extend_from_slice(line),
        }
        self.out.push(b'\n');
    }

    fn for_reader(&self, bytes: &[u8]) -> Vec<u8> {
        for_reader(bytes, self.terminal)
    }
}

/// The bytes unchanged, or, for a terminal, with every control character escaped.
pub(crate) fn for_reader(bytes: &[u8], terminal: bool) -> Vec<u8> {
    match terminal {
        true => {
            racefree::text::lines(&String::from_utf8_lossy(bytes.strip_suffix(b"\r").unwrap_or(bytes))).into_bytes()
        }
        false => bytes.to_vec(),
    }
}
