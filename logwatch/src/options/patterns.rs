//! `-e`, `--ready`, `--ignore` and `--start`: the patterns to look for.

use clap::Args;

const PATTERNS: &str = "Patterns";

/// The patterns to look for.
#[derive(Debug, Args)]
pub(crate) struct Patterns {
    /// A line that matches REGEX is an error (repeatable)
    ///
    /// Bytes are matched, so a line that is not valid UTF-8 is judged like any other. `^` and `$` match at the ends of the
    /// line. A line without its newline is judged after 200 ms of silence and, unless it decides, again as a whole when it has
    /// grown; it is printed and counted once.
    #[arg(short, long, help_heading = PATTERNS, value_name = "REGEX")]
    pub(crate) error: Vec<String>,
    /// A line that matches REGEX means success and ends the watch
    ///
    /// The first line in the log that is an error or ready decides. With COMMAND: after the ready line no error counts, and
    /// the run succeeds only if COMMAND exits 0 *and* the ready line was seen.
    #[arg(long, help_heading = PATTERNS, value_name = "REGEX")]
    pub(crate) ready: Option<String>,
    /// A line that matches REGEX is no error, whatever else it matches, such as `errors=0` (repeatable)
    #[arg(long, help_heading = PATTERNS, value_name = "REGEX")]
    pub(crate) ignore: Vec<String>,
    /// Ignore upper and lower case in all patterns
    #[arg(short, long, help_heading = PATTERNS)]
    pub(crate) ignore_case: bool,
    /// Match, capture and print the text of each line without its escape sequences, such as those of colours
    #[arg(long, help_heading = PATTERNS)]
    pub(crate) plain: bool,
    /// A line that matches REGEX begins a record of several lines; a record is judged and printed as a whole
    ///
    /// `--start '^\d{4}-'` fits a log in which each entry begins with a date and a traceback may follow. `(?s)` lets `.`
    /// match a newline. The last record is judged when the next one begins, or after 200 ms of silence, as a line without its
    /// newline is.
    #[arg(long, help_heading = PATTERNS, value_name = "REGEX")]
    pub(crate) start: Option<String>,
}
