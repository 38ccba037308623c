//! `-e`, `--ready`, `--ignore` and `--start`: the patterns to look for.

use clap::Args;

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
    /// A line that matches begins a record of several lines, which is judged and shown as a whole
    ///
    /// Such as `--start '^\d{4}-'` where each entry begins with a date and a traceback follows it. `(?s)` lets a `.` go
    /// over the ends of lines. The last record is judged when the next begins, or when nothing came for 100 ms.
    #[arg(long, value_name = "REGEX")]
    pub(crate) start: Option<String>,
}
