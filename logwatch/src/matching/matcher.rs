//! Judges lines: an error, ready, or neither.

use crate::matching::line_regex::{self, LineRegexOptions};
use crate::matching::plain::{Plain, has_sequence, plain};
use crate::matching::prefilter::Prefilter;
use crate::options::patterns::Patterns;
use memchr::{memchr, memrchr};
use racefree::error::Result;
use regex::bytes::Regex;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::OnceLock;

/// The judgement of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The line matches an error pattern.
    Error,
    /// The line matches the ready pattern.
    Ready,
}

/// A line or record that was found: its place in the text, without its last newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) line: Range<usize>,
    pub(crate) verdict: Verdict,
}

impl Hit {
    /// Cuts the line where the text ends.
    pub(crate) fn within(mut self, end: usize) -> Hit {
        self.line.end = self.line.end.min(end);
        self
    }
}

/// The compiled patterns. Each thread gets a clone, because the clones share no cache that threads would wait for.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    any: Option<Regex>,
    prefilter: Option<Prefilter>,
    written: Vec<String>,
    rewritten: Vec<String>,
    /// The error patterns one by one; compiled when the first caller asks which one matched.
    each: OnceLock<Vec<Regex>>,
    /// The verdict on every line that matches, if only one verdict is possible.
    always: Option<Verdict>,
    errors: Option<Regex>,
    ready: Option<Regex>,
    ignore: Option<Regex>,
    start: Option<Regex>,
    /// Escape sequences are cut out before a text is searched.
    plain: bool,
}

impl Matcher {
    /// Compiles the patterns of the command line.
    ///
    /// # Errors
    /// As [`LineRegexOptions::rewrite`].
    pub(crate) fn of(patterns: &Patterns) -> Result<Matcher> {
        let of_lines = LineRegexOptions { ignore_case: patterns.ignore_case, over_lines: false };
        let reading = LineRegexOptions { over_lines: patterns.start.is_some(), ..of_lines };
        let all = |option, regexes: &[String]| -> Result<Vec<String>> {
            regexes.iter().map(|pattern| reading.rewrite(option, pattern)).collect()
        };
        let errors = all("-e", &patterns.error)?;
        let ready = all("--ready", patterns.ready.as_slice())?;
        let ignore = all("--ignore", &patterns.ignore)?;
        let several = |regexes: &[String]| (!regexes.is_empty()).then(|| line_regex::compile(regexes)).transpose();
        let all = [&errors[..], &ready].concat();
        let always = match (&errors[..], &ready[..], &ignore[..], &patterns.start) {
            (_, [], [], None) => Some(Verdict::Error),
            ([], _, _, None) => Some(Verdict::Ready),
            _ => None,
        };
        Ok(Matcher {
            any: several(&all)?,
            prefilter: patterns.start.is_none().then(|| Prefilter::of(&all)).flatten(),
            always,
            errors: if always.is_some() { None } else { several(&errors)? },
            ready: several(&ready)?,
            ignore: several(&ignore)?,
            start: patterns
                .start
                .as_ref()
                .map(|p| line_regex::compile(&[of_lines.rewrite("--start", p)?]))
                .transpose()?,
            written: patterns.error.clone(),
            rewritten: errors,
            each: OnceLock::new(),
            plain: patterns.plain,
        })
    }

    /// The first line or record at or after `from` that is an error or ready. The text before `from` was judged earlier; an
    /// anchor looks at it. The last line may lack its newline.
    pub(crate) fn next(&self, text: &[u8], from: usize) -> Option<Hit> {
        if !self.plain || !has_sequence(&text[from..]) {
            return self.next_as_it_is(text, from);
        }
        let mut from = from;
        while self.start.is_none() && from < text.len() {
            // One line at a time: most of the text need not be copied.
            let end = memchr(b'\n', &text[from..]).map_or(text.len(), |at| from + at);
            if let Some(hit) = self.next_as_it_is(&plain(&text[from..end]), 0) {
                return Some(Hit { line: from..end, ..hit });
            }
            from = end + 1;
        }
        let plain = Plain::of(text.get(from..)?);
        let hit = self.next_as_it_is(&plain.text, 0)?;
        Some(Hit { line: from + plain.begin(hit.line.start)..from + plain.end(hit.line.end), ..hit })
    }

    /// The line as it is searched and shown: with --plain without its escape sequences.
    pub(crate) fn shown<'t>(&self, line: &'t [u8]) -> Cow<'t, [u8]> {
        if self.plain { plain(line) } else { Cow::Borrowed(line) }
    }

    fn next_as_it_is(&self, text: &[u8], mut from: usize) -> Option<Hit> {
        let any = self.any.as_ref()?;
        while from < text.len() {
            let found = self.find(any, text, from)?;
            let start = self.start_of(text, from, found);
            // An empty match after the last newline is in no line.
            if start == text.len() {
                return None;
            }
            let end = self.end_of(text, found);
            if let Some(verdict) = self.verdict(&text[..end], start) {
                return Some(Hit { line: start..end, verdict });
            }
            from = end + 1;
        }
        None
    }

    /// A place in the first line or record that may be an error or ready.
    fn find(&self, any: &Regex, text: &[u8], from: usize) -> Option<usize> {
        match (&self.prefilter, &self.start) {
            (Some(prefilter), _) => prefilter.first_match(any, text, from),
            // A match never leaves its line, so the end of the match is in the same line as its beginning, and is found
            // sooner.
            (None, None) => any.shortest_match_at(text, from),
            (None, Some(_)) => any.find_at(text, from).map(|found| found.start()),
        }
    }

    fn start_of(&self, text: &[u8], from: usize, found: usize) -> usize {
        let line = memrchr(b'\n', &text[from..found]).map_or(from, |at| from + at + 1);
        if self.start.is_none() {
            return line;
        }
        // The pattern of --start may need the rest of the line to match, and its newline.
        let end = memchr(b'\n', &text[found..]).map_or(text.len(), |at| found + at + 1);
        self.last_start_as_it_is(&text[..end], from).unwrap_or(from)
    }

    fn end_of(&self, text: &[u8], found: usize) -> usize {
        let line = memchr(b'\n', &text[found..]).map_or(text.len(), |at| found + at);
        match &self.start {
            Some(start) if line < text.len() => match start.find_at(text, line + 1) {
                Some(next) => memrchr(b'\n', &text[..next.start()]).unwrap_or(line),
                None => text.strip_suffix(b"\n").unwrap_or(text).len(),
            },
            _ => line,
        }
    }

    /// True if lines form records.
    pub(crate) fn has_records(&self) -> bool {
        self.start.is_some()
    }

    /// The beginning of the last record in `text`, at or after `from`.
    pub(crate) fn last_start(&self, text: &[u8], from: usize) -> Option<usize> {
        if self.plain && has_sequence(&text[from..]) {
            let plain = Plain::of(&text[from..]);
            return self.last_start_as_it_is(&plain.text, 0).map(|at| from + plain.begin(at));
        }
        self.last_start_as_it_is(text, from)
    }

    fn last_start_as_it_is(&self, text: &[u8], from: usize) -> Option<usize> {
        let start = self.start.as_ref()?;
        let mut last = None;
        let mut at = from;
        while at < text.len()
            && let Some(found) = start.find_at(text, at)
            && found.start() < text.len()
        {
            last = Some(memrchr(b'\n', &text[at..found.start()]).map_or(at, |newline| at + newline + 1));
            at = memchr(b'\n', &text[found.start()..]).map_or(text.len(), |newline| found.start() + newline + 1);
        }
        last
    }

    /// The verdict on the line that begins at `start`. A line that is both an error and ready is an error.
    fn verdict(&self, text: &[u8], start: usize) -> Option<Verdict> {
        if self.always.is_some() {
            return self.always;
        }
        let matches = |regex: &Regex| regex.is_match_at(text, start);
        let ignored = || self.ignore.as_ref().is_some_and(matches);
        if self.errors.as_ref().is_some_and(matches) && !ignored() {
            return Some(Verdict::Error);
        }
        self.ready.as_ref().is_some_and(matches).then_some(Verdict::Ready)
    }

    /// The number of the first error pattern that the line matches, counted from 0.
    pub(crate) fn which(&self, line: &[u8]) -> usize {
        let compiled = |one| line_regex::compile(std::slice::from_ref(one)).ok();
        let each = self.each.get_or_init(|| self.rewritten.iter().filter_map(compiled).collect());
        each.iter().position(|one| one.is_match(line)).unwrap_or_default()
    }

    /// An error pattern as the user wrote it.
    pub(crate) fn written(&self, error: usize) -> &str {
        &self.written[error]
    }

    /// The part of the line that matched.
    pub(crate) fn where_in(&self, line: &[u8], verdict: Verdict) -> Option<Range<usize>> {
        let regex = match verdict {
            Verdict::Error => self.errors.as_ref().or(self.any.as_ref()),
            Verdict::Ready => self.ready.as_ref(),
        };
        regex?.find(line).map(|found| found.range()).filter(|range| !range.is_empty())
    }

    /// True if the ready pattern has a capture group.
    pub(crate) fn captures_something(&self) -> bool {
        self.ready.as_ref().is_some_and(|ready| ready.captures_len() > 1)
    }

    /// The captures of the ready pattern. A group that did not take part in the match captures nothing.
    pub(crate) fn captures(&self, line: &[u8]) -> Vec<Vec<u8>> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let found = self.ready.as_ref().and_then(|ready| ready.captures(line));
        let groups = found.iter().flat_map(|found| found.iter().skip(1));
        groups.map(|group| group.map_or(vec![], |group| group.as_bytes().to_vec())).collect()
    }
}
