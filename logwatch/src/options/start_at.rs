//! `--from` and `--cursor-file`: where reading starts.

use clap::Args;
use std::path::PathBuf;

/// Where to start.
#[derive(Debug, Args)]
pub(crate) struct StartAt {
    /// Start at the `start` of LOG, at its `end`, or at a cursor that --mark printed
    ///
    /// Give one cursor per LOG, separated by blanks or newlines: `--from "$(logwatch --mark a b)"`. logwatch finds the place
    /// again after a rotation, in an archive too, and reads everything that was written since.
    #[arg(long, value_name = "start|end|CURSOR")]
    pub(crate) from: Option<String>,
    /// Start where the last run with FILE ended, and save in FILE where this run ends
    ///
    /// Each line is judged once, whatever rotation does between two runs. The first run starts at the start of LOG, or where
    /// --from says. FILE is replaced atomically, after the output was written.
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    pub(crate) cursor_file: Option<PathBuf>,
}
