//! What a line says about the daemon: an error, readiness, or nothing.

use crate::pattern::{self, Reading};
use clap::Args;
use memchr::{memchr, memrchr};
use racefree_core::error::Result;
use regex::bytes::Regex;
use std::ops::Range;

/// What is looked for.
#[derive(Debug, Args)]
pub(crate) struct Patterns {
    /// A line that matches is an error; may be given several times
    ///
    /// Bytes are matched, not characters: a line that is no valid UTF-8 is judged like any other. `^` and `$` are the
    /// ends of the line.
    #[arg(short, long, value_name = "REGEX")]
    pub(crate) error: Vec<String>,
    /// The line that says that all is well; watching ends with it
    ///
    /// Whichever comes first in the log decides: an error before it, or this. With COMMAND: once it has been seen no
    /// error counts, and COMMAND has succeeded only when it has exited 0 *and* this line has been seen.
    #[arg(long, value_name = "REGEX")]
    pub(crate) ready: Option<String>,
    /// A line that matches is no error, whatever else it matches (such as `errors=0`); may be given several times
    #[arg(long, value_name = "REGEX")]
    pub(crate) ignore: Vec<String>,
    /// Upper and lower case are the same in all patterns
    #[arg(short, long)]
    pub(crate) ignore_case: bool,
}

/// What a line is found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It matches this of the error patterns, counted from 0.
    Error(usize),
    /// It is the line that was awaited.
    Ready,
}

/// A line that was found, by its place in what was judged, without the newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) line: Range<usize>,
    pub(crate) verdict: Verdict,
}

/// The patterns, compiled.
#[derive(Debug)]
pub(crate) struct Judge {
    any: Option<Regex>,
    errors: Vec<Regex>,
    ready: Option<Regex>,
    ignore: Option<Regex>,
}

impl Patterns {
    /// Compiles the patterns.
    ///
    /// # Errors
    /// As [`Reading::rewrite`].
    pub(crate) fn judge(&self) -> Result<Judge> {
        let reading = Reading { ignore_case: self.ignore_case, over_lines: false };
        let all = |option, patterns: &[String]| -> Result<Vec<String>> {
            patterns.iter().map(|pattern| reading.rewrite(option, pattern)).collect()
        };
        let errors = all("-e", &self.error)?;
        let ready = all("--ready", self.ready.as_slice())?;
        let ignore = all("--ignore", &self.ignore)?;
        let several = |patterns: &[String]| (!patterns.is_empty()).then(|| pattern::compile(patterns)).transpose();
        Ok(Judge {
            any: several(&[&errors[..], &ready].concat())?,
            errors: errors.iter().map(|one| pattern::compile(std::slice::from_ref(one))).collect::<Result<_>>()?,
            ready: several(&ready)?,
            ignore: several(&ignore)?,
        })
    }
}

impl Judge {
    /// The first line that counts, at or after `from`. What comes before `from` was judged earlier, and is there so
    /// that an anchor can see it. The last line may lack its newline.
    pub(crate) fn next(&self, text: &[u8], mut from: usize) -> Option<Hit> {
        let any = self.any.as_ref()?;
        while from < text.len() {
            let found = any.find_at(text, from)?;
            let start = memrchr(b'\n', &text[from..found.start()]).map_or(from, |at| from + at + 1);
            // An empty match after the last newline is in no line.
            if start == text.len() {
                return None;
            }
            let end = memchr(b'\n', &text[found.start()..]).map_or(text.len(), |at| found.start() + at);
            if let Some(verdict) = self.verdict(&text[..end], start) {
                return Some(Hit { line: start..end, verdict });
            }
            from = end + 1;
        }
        None
    }

    /// The verdict on the line that begins at `start`; one that is both an error and ready is an error.
    fn verdict(&self, text: &[u8], start: usize) -> Option<Verdict> {
        let matches = |regex: &Regex| regex.is_match_at(text, start);
        let ignored = || self.ignore.as_ref().is_some_and(matches);
        if let Some(error) = self.errors.iter().position(matches)
            && !ignored()
        {
            return Some(Verdict::Error(error));
        }
        self.ready.as_ref().is_some_and(matches).then_some(Verdict::Ready)
    }
}
