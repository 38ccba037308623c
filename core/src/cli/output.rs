//! The output of a utility: the answer on stdout, messages for people on stderr.
//!
//! Text from outside (paths, process names, log lines) never reaches stderr with a control character in it.

use crate::cli::exit::{Exit, exit_as};
use crate::cli::status_line::{self, StatusLine};
use crate::error::{Result, sentence};
use crate::listener::{self, Listener};
use crate::signal::Signal;
use crate::text;
use std::io::Write;
use std::sync::OnceLock;

struct Speaker {
    name: String,
    verbosity: Verbosity,
}

/// The amount of messages on stderr. Errors are always printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Verbosity {
    /// Print no message but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more about each act and its reason; twice: also each decision that a race forces (docs/races.md)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

static SPEAKER: OnceLock<Speaker> = OnceLock::new();

/// Sets the name before each message, and the amount of messages. Call it once, at the start.
pub fn speak_as(name: &str, verbosity: Verbosity) {
    // A second call would come from a second `main` in one process. The first name stays.
    let _ = SPEAKER.set(Speaker { name: name.to_owned(), verbosity });
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

/// The name before each message.
pub(crate) fn name() -> &'static str {
    SPEAKER.get().map_or("racefree", |speaker| &speaker.name)
}

pub(crate) fn verbosity() -> Verbosity {
    SPEAKER.get().map(|speaker| speaker.verbosity).unwrap_or_default()
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

/// Prints a detail, under `--verbose` only.
pub fn detail(text: impl FnOnce() -> String) {
    if verbosity().verbose > 0 {
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
