//! What a fuzzer reads that is private otherwise (fuzz/), with plain results.

use crate::input::archive_names;
use crate::input::by_line::{JudgedLines, LineByLine, judged_in_pieces};
use crate::input::cursor::{self, Cursor};
use crate::matching::matcher::{Matcher, Verdict};
use crate::options::patterns::Patterns;

/// Reads a cursor, and prints it again.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn cursor(text: &str) -> Result<String, String> {
    text.parse().map(|cursor: Cursor| cursor.to_string())
}

/// The text as a cursor, with the checksum that belongs to it.
pub fn sealed(body: &str) -> String {
    format!("{body}-{:08x}", cursor::checksum(body))
}

/// The rank of a file of this name among the archives of a log. The archive with the lower rank is the newer one.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(archive_names::Rank);

/// The rank of an archive; `None` if the file is no archive of the log.
pub fn rank(log: &[u8], name: &[u8]) -> Option<Rank> {
    archive_names::rank(log, name).map(Rank)
}

/// The lines that were found, and which of them are errors.
pub type Judged = Vec<(Vec<u8>, bool)>;

/// Patterns to look for.
#[derive(Debug)]
pub struct Search {
    matcher: Matcher,
    /// `None`: the patterns are too large for it.
    other: Option<LineByLine>,
}

impl Search {
    /// A search for these patterns; `None` if one of them is refused. A line that matches `start` begins a record.
    pub fn new(error: &str, ready: &str, ignore: &str, start: &str, ignore_case: bool) -> Option<Search> {
        let given = |pattern: &str| Some(pattern.to_owned()).filter(|pattern| !pattern.is_empty());
        let several = |pattern| given(pattern).into_iter().collect();
        let (error, ignore) = (several(error), several(ignore));
        let patterns = Patterns { error, ready: given(ready), ignore, ignore_case, plain: false, start: given(start) };
        Some(Search { matcher: Matcher::of(&patterns).ok()?, other: LineByLine::of(&patterns) })
    }

    /// Judges a log that is read in pieces of these lengths, over and over.
    pub fn in_pieces(&self, log: &[u8], lengths: &[usize]) -> Judged {
        plain(judged_in_pieces(&self.matcher, log, lengths.to_vec()))
    }

    /// Judges a log line by line, by other means. `None`: the patterns are too large for them.
    pub fn line_by_line(&self, log: &[u8]) -> Option<Judged> {
        self.other.as_ref().map(|other| plain(other.judged(log)))
    }
}

fn plain(found: JudgedLines) -> Judged {
    found.into_iter().map(|(line, verdict)| (line, verdict == Verdict::Error)).collect()
}
