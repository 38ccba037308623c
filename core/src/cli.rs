//! The frame of every utility: parse, run, end.

use crate::error::{Result, ending, sentence};
use crate::exit::Exit;
use crate::voice::{self, Loudness};
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::process::{ExitCode, Termination};

/// A utility's command line.
pub trait Cli: CommandFactory + FromArgMatches {
    /// How much it says.
    fn loudness(&self) -> Loudness;
}

/// Runs a utility on this process's arguments: the whole of its `main`.
pub fn main<C: Cli>(run: fn(C) -> Result<Exit>) -> ExitCode {
    main_with(std::env::args_os().collect(), run)
}

/// Runs a utility on the given arguments, the first of which is its name.
pub fn main_with<C: Cli>(arguments: Vec<OsString>, run: fn(C) -> Result<Exit>) -> ExitCode {
    let command = C::command();
    let name = command.get_name().to_owned();
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| C::from_arg_matches(&matches));
    let exit = match parsed {
        Ok(cli) => {
            voice::speak_as(&name, cli.loudness());
            run(cli).unwrap_or_else(|error| {
                voice::error(&sentence(&error));
                ending(&error)
            })
        }
        Err(error) => usage(&name, &error),
    };
    exit.report()
}

fn usage(name: &str, error: &clap::Error) -> Exit {
    voice::speak_as(name, Loudness::default());
    let text = error.render();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match voice::answer(text.to_string()) {
            Ok(()) => Exit::Done,
            Err(e) => ending(&e),
        },
        _ => {
            let text = text.to_string();
            voice::error(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
            Exit::Usage
        }
    }
}
