//! How a utility ends: one enum, and the only place where exit codes are numbers.
//!
//! A script tells the endings apart by these numbers, so they never change meaning. Sources: timeout(1) for 124 to
//! 127, lockf(1) and sysexits(3) for 64 and 75, the LSB's init script actions for 0 to 4.

use crate::signal::Signal;
use std::process::ExitStatus;

/// The way a utility ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Yes, or done.
    Done,
    /// No: a stale PID file, a ready command that said no, an error line.
    No,
    /// The recorded process is dead but others still hold its lock.
    Orphaned,
    /// Not running.
    NotRunning,
    /// Nothing can be said: unreadable, or held without a PID that can be believed.
    Unknown,
    /// The command line makes no sense (`EX_USAGE`).
    Usage,
    /// Another holds the lock or the claim (`EX_TEMPFAIL`).
    Busy,
    /// Time ran out.
    TimedOut,
    /// The tool itself failed.
    Failed,
    /// COMMAND was found but could not be executed.
    CannotExecute,
    /// COMMAND was not found.
    NotFound,
    /// What was to be stopped had to be killed.
    Killed,
    /// COMMAND ended with this status, or the user chose it.
    Status(u8),
    /// COMMAND, or the tool, was ended by this signal; the tool ends by it too.
    Signalled(Signal),
}

impl Exit {
    /// The number a shell sees in `$?`.
    pub fn code(self) -> u8 {
        match self {
            Exit::Done => 0,
            Exit::No => 1,
            Exit::Orphaned => 2,
            Exit::NotRunning => 3,
            Exit::Unknown => 4,
            Exit::Usage => 64,
            Exit::Busy => 75,
            Exit::TimedOut => 124,
            Exit::Failed => 125,
            Exit::CannotExecute => 126,
            Exit::NotFound => 127,
            Exit::Killed => 137,
            Exit::Status(code) => code,
            Exit::Signalled(signal) => 128u8.wrapping_add(signal.number() as u8),
        }
    }

    /// Ends this process as this says: by the signal itself where a signal ended COMMAND, so that a shell sees what
    /// happened.
    pub fn end(self) -> ! {
        if let Exit::Signalled(signal) = self {
            crate::sys::die_of(signal);
        }
        std::process::exit(self.code().into())
    }
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        match (status.code(), status.signal().and_then(Signal::new)) {
            (Some(code), _) => Exit::Status(code as u8),
            (None, Some(signal)) => Exit::Signalled(signal),
            // Neither ended nor signalled is "stopped", which wait(2) reports only where it is asked to.
            (None, None) => Exit::Failed,
        }
    }
}

/// One line of a manual page's EXIT STATUS: an ending, and what it means for the utility in question.
pub type Ending = (Exit, &'static str);

/// The endings that every wrapper of a COMMAND shares.
pub const OF_A_COMMAND: &[Ending] =
    &[(Exit::CannotExecute, "COMMAND was found but could not be executed"), (Exit::NotFound, "COMMAND was not found")];

/// The endings that all utilities share.
pub const OF_ALL: &[Ending] = &[
    (Exit::Usage, "wrong usage; nothing was done"),
    (Exit::Failed, "the tool itself failed: a file could not be opened, a system call was refused"),
];
