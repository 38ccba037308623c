//! The options of the command line, as clap reads them. They decide nothing: other rooms read them.

pub(crate) mod patterns;
pub(crate) mod show;
pub(crate) mod start_at;
pub(crate) mod stop_when;

use clap::Parser;
use patterns::Patterns;
use racefree::cli;
use racefree::cli::exit::{Ending, Exit};
use racefree::cli::output::Verbosity;
use show::Show;
use start_at::StartAt;
use std::ffi::OsString;
use std::path::PathBuf;
use stop_when::StopWhen;

/// Watch LOG for error lines, alone or while COMMAND runs
///
/// Starts at the end of each LOG as it is now (with --no-follow or --cursor-file: at its start), or where --from says.
/// LOG need not exist yet. It is followed by name through rotation, truncation and removal; the old file is read to its
/// end first. Lines that match go to stdout.
///
/// With COMMAND: an error line ends it (TERM, then KILL) and the exit code is 1; otherwise logwatch ends as COMMAND
/// ends, and if that was a failure shows what LOG has gained since.
#[derive(Debug, Parser)]
#[command(name = "logwatch", version, max_term_width = 100)]
#[command(override_usage = "logwatch [OPTIONS] LOG... [-- COMMAND [ARG...]]\n       logwatch --mark LOG...")]
pub struct Cli {
    #[command(flatten)]
    pub(crate) patterns: Patterns,
    /// Print a cursor for the end of each LOG as it is now, for a later --from
    #[arg(long, help_heading = start_at::START, conflicts_with_all = ["error", "ready", "from", "cursor_file", "command"])]
    pub(crate) mark: bool,
    #[command(flatten)]
    pub(crate) start_at: StartAt,
    #[command(flatten)]
    pub(crate) stop_when: StopWhen,
    #[command(flatten)]
    pub(crate) shown: Show,
    /// If COMMAND fails: show so many of the last lines that LOG has gained
    #[arg(long, help_heading = show::OUTPUT, value_name = "LINES", default_value_t = 50)]
    pub(crate) show: usize,
    #[command(flatten)]
    verbosity: Verbosity,
    /// The log, or `-` for stdin, or a quoted pattern such as '/var/log/app/*.log'; a log need not be there yet
    #[arg(required = true, value_name = "LOG")]
    pub(crate) logs: Vec<PathBuf>,
    /// The program to run, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

impl cli::Cli for Cli {
    const NAME: &'static str = "logwatch";
    const ENDINGS: &'static [Ending] = ENDINGS;

    fn verbosity(&self) -> Verbosity {
        self.verbosity
    }
}

/// The meaning of each exit code.
pub const ENDINGS: &[Ending] = &[
    (Exit::Done, "the ready line was seen; no error for as long as --for says; --no-follow: no error was seen"),
    (Exit::No, "an error line was seen; --no-follow with --ready: no ready line was seen"),
    (Exit::NotRunning, "the process named by --while is gone"),
    (Exit::Busy, "another run has the cursor file"),
    (Exit::TimedOut, "time ran out, or --idle: no LOG grew for too long"),
];
