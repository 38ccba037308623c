//! What a utility says: the answer on stdout, everything for people on stderr.
//!
//! Text that came from outside (paths, process names, log lines) never reaches stderr with a control character in it.

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

/// How much is said on stderr; errors always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Verbosity {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more about what is done and why; twice: also each decision that a race asked for (docs/races.md)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

static SPEAKER: OnceLock<Speaker> = OnceLock::new();

/// Sets the name that stands before each message, and how much is said. Once, at the start.
pub fn speak_as(name: &str, verbosity: Verbosity) {
    // A second call would come from a second `main` in the same process; the first name stands.
    let _ = SPEAKER.set(Speaker { name: name.to_owned(), verbosity });
    listener::install(&Terminal);
}

/// What the core tells goes to stderr.
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

/// The name that stands before each message.
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
    // In one write, for others may write to the same log. stderr that cannot be written leaves nobody to tell.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// What went wrong. Not silenced by `--quiet`.
pub fn error(text: &str) {
    to_stderr(text);
}

/// What is wrong with the command line, in the several lines that clap makes of it.
pub(crate) fn usage_error(text: &str) {
    write_to_stderr(&text::lines(text));
}

/// What went wrong, as a whole sentence, for a tool that goes on after it.
pub fn failure(error: &anyhow::Error) {
    to_stderr(&sentence(error));
}

/// What a user might want to know. Silenced by `--quiet`.
pub fn notice(text: &str) {
    if !verbosity().quiet {
        to_stderr(text);
    }
}

/// What only `--verbose` tells.
pub fn detail(text: impl FnOnce() -> String) {
    if verbosity().verbose > 0 {
        to_stderr(&text());
    }
}

/// The answer, on stdout, as it is.
///
/// # Errors
/// A reader that has gone away ends the tool by SIGPIPE, as it would end any program that does not look.
pub fn print(text: impl AsRef<[u8]>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_ref()).and_then(|()| out.flush()).map_err(|e| match e.kind() {
        std::io::ErrorKind::BrokenPipe => exit_as(Exit::Signalled(Signal::PIPE), "write the answer: nobody reads it"),
        _ => anyhow::Error::from(e).context("write the answer"),
    })
}
