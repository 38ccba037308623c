//! `pidfile claim`: claim PIDFILE, then become COMMAND, or start it in the background.

use crate::start;
use clap::Args;
use racefree_core::child;
use racefree_core::claim as core;
use racefree_core::error::{Result, refusal};
use racefree_core::exit::Exit;
use racefree_core::reading::Reading;
use racefree_core::time::{Limit, parse_duration};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Claim PIDFILE, then become COMMAND (or start it with --background)
///
/// The claim is a lock in a descriptor that COMMAND inherits. It ends when COMMAND and every child that inherited it
/// have ended, so a claim is never left behind. If another process has claimed PIDFILE, COMMAND is not run and the exit
/// code is 75.
#[derive(Debug, Args)]
pub(crate) struct Claim {
    /// Run COMMAND in the background, and return once it runs and is ready
    ///
    /// In a session of its own, with stdin from /dev/null, and every descriptor closed but 0, 1, 2 and the claim's.
    #[arg(short, long)]
    background: bool,
    #[command(flatten)]
    background_options: BackgroundOptions,
    /// The PID file: created if it is absent, never removed
    pidfile: PathBuf,
    /// The daemon, and its arguments. It must stay in the foreground
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// What only a start in the background knows.
#[derive(Debug, Args)]
pub(crate) struct BackgroundOptions {
    /// Append stdout and stderr of COMMAND to FILE (else they go to /dev/null)
    #[arg(long, value_name = "FILE", requires = "background")]
    pub(crate) log: Option<PathBuf>,
    /// Leave descriptor N open in COMMAND
    #[arg(long, value_name = "N", requires = "background", value_parser = clap::value_parser!(i32).range(3..))]
    pub(crate) keep_fd: Vec<i32>,
    /// Ready once this shell command exits 0; it sees PIDFILE and PIDFILE_PID
    ///
    /// If it exits otherwise, or COMMAND ends meanwhile, the start has failed: COMMAND is stopped with all that it
    /// started. Let it wait by itself, as waitfor(1) does.
    #[arg(long, value_name = "SHELL COMMAND", requires = "background")]
    pub(crate) ready: Option<OsString>,
    /// How long the whole start may take, or `none`
    #[arg(long, value_name = "DUR", default_value = "30s", value_parser = Limit::parse, requires = "background")]
    pub(crate) timeout: Limit,
    /// After a failed start: how long COMMAND may take to end by TERM before KILL
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = parse_duration, requires = "background")]
    pub(crate) kill_after: Duration,
}

impl Claim {
    pub(crate) fn run(self) -> Result<Exit> {
        child::find(&self.command[0])?;
        if self.background {
            return start::in_background(&self.pidfile, &self.command, &self.background_options);
        }
        let held = ours(&self.pidfile)?;
        held.name_this_process()?;
        let error = child::become_command(&self.command);
        held.put_back_text()?;
        Err(error)
    }
}

/// The claim, or the refusal that names who has it.
pub(crate) fn ours(path: &Path) -> Result<core::Held> {
    match core::Claim::on(path)? {
        core::Claim::Ours(held) => Ok(held),
        core::Claim::Theirs(reading) => {
            Err(refusal(Exit::Busy, format!("claim {}: {}", path.display(), in_words(&reading))))
        }
    }
}

fn in_words(theirs: &Reading) -> String {
    match theirs {
        Reading::Held(_) => theirs.in_words(),
        // It was held when we asked for the lock; whoever it was is gone, or not seen, by now.
        other => format!("another process holds its lock ({})", other.in_words()),
    }
}
