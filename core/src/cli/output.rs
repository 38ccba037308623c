//! The output of a utility: the answer on stdout, messages for people on stderr.
//!
//! Text from outside (paths, process names, log lines) never reaches stderr with a control character in it.

use crate::cli::exit::{Exit, exit_as};
pub use crate::cli::speaker::Verbosity;
use crate::cli::speaker::{self, name, verbosity};
use crate::cli::status_line::{self, StatusLine};
use crate::error::{Result, sentence};
use crate::listener::{self, Listener};
use crate::signal::Signal;
use crate::text;
use std::io::Write;

/// Sets the name before each message, and the amount of messages. Call it once, at the start.
pub fn speak_as(name: &str, verbosity: Verbosity) {
    speaker::set(name, verbosity);
    listener::install(&Terminal);
}

/// The listener that prints the library's notices on stderr.
struct Terminal;

impl Listener for Terminal {
    fn wants_decisions(&self) -> bool {
        verbosity().verbose > 1
    }

    fn decision(&self, race: &'static str, what: &str) {
        to_stderr(&format!("{what} [{race}]"));
    }

    fn warning(&self, error: &anyhow::Error) {
        failure(error);
    }

    fn waiting(&self, awaited: &(dyn Fn() -> String + Sync), wait: &mut dyn FnMut()) {
        StatusLine::beside(awaited, wait);
    }
}

fn to_stderr(text: &str) {
    write_to_stderr(&text::message(text));
}

fn write_to_stderr(text: &str) {
    let line = format!("{}{}: {text}\n", status_line::erased(), name());
    // One write, because other processes may write to the same log. If stderr cannot be written, the message is lost.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// Prints an error. `--quiet` does not silence it.
pub fn error(text: &str) {
    to_stderr(text);
}

/// Prints an error of the command line, in the lines that clap gives it.
pub(crate) fn usage_error(text: &str) {
    write_to_stderr(&text::lines(text));
}

/// Prints an error as a sentence, for a utility that goes on after it.
pub fn failure(error: &anyhow::Error) {
    to_stderr(&sentence(error));
}

/// Prints a notice. `--quiet` silences it.
pub fn notice(text: &str) {
    if !verbosity().quiet {
        to_stderr(text);
    }
}

/// Whether details are printed.
pub fn is_detailed() -> bool {
    verbosity().verbose > 0
}

/// Prints a detail, under `--verbose` only.
pub fn detail(text: impl FnOnce() -> String) {
    if is_detailed() {
        to_stderr(&text());
    }
}

/// Prints the answer on stdout, unchanged.
///
/// # Errors
/// If the reader is gone, the utility ends by SIGPIPE, as a program does that does not check its writes.
pub fn print(text: impl AsRef<[u8]>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_ref()).and_then(|()| out.flush()).map_err(|e| match e.kind() {
        std::io::ErrorKind::BrokenPipe => exit_as(Exit::Signalled(Signal::PIPE), "write the answer: nobody reads it"),
        _ => anyhow::Error::from(e).context("write the answer"),
    })
}
