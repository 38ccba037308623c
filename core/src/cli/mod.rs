//! The frame of every utility: parse, run, end.

pub mod exit;
pub mod meant;
pub mod output;
pub(crate) mod speaker;
pub mod status_line;

use crate::cli::exit::{Ending, Exit, OF_ALL, ending};
use crate::cli::output::Verbosity;
use crate::error::{Result, sentence};
use crate::event::deadline::Deadline;
use crate::sys::backstop::Backstop;
use crate::sys::init;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;

/// The command line of a utility.
pub trait Cli: CommandFactory + FromArgMatches {
    /// The name before each message.
    const NAME: &'static str;
    /// The meaning of its exit codes, without those that all utilities share.
    const ENDINGS: &'static [Ending] = &[];

    /// The amount of output that the user asked for.
    fn verbosity(&self) -> Verbosity;

    /// Reads a plain command line without the definition of the options, which takes longer than a lock. `None` if the line
    /// is not plain. Otherwise the result is what the definition gives.
    fn plain(_arguments: &[OsString]) -> Option<Self> {
        None
    }

    /// The command line that the user meant by a wrong one, if that is clear.
    fn meant(_typed: &[OsString]) -> Option<String> {
        None
    }
}

/// Runs a utility on the arguments of this process, the first of which is its name. A utility's `main` calls only this.
pub fn main<C: Cli>(arguments: Vec<OsString>, run: fn(C) -> Result<Exit>) -> Exit {
    match C::plain(&arguments) {
        Some(cli) => run_parsed(cli, run),
        None => parse_and_run(&arguments, run),
    }
}

/// Not inlined: the plain call would touch the pages of clap's stack.
#[inline(never)]
fn parse_and_run<C: Cli>(arguments: &[OsString], run: fn(C) -> Result<Exit>) -> Exit {
    // To free the definition costs as much time as a lock. The process ends soon, and its memory with it.
    let mut command = ManuallyDrop::new(C::command());
    let whole = arguments.iter().any(|argument| argument == "--help");
    let parsed = command
        .try_get_matches_from_mut(arguments)
        .and_then(|matches| C::from_arg_matches(&ManuallyDrop::new(matches)));
    match parsed {
        Ok(cli) => run_parsed(cli, run),
        Err(error) => match C::meant(arguments).filter(|_| error.use_stderr()) {
            Some(meant) => {
                output::speak_as(C::NAME, Verbosity::default());
                let text = error.render().to_string();
                let what = text.lines().next().unwrap_or_default();
                output::error(&format!("{}; did you mean: {meant}", what.strip_prefix("error: ").unwrap_or(what)));
                Exit::Usage
            }
            None => usage(C::NAME, without_odd_tip(error), if whole { C::ENDINGS } else { &[] }),
        },
    }
}

fn run_parsed<C: Cli>(cli: C, run: fn(C) -> Result<Exit>) -> Exit {
    output::speak_as(C::NAME, cli.verbosity());
    init::obey_signals_as_pid_1();
    run(cli).unwrap_or_else(|error| {
        output::error(&sentence(&error));
        ending(&error)
    })
}

/// Whether clap takes each of these words as an operand: none is empty, and none begins with a hyphen.
pub fn are_operands(words: &[OsString]) -> bool {
    words.iter().all(|word| word.as_bytes().first().is_some_and(|first| *first != b'-'))
}

/// Arms a timer that ends this process with 124 a second after the deadline, wherever it hangs, unless the returned
/// value is dropped before. It is for a utility that has nothing to undo.
pub fn end_by(deadline: Deadline) -> Option<Backstop> {
    // If the user's limit of timers is reached, a call that the kernel blocks for ever is not ended.
    deadline.left().and_then(|left| Backstop::after(left, speaker::name()).ok())
}

/// Lets `act`, which leaves nothing to undo, take until the deadline: see [`end_by`]. The timers stay if it fails, because
/// the message of the failure may be what hangs.
///
/// # Errors
/// The errors of `act`.
pub fn ended_by<T>(deadline: Deadline, act: impl FnOnce() -> Result<T>) -> Result<T> {
    let backstop = end_by(deadline);
    let done = act();
    if let (Some(backstop), Err(_)) = (backstop, &done) {
        backstop.stay();
    }
    done
}

/// Drops the tip to pass an unknown option as a value: no file is called `-s`.
fn without_odd_tip(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::StyledStrs(mut tips)) = error.remove(ContextKind::Suggested) {
        tips.retain(|tip| !tip.to_string().contains("as a value"));
        if !tips.is_empty() {
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips));
        }
    }
    error
}

fn usage(name: &str, error: clap::Error, endings: &[Ending]) -> Exit {
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
            output::usage_error(text.strip_prefix("error: ").unwrap_or(&text).trim_end());
            Exit::Usage
        }
    }
}

/// The text about exit codes at the end of `--help`.
fn exit_status(endings: &[Ending]) -> String {
    if endings.is_empty() {
        return String::new();
    }
    let line = |(exit, meaning): &Ending| format!("  {:>3}  {meaning}\n", exit.code());
    let lines: String = endings.iter().chain(OF_ALL).map(line).collect();
    format!("\nExit status:\n{lines}")
}

/// Makes a function of the arguments the `main` of a program that has `#![no_main]`.
///
/// Rust's runtime would run first, and it reads /proc/self/maps to find the end of the stack. That is a twentieth of
/// the start-up time of a small program (docs/performance.md). [`crate::sys::runtime::begin`] does the part of the
/// runtime's work that a utility needs.
#[macro_export]
macro_rules! main {
    ($function:expr) => {
        #[global_allocator]
        static ARENA: $crate::sys::arena::Arena = $crate::sys::arena::Arena::new();

        #[allow(unsafe_code)]
        // SAFETY: a program without Rust's own `main` has no other symbol of this name.
        #[unsafe(no_mangle)]
        extern "C" fn main(count: std::ffi::c_int, arguments: *const *const std::ffi::c_char) -> std::ffi::c_int {
            let function: fn(Vec<std::ffi::OsString>) -> $crate::cli::exit::Exit = $function;
            // SAFETY: the C library calls `main` with these arguments.
            function(unsafe { $crate::sys::runtime::begin(count, arguments) }).end()
        }
    };
}
