//! `pidfile`: claim a PID file and become a daemon; read a PID file, signal its claimant, and stop it.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make the files that are opened"))]

mod claim;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzed;
mod group;
mod meant;
mod outcome;
mod plain;
mod read;
mod send;
mod signal;
mod stop;
mod unlocked;

use clap::{ArgMatches, Args, Command, FromArgMatches, Parser, Subcommand};
use racefree::cli;
use racefree::cli::exit::{Ending, Exit};
use racefree::cli::output::Verbosity;
use racefree::error;
use std::ffi::OsString;

/// Claim a PID file and become a daemon; find, signal and stop a daemon by its PID file
///
/// A claim is a lock that lives exactly as long as the daemon: nobody has to clean up, whichever process is killed, and
/// whenever. pidfile never removes a PID file, because that would open the race in which two daemons run.
#[derive(Debug, Parser)]
#[command(name = "pidfile", version, max_term_width = 100)]
#[command(override_usage = "pidfile [-q|-v] claim [OPTIONS] PIDFILE COMMAND [ARG]...\n       \
    pidfile [-q|-v] read [OPTIONS] PIDFILE...\n       \
    pidfile [-q|-v] signal [OPTIONS] SIGNAL PIDFILE\n       \
    pidfile [-q|-v] stop [OPTIONS] PIDFILE...")]
pub struct Cli {
    #[command(subcommand)]
    verb: Called,
    #[command(flatten)]
    verbosity: Verbosity,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Claim(Box<claim::Claim>),
    Read(read::Read),
    Signal(signal::SendSignal),
    Stop(stop::Stop),
}

/// The verb that the user has called. Only its options are defined: the definition of all options would take longer
/// than `read` itself.
#[derive(Debug)]
struct Called(Verb);

/// A verb, its line in the list of verbs, and the definition of its options.
type Definition = (&'static str, &'static str, fn(Command) -> Command);

const VERBS: [Definition; 4] = [
    ("claim", "Claim PIDFILE, then become COMMAND (or start it with --background)", claim::Claim::augment_args),
    ("read", "Print the PID of the living process that has claimed PIDFILE", read::Read::augment_args),
    (
        "signal",
        "Send SIGNAL to the process that has claimed PIDFILE, and to no other",
        signal::SendSignal::augment_args,
    ),
    ("stop", "Stop the daemon that has claimed PIDFILE, and return when it is gone", stop::Stop::augment_args),
];

impl Subcommand for Called {
    fn augment_subcommands(command: Command) -> Command {
        let verbs = VERBS.map(|(name, about, define)| Command::new(name).about(about).defer(define));
        command.subcommand_required(true).arg_required_else_help(true).subcommands(verbs)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Called::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        Verb::has_subcommand(name)
    }
}

impl FromArgMatches for Called {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Called, clap::Error> {
        Verb::from_arg_matches(matches).map(Called)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.update_from_arg_matches(matches)
    }
}

impl cli::Cli for Cli {
    const NAME: &'static str = "pidfile";
    const ENDINGS: &'static [Ending] = ENDINGS;

    fn verbosity(&self) -> Verbosity {
        self.verbosity
    }

    fn plain(arguments: &[OsString]) -> Option<Cli> {
        let verb = plain::verb(arguments.get(1..)?)?;
        Some(Cli { verb: Called(verb), verbosity: Verbosity::default() })
    }

    fn meant(typed: &[OsString]) -> Option<String> {
        meant::meant(typed)
    }
}

/// The meaning of each exit code.
pub const ENDINGS: &[Ending] = &[
    (
        Exit::Done,
        "done; claim --ensure: claimed already; read: claimed, the PID is printed; stop: stopped, or was not running",
    ),
    (Exit::No, "read, signal: a stale PID file, held by nobody (LSB 1); claim: the ready command said no"),
    (Exit::Orphaned, "read, signal: the recorded process is dead but others still hold its lock (LSB 2)"),
    (
        Exit::NotRunning,
        "read, signal: no PID file, or an empty one that nobody holds (LSB 3); claim: the daemon ended before it was ready",
    ),
    (Exit::Unknown, "read, signal, stop: unknown: unreadable, or held without a PID that can be believed (LSB 4)"),
    (Exit::Busy, "claim: another process has claimed the PID file"),
    (Exit::TimedOut, "claim: not ready in time; stop: not gone in time"),
    (Exit::Killed, "stop: it had to be killed"),
];

/// Runs the utility on the arguments of this process, the first of which is its name. `main` calls only this.
///
/// One verb is not in the definitions: `pidfile claim` starts this program by it as a supervisor in the background.
pub fn main(arguments: Vec<OsString>) -> Exit {
    if arguments.get(1).is_some_and(|verb| verb == claim::SUPERVISOR_VERB) {
        return supervise(arguments);
    }
    cli::main(arguments, run)
}

fn supervise(mut arguments: Vec<OsString>) -> Exit {
    arguments.remove(1);
    cli::main(arguments, claim::Supervisor::run)
}

/// Runs the utility.
///
/// # Errors
/// An error for every end other than an answer.
pub fn run(cli: Cli) -> error::Result<Exit> {
    match cli.verb.0 {
        Verb::Claim(claim) => claim.run(),
        Verb::Read(read) => read.run(cli.verbosity.quiet),
        Verb::Signal(signal) => signal.run(),
        Verb::Stop(stop) => stop.run(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_list_of_verbs_says_what_each_verb_says_of_itself() {
        let listed = Cli::command();
        let defined = Verb::augment_subcommands(Command::new("pidfile"));
        let about = |command: &Command| -> Vec<_> {
            command.get_subcommands().map(|verb| (verb.get_name().to_owned(), verb.get_about().cloned())).collect()
        };
        assert_eq!(about(&listed), about(&defined));
    }
}
