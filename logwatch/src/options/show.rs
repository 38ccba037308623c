//! `-C`, `--max-lines`, `--capture`, `--json` and `--color`: how lines are printed.

use clap::{Args, ValueEnum};

pub(super) const OUTPUT: &str = "Output";

/// How lines are printed.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Print N lines before and after each line that was found
    #[arg(short = 'C', long, help_heading = OUTPUT, value_name = "N", default_value_t = 0)]
    pub(crate) context: usize,
    /// Print at most N of the lines that were found; count the rest
    #[arg(long, help_heading = OUTPUT, value_name = "N")]
    pub(crate) max_lines: Option<u64>,
    /// Print the capture groups of the ready line instead of the line, separated by tabs
    ///
    /// `port=$(logwatch --ready 'listening on port (\d+)' --capture LOG)`
    #[arg(long, help_heading = OUTPUT, requires = "ready")]
    pub(crate) capture: bool,
    /// Print one JSON object per line: event, log, file, offset, line_number, pattern, regex, line
    ///
    /// `line_number` is present if the file was read from its beginning. A line that is not valid UTF-8 is printed twice:
    /// readable as `line`, and unchanged as `base64`.
    #[arg(long, help_heading = OUTPUT, conflicts_with = "capture")]
    pub(crate) json: bool,
    /// Colour the part of the line that matched (NO_COLOR is respected)
    #[arg(long, help_heading = OUTPUT, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to print in colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}
