//! The status line: one line on a terminal that names what a wait is for. It is erased before any other output.

use crate::cli::speaker::{name, verbosity};
use crate::event::deadline::Deadline;
use crate::event::duration::for_people;
use crate::sys::beyond_nix::columns;
use crate::text::one_line;
use nix::sys::signal::{SigSet, SigmaskHow};
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// One line on a terminal that names what a wait is for. It appears after the first second, and a drop erases it.
#[derive(Debug)]
pub struct StatusLine {
    since: Instant,
    on_terminal: bool,
}

/// Whether a status line is on the terminal. It must be erased before any other output.
static STATUS_IS_SHOWN: AtomicBool = AtomicBool::new(false);

/// The text that erases the line, or nothing if no line is shown. The caller writes it.
pub(crate) fn erased() -> &'static str {
    if STATUS_IS_SHOWN.swap(false, Ordering::Relaxed) { ERASE } else { "" }
}

const ERASE: &str = "\r\x1b[K";

const TICK: Duration = Duration::from_secs(1);

impl StatusLine {
    /// Begins to measure the wait. If stderr is no terminal, it never shows a line.
    pub fn begin() -> StatusLine {
        let on_terminal = std::io::stderr().is_terminal() && !verbosity().quiet;
        StatusLine { since: Instant::now(), on_terminal }
    }

    /// The instant at which the line is due again. Without a terminal that is never, so that a wait there costs no
    /// wake-up.
    pub fn due(&self) -> Deadline {
        if self.on_terminal { Deadline::after(TICK) } else { Deadline::NEVER }
    }

    /// Calls `wait`, which blocks, and shows the line from another thread. If the line interrupted the wait itself, the
    /// wait would lose its place in the kernel's queue.
    pub fn beside<T>(awaited: impl Fn() -> String + Sync, wait: impl FnOnce() -> T) -> T {
        let mut line = StatusLine::begin();
        if !line.on_terminal {
            return wait();
        }
        let (waiting, over) = mpsc::channel::<()>();
        thread::scope(|scope| {
            // The thread that waits gets every signal. To block signals, and to restore a mask that the kernel gave us,
            // cannot fail.
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

    /// Shows the line if it is due.
    pub fn show(&mut self, awaited: impl FnOnce() -> String) {
        let waited = self.since.elapsed();
        if !self.on_terminal || waited < TICK {
            return;
        }
        STATUS_IS_SHOWN.store(true, Ordering::Relaxed);
        let name = name();
        let columns = columns(std::io::stderr()).map_or(0, usize::from);
        // A terminal that does not know its width has 0 columns.
        let columns = if columns == 0 { 80 } else { columns.max(20) };
        let line = fitting(&one_line(&format!("{name}: {}", awaited())), &for_people(waited), columns - 1);
        let (dim, plain) =
            if std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) { ("", "") } else { ("\x1b[2m", "\x1b[0m") };
        // If the terminal is gone, the status line is not needed.
        let _ = write!(std::io::stderr().lock(), "{ERASE}{dim}{line}{plain}");
    }
}

/// The text and the time on one line. Where they do not fit, the text is cut: the time shows that the wait goes on.
fn fitting(text: &str, time: &str, columns: usize) -> String {
    let time = format!(" ({time})");
    let room = columns.saturating_sub(time.chars().count());
    text.chars().take(room).chain(time.chars()).take(columns).collect()
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        if STATUS_IS_SHOWN.swap(false, Ordering::Relaxed) {
            // If the terminal is gone, there is nothing to erase.
            let _ = write!(std::io::stderr().lock(), "{ERASE}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fitting;

    #[test]
    fn the_time_stays_where_the_line_is_too_narrow() {
        assert_eq!(fitting("waiting for x", "2.0 s", 40), "waiting for x (2.0 s)");
        assert_eq!(fitting("waiting for x", "2.0 s", 19), "waiting for (2.0 s)");
        assert_eq!(fitting("waiting for x", "2.0 s", 4), " (2.");
    }
}
