//! What a utility says: the answer on stdout, everything for people on stderr.
//!
//! Text that came from outside (paths, process names, log lines) never reaches stderr with a control character in it.

use crate::cli::exit::Exit;
use crate::error::{Result, refusal, sentence};
use crate::event::time::{Deadline, for_people};
use crate::signal::Signal;
use nix::sys::signal::{SigSet, SigmaskHow};
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

struct Voice {
    name: String,
    verbosity: Verbosity,
}

/// How much is said on stderr; errors always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Verbosity {
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more about what is done and why
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

static VOICE: OnceLock<Voice> = OnceLock::new();

/// Sets the name that stands before each message, and how much is said. Once, at the start.
pub fn speak_as(name: &str, verbosity: Verbosity) {
    // A second call would come from a second `main` in the same process; the first name stands.
    let _ = VOICE.set(Voice { name: name.to_owned(), verbosity });
}

fn verbosity() -> Verbosity {
    VOICE.get().map(|voice| voice.verbosity).unwrap_or_default()
}

fn to_stderr(text: &str) {
    let name = VOICE.get().map_or("racefree", |voice| &voice.name);
    let erase = if STATUS_IS_SHOWN.swap(false, Ordering::Relaxed) { ERASE } else { "" };
    let line = format!("{erase}{name}: {}\n", printable(text));
    // In one write, for others may write to the same log. stderr that cannot be written leaves nobody to tell.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// What went wrong. Not silenced by `--quiet`.
pub fn error(text: &str) {
    to_stderr(text);
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
    if verbosity().verbose {
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
        std::io::ErrorKind::BrokenPipe => refusal(Exit::Signalled(Signal::PIPE), "write the answer: nobody reads it"),
        _ => anyhow::Error::from(e).context("write the answer"),
    })
}

/// The text with every control character but newline and tab shown as `\x1b` is, so that a terminal obeys none.
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown
}

/// One line on a terminal that says what is awaited, from the second second on; erased when it is dropped.
#[derive(Debug)]
pub struct StatusLine {
    since: Instant,
    on_terminal: bool,
}

/// A line is on the terminal, and must go before anything else is said there.
static STATUS_IS_SHOWN: AtomicBool = AtomicBool::new(false);

const ERASE: &str = "\r\x1b[K";

const TICK: Duration = Duration::from_secs(1);

impl StatusLine {
    /// Begins to count. Where stderr is no terminal, nothing will ever be shown.
    pub fn begin() -> StatusLine {
        let on_terminal = std::io::stderr().is_terminal() && !verbosity().quiet;
        StatusLine { since: Instant::now(), on_terminal }
    }

    /// When the line is due again: never where there is no terminal, so that a wait there costs no wake-up.
    pub fn due(&self) -> Deadline {
        if self.on_terminal { Deadline::after(TICK) } else { Deadline::NEVER }
    }

    /// Waits in a call that blocks, and shows the line from a thread of its own: a wait interrupted for the line would
    /// lose its place in the kernel's queue.
    pub fn beside<T>(awaited: impl Fn() -> String + Sync, wait: impl FnOnce() -> T) -> T {
        let mut line = StatusLine::begin();
        if !line.on_terminal {
            return wait();
        }
        let (waiting, over) = mpsc::channel::<()>();
        thread::scope(|scope| {
            // Every signal is for the thread that waits. Blocking and giving back a mask of the kernel's cannot fail.
            let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK);
            scope.spawn(|| {
                let over = over;
                while over.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                    line.show(&awaited);
                }
            });
            let _ = before.map(|mask| mask.thread_set_mask());
            let answer = wait();
            drop(waiting);
            answer
        })
    }

    /// Shows the line, if it is time for it.
    pub fn show(&mut self, awaited: impl FnOnce() -> String) {
        let waited = self.since.elapsed();
        if !self.on_terminal || waited < TICK {
            return;
        }
        STATUS_IS_SHOWN.store(true, Ordering::Relaxed);
        let name = VOICE.get().map_or("racefree", |voice| &voice.name);
        let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        // A terminal that does not know its width has 0 columns.
        let columns = if columns == 0 { 80 } else { columns.max(20) };
        let line = printable(&format!("{name}: {} ({})", awaited(), for_people(waited))).replace(['\n', '\t'], " ");
        let line: String = line.chars().take(columns - 1).collect();
        let (dim, plain) =
            if std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) { ("", "") } else { ("\x1b[2m", "\x1b[0m") };
        // A terminal that has gone away needs no status line.
        let _ = write!(std::io::stderr().lock(), "{ERASE}{dim}{line}{plain}");
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        if STATUS_IS_SHOWN.swap(false, Ordering::Relaxed) {
            // As above: nothing is lost where the terminal has gone.
            let _ = write!(std::io::stderr().lock(), "{ERASE}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_sequence_does_not_reach_a_terminal() {
        assert_eq!(printable("a\x1b[31mb\u{9b}c\r\n\td"), "a\\x1b[31mb\\x9bc\\x0d\n\td");
    }
}
