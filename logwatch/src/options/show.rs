//! How what is found is to be shown.

use clap::{Args, ValueEnum};

/// How the lines are shown.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Show N lines before and after each line that was found
    #[arg(short = 'C', long, value_name = "N", default_value_t = 0)]
    pub(crate) context: usize,
    /// Show at most N of the lines that were found; the rest is only counted
    #[arg(long, value_name = "N")]
    pub(crate) max_lines: Option<u64>,
    /// Print the capture groups of the ready line instead of the line, with tabs between them
    ///
    /// `port=$(logwatch --ready 'listening on port (\d+)' --capture LOG)`
    #[arg(long, requires = "ready")]
    pub(crate) capture: bool,
    /// Print one JSON object a line: event, log, file, offset, line_number, pattern, regex, line
    ///
    /// The number of the line is there where the file is read from its beginning.
    /// A line that is no valid UTF-8 is there twice: readable as `line`, and unchanged as `base64`.
    #[arg(long, conflicts_with = "capture")]
    pub(crate) json: bool,
    /// Colour what matched (NO_COLOR is respected)
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When what matched is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}
