//! `pidfile`: claim a PID file and become a daemon; read it, signal and stop who has claimed it.

mod claim;
mod read;
mod signal;
mod stop;
mod unlocked;

use clap::{Parser, Subcommand};
use racefree_core::cli;
use racefree_core::cli::exit::{Ending, Exit};
use racefree_core::cli::output::Verbosity;
use racefree_core::error::Result;
use std::ffi::OsString;

/// Claim a PID file and become a daemon; find, signal and stop a daemon by its PID file
///
/// A claim is a lock that lives exactly as long as the daemon: nothing has to be cleaned up, whatever is killed and
/// whenever. PID files are never removed, for that is the race in which two daemons run.
#[derive(Debug, Parser)]
#[command(name = "pidfile", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    verbosity: Verbosity,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Claim(claim::Claim),
    Read(read::Read),
    Signal(signal::Signal),
    Stop(stop::Stop),
}

impl cli::Cli for Cli {
    const ENDINGS: &'static [Ending] = ENDINGS;

    fn verbosity(&self) -> Verbosity {
        self.verbosity
    }
}

/// What each exit code says.
pub const ENDINGS: &[Ending] = &[
    (
        Exit::Done,
        "done; claim --ensure: claimed already; read: claimed, the PID is printed; stop: stopped, or was not running",
    ),
    (Exit::No, "read, signal: a stale PID file, held by nobody (LSB 1); claim: the ready command said no"),
    (Exit::Orphaned, "read, signal: the recorded process is dead but others still hold its lock (LSB 2)"),
    (Exit::NotRunning, "read, signal: no PID file (LSB 3); claim: the daemon ended before it was ready"),
    (Exit::Unknown, "read, signal, stop: unknown: unreadable, or held without a PID that can be believed (LSB 4)"),
    (Exit::Busy, "claim: another process has claimed the PID file"),
    (Exit::TimedOut, "claim: not ready in time; stop: not gone in time"),
    (Exit::Killed, "stop: it had to be killed"),
];

/// Runs the utility on the arguments of this process, the first of which is its name: the whole of its `main`.
///
/// One verb is not in the definitions: by it `pidfile claim` starts this program as a supervisor in the background.
pub fn main(mut arguments: Vec<OsString>) -> Exit {
    if arguments.get(1).is_some_and(|verb| verb == claim::SUPERVISOR_VERB) {
        arguments.remove(1);
        return cli::main(arguments, claim::Supervisor::run);
    }
    cli::main(arguments, run)
}

/// Runs the utility.
///
/// # Errors
/// Everything that ends it otherwise than by an answer.
pub fn run(cli: Cli) -> Result<Exit> {
    match cli.verb {
        Verb::Claim(claim) => claim.run(),
        Verb::Read(read) => read.run(cli.verbosity.quiet),
        Verb::Signal(signal) => signal.run(),
        Verb::Stop(stop) => stop.run(),
    }
}
