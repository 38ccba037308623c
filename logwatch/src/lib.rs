//! `logwatch`: what a log says about a start, and about every day after.

mod ahead;
mod archive;
mod beginning;
mod command;
mod cursor;
mod ends;
mod follower;
mod gained;
mod generations;
mod hinted;
mod json;
mod judge;
mod omen;
mod opened;
mod pattern;
#[cfg(test)]
mod properties;
mod report;
mod session;
mod shown;
mod siblings;
mod source;
mod stream;
mod sweep;
mod waiting;
mod window;

use beginning::{Beginning, CursorFile};
use clap::Parser;
use ends::Ends;
use judge::{Judge, Patterns};
use racefree_core::cli;
use racefree_core::cli::exit::{Ending, Exit};
use racefree_core::cli::output::{self, Verbosity};
use racefree_core::error::{Result, ending, refusal};
use racefree_core::event::time::Deadline;
use racefree_core::process::child;
use report::Report;
use session::Session;
use shown::Shown;
use std::ffi::OsString;
use std::path::PathBuf;

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
    patterns: Patterns,
    /// Print a cursor for the end of each LOG as it is now, for a later --from
    #[arg(long, conflicts_with_all = ["error", "ready", "from", "cursor_file", "command"])]
    mark: bool,
    #[command(flatten)]
    beginning: Beginning,
    #[command(flatten)]
    ends: Ends,
    #[command(flatten)]
    shown: Shown,
    /// If COMMAND fails: show so many of the last lines that LOG has gained
    #[arg(long, value_name = "LINES", default_value_t = 50)]
    show: usize,
    #[command(flatten)]
    verbosity: Verbosity,
    /// The log, or `-` for stdin, or a quoted pattern such as '/var/log/app/*.log'; a log need not be there yet
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// What to run, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl cli::Cli for Cli {
    const ENDINGS: &'static [Ending] = ENDINGS;

    fn verbosity(&self) -> Verbosity {
        self.verbosity
    }
}

/// What each exit code says.
pub const ENDINGS: &[Ending] = &[
    (Exit::Done, "the ready line was seen; no error for as long as --for says; --no-follow: no error was seen"),
    (Exit::No, "an error line was seen; --no-follow with --ready: no ready line was seen"),
    (Exit::NotRunning, "the process named by --while is gone"),
    (Exit::Busy, "another run has the cursor file"),
    (Exit::TimedOut, "time ran out, or --idle: no LOG grew for too long"),
];

/// Runs the utility.
///
/// # Errors
/// Everything that ends it otherwise than by what the logs say.
pub fn run(mut cli: Cli) -> Result<Exit> {
    cli.logs = beginning::expanded(&cli.logs)?;
    if cli.mark {
        return cli.print_marks();
    }
    let judge = cli.patterns.judge()?;
    cli.check(&judge)?;
    let until = Deadline::within(cli.ends.timeout);
    let file = cli.beginning.cursor_file.as_deref().map(|file| CursorFile::open(file, cli.ends.patience()));
    let file = file.transpose()?;
    let unless_told = if cli.ends.no_follow || file.is_some() { "start" } else { "end" };
    let logs = cli.beginning.followers(&cli.logs, file.as_ref(), unless_told)?;
    let first_decides = !cli.ends.no_follow || cli.patterns.ready.is_some();
    let report = Report::new(&cli.shown, &judge, logs.len());
    let mut session =
        Session::new(&judge, report, logs, if cli.command.is_empty() { 0 } else { cli.show }, first_decides)?;
    let exit = cli.watch(&mut session, until);
    match file {
        // What could not be read or written is to be judged again.
        Some(file) if exit.as_ref().map_or_else(is_an_answer, |_| true) => file.note(&cli.logs, session.cursors())?,
        _ => {}
    }
    exit
}

fn is_an_answer(error: &anyhow::Error) -> bool {
    matches!(ending(error), Exit::TimedOut | Exit::NotRunning)
}

impl Cli {
    fn print_marks(&self) -> Result<Exit> {
        for log in &self.logs {
            output::print(format!("{}\n", generations::mark(log)?))?;
        }
        Ok(Exit::Done)
    }

    fn check(&self, judge: &Judge) -> Result<()> {
        let wrong = |why: &str| Err(refusal(Exit::Usage, format!("watch: {why}")));
        if self.shown.capture && !judge.captures_something() {
            return wrong("--capture needs a group in the pattern of --ready, such as 'port (\\d+)'");
        }
        match self.command.first() {
            Some(_) if self.logs.iter().any(|log| log.as_os_str() == "-") => wrong("stdin is COMMAND's own"),
            Some(command) => child::find(command),
            None if self.patterns.error.is_empty() && self.patterns.ready.is_none() => {
                wrong("nothing to look for: give -e REGEX, --ready REGEX or -- COMMAND")
            }
            None => Ok(()),
        }
    }

    fn watch(&self, session: &mut Session<'_>, until: Deadline) -> Result<Exit> {
        let ready_wanted = self.patterns.ready.is_some();
        if self.ends.no_follow {
            return Ends::judge_what_is_there(session, ready_wanted);
        }
        if !self.command.is_empty() {
            let ended = command::run(&self.command, session, &self.ends, until)?;
            if ended != Exit::Status(0) || !ready_wanted && !self.ends.outlast_command() {
                return Ok(ended);
            }
        }
        let logs: Vec<String> = self.logs.iter().map(|log| log.display().to_string()).collect();
        self.ends.watch(session, until, &logs.join(", "), ready_wanted)
    }
}
