//! The frame of every utility: parse, run, end.

pub mod exit;
pub mod output;

use crate::cli::exit::{Ending, Exit, OF_ALL};
use crate::cli::output::Verbosity;
use crate::error::{Result, ending, sentence};
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;

/// A utility's command line.
pub trait Cli: CommandFactory + FromArgMatches {
    /// What its exit codes say, beside those that all share.
    const ENDINGS: &'static [Ending] = &[];

    /// How much it says.
    fn verbosity(&self) -> Verbosity;
}

/// Runs a utility on the arguments of this process, the first of which is its name: the whole of its `main`.
pub fn main<C: Cli>(arguments: Vec<OsString>, run: fn(C) -> Result<Exit>) -> Exit {
    let command = C::command();
    let name = command.get_name().to_owned();
    let whole = arguments.iter().any(|argument| argument == "--help");
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| C::from_arg_matches(&matches));
    match parsed {
        Ok(cli) => {
            output::speak_as(&name, cli.verbosity());
            run(cli).unwrap_or_else(|error| {
                output::error(&sentence(&error));
                ending(&error)
            })
        }
        Err(error) => usage(&name, &error, if whole { C::ENDINGS } else { &[] }),
    }
}

fn usage(name: &str, error: &clap::Error, endings: &[Ending]) -> Exit {
    output::speak_as(name, Verbosity::default());
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            match output::print(format!("{text}{}", exit_status(endings))) {
                Ok(()) => Exit::Done,
                Err(e) => ending(&e),
            }
        }
        _ => {
            let text = text.to_string();
            output::error(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
            Exit::Usage
        }
    }
}

/// The exit codes, for the end of `--help`.
fn exit_status(endings: &[Ending]) -> String {
    if endings.is_empty() {
        return String::new();
    }
    let line = |(exit, meaning): &Ending| format!("  {:>3}  {meaning}\n", exit.code());
    let lines: String = endings.iter().chain(OF_ALL).map(line).collect();
    format!("\nExit status:\n{lines}")
}
