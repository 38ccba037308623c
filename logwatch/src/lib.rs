//! `logwatch`: what a log says about a start, and about every day after.

mod archive;
mod command;
mod cursor;
mod follower;
mod generations;
mod judge;
mod pattern;
mod report;
mod session;
mod stream;

use clap::Parser;
use cursor::Cursor;
use follower::Follower;
use judge::{Patterns, Verdict};
use racefree_core::error::{Result, refusal};
use racefree_core::exit::{Ending, Exit};
use racefree_core::signal::Signal;
use racefree_core::time::{Deadline, Limit, for_people, parse_duration};
use racefree_core::voice::{self, Loudness};
use racefree_core::{child, cli};
use session::{End, Session};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Watch LOG for error lines, alone or while COMMAND runs
///
/// Starts at the end of each LOG as it is now, or where --from says. LOG need not exist yet. It is followed by name
/// through rotation, truncation and removal; the old file is read to its end first. Lines that match go to stdout.
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
    #[arg(long, conflicts_with_all = ["error", "ready", "from", "command"])]
    mark: bool,
    /// Begin at the `start` of LOG, or at a cursor that --mark printed (several, one a LOG, with blanks between)
    #[arg(long, value_name = "start|CURSOR")]
    from: Option<String>,
    /// Give up after DUR
    #[arg(long, value_name = "DUR", default_value = "none", value_parser = Limit::parse)]
    timeout: Limit,
    /// How long COMMAND may take to end by TERM before KILL
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = parse_duration)]
    kill_after: Duration,
    /// If COMMAND fails: how many of the last lines that LOG has gained are shown
    #[arg(long, value_name = "LINES", default_value_t = 50)]
    show: usize,
    #[command(flatten)]
    loudness: Loudness,
    /// The log
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// What to run, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl cli::Cli for Cli {
    fn loudness(&self) -> Loudness {
        self.loudness
    }
}

/// What each exit code says.
pub const ENDINGS: &[Ending] = &[
    (Exit::Done, "the ready line was seen; with COMMAND: it exited with status 0 and no error line was seen"),
    (Exit::No, "an error line was seen"),
    (Exit::TimedOut, "time ran out"),
];

/// Runs the utility.
///
/// # Errors
/// Everything that ends it otherwise than by what the logs say.
pub fn run(cli: Cli) -> Result<Exit> {
    if cli.mark {
        return cli.print_marks();
    }
    let judge = cli.patterns.judge()?;
    cli.check()?;
    let until = Deadline::within(cli.timeout);
    let mut session = Session::new(&judge, cli.followers()?, cli.show)?;
    if !cli.command.is_empty() {
        let ended = command::run(&cli.command, &mut session, until, cli.kill_after)?;
        if ended != Exit::Status(0) || cli.patterns.ready.is_none() {
            return Ok(ended);
        }
    }
    cli.watch(&mut session, until)
}

impl Cli {
    fn print_marks(&self) -> Result<Exit> {
        for log in &self.logs {
            voice::answer(format!("{}\n", generations::mark(log)?))?;
        }
        Ok(Exit::Done)
    }

    fn check(&self) -> Result<()> {
        match self.command.first() {
            Some(command) => child::find(command),
            None if self.patterns.error.is_empty() && self.patterns.ready.is_none() => {
                Err(refusal(Exit::Usage, "watch: nothing to look for: give -e REGEX, --ready REGEX or -- COMMAND"))
            }
            None => Ok(()),
        }
    }

    fn followers(&self) -> Result<Vec<Follower>> {
        let usage = |why: String| refusal(Exit::Usage, format!("begin at --from: {why}"));
        let words: Vec<&str> = self.from.as_deref().unwrap_or_default().split_whitespace().collect();
        match words[..] {
            [] => self.logs.iter().map(|log| Follower::from(log, generations::mark(log)?)).collect(),
            ["start"] => self.logs.iter().map(|log| Follower::from_start(log)).collect(),
            _ if words.len() == self.logs.len() => {
                let cursor = |word: &&str| word.parse::<Cursor>().map_err(usage);
                let cursors = words.iter().map(cursor).collect::<Result<Vec<_>>>()?;
                self.logs.iter().zip(cursors).map(|(log, cursor)| Follower::from(log, cursor)).collect()
            }
            _ => Err(usage(format!("{} cursors for {} logs", words.len(), self.logs.len()))),
        }
    }

    fn watch(&self, session: &mut Session<'_>, until: Deadline) -> Result<Exit> {
        let ended = match session.decided {
            Some(_) => End::Found,
            None => session.watch(None, until, "watching")?,
        };
        let exit = match ended {
            End::Found => Exit::Done,
            End::Signal(arrived) if arrived.signal == Signal::CHLD => return self.watch(session, until),
            End::Signal(arrived) => Exit::Signalled(arrived.signal),
            End::Deadline | End::ProcessGone => Exit::TimedOut,
        };
        if exit == Exit::TimedOut {
            session.finish()?;
        }
        match (session.decided, exit) {
            (Some(Verdict::Ready), _) => Ok(Exit::Done),
            (Some(Verdict::Error(_)), _) => Ok(Exit::No),
            (None, Exit::TimedOut) => Err(refusal(Exit::TimedOut, self.too_late())),
            (None, exit) => Ok(exit),
        }
    }

    fn too_late(&self) -> String {
        let logs: Vec<String> = self.logs.iter().map(|log| log.display().to_string()).collect();
        let after = match self.timeout {
            Limit::AtMost(duration) => format!(" after {}", for_people(duration)),
            Limit::None => String::new(),
        };
        format!("watch {}: nothing was seen{after}", logs.join(", "))
    }
}
