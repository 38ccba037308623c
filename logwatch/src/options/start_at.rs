//! `--from` and `--cursor-file`: where watching starts.

use clap::Args;
use std::path::PathBuf;

/// Where to begin.
#[derive(Debug, Args)]
pub(crate) struct StartAt {
    /// Begin at the `start` of LOG, at its `end`, or at a cursor that --mark printed
    ///
    /// Several cursors, one a LOG, stand with blanks or newlines between them: `--from "$(logwatch --mark a b)"`. A
    /// cursor is found again in the rotated log, compressed or not, and all that was written since is read.
    #[arg(long, value_name = "start|end|CURSOR")]
    pub(crate) from: Option<String>,
    /// Begin where the last run with FILE ended, and note in FILE where this one ends
    ///
    /// Each line is judged once, whatever rotation does between two runs. The first run begins at the start of LOG,
    /// or where --from says. FILE is replaced in one step, and only after the output was written.
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    pub(crate) cursor_file: Option<PathBuf>,
}
