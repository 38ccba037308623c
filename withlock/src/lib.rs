//! `withlock`: run a command under a lock.

use clap::Parser;
use racefree_core::child;
use racefree_core::cli;
use racefree_core::error::Result;
use racefree_core::events::Events;
use racefree_core::exit::{Ending, Exit};
use racefree_core::lock::{self, Attempt, Held};
use racefree_core::time::{Deadline, parse_duration};
use racefree_core::voice::Loudness;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Run COMMAND while holding the lock on LOCKFILE
///
/// COMMAND inherits the lock, so exclusion holds even if withlock is killed; when COMMAND has ended the lock is
/// released explicitly, so a daemon that was started meanwhile does not keep it. LOCKFILE is created if it is absent,
/// never written, and never removed: removing it would let two commands run at once.
#[derive(Debug, Parser)]
#[command(name = "withlock", version, max_term_width = 100)]
pub struct Cli {
    /// Fail at once if another process holds the lock
    #[arg(short, long, conflicts_with = "timeout")]
    nonblock: bool,
    /// Wait for the lock at most DUR (a bare number is seconds; 0 is -n)
    #[arg(short = 'w', long, value_name = "DUR", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// The exit code for a lock that another process holds
    #[arg(short = 'E', long, value_name = "N", default_value_t = Exit::Busy.code())]
    conflict_exit_code: u8,
    #[command(flatten)]
    loudness: Loudness,
    /// The file or directory to lock
    lockfile: PathBuf,
    /// What to run, and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl cli::Cli for Cli {
    fn loudness(&self) -> Loudness {
        self.loudness
    }
}

/// What each exit code says.
pub const ENDINGS: &[Ending] = &[
    (Exit::Done, "COMMAND exited with status 0"),
    (Exit::Busy, "another process holds the lock (another code with -E)"),
];

/// Runs the utility.
///
/// # Errors
/// Everything that ends it otherwise than COMMAND ended.
pub fn run(cli: Cli) -> Result<Exit> {
    child::find(&cli.command[0])?;
    let held = cli.hold()?;
    held.let_children_inherit()?;
    let ended = child::run(&mut child::command(&cli.command), &Events::armed()?)?;
    held.release()?;
    Ok(ended)
}

impl Cli {
    fn hold(&self) -> Result<Held> {
        let lockfile = lock::open(&self.lockfile)?;
        let attempt = match self.timeout.filter(|timeout| !timeout.is_zero()) {
            _ if self.nonblock => lockfile.try_hold(),
            None if self.timeout.is_some() => lockfile.try_hold(),
            None => lockfile.hold_by(Deadline::NEVER),
            Some(timeout) => lockfile.hold_by(Deadline::after(timeout)),
        };
        match attempt? {
            Attempt::Held(held) => Ok(held),
            Attempt::Busy(lockfile) => Err(lockfile.busy(Exit::Status(self.conflict_exit_code))),
        }
    }
}
