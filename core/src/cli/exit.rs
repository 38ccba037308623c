//! The ways in which a utility ends. This is the only place where exit codes are numbers.
//!
//! A script tells the endings apart by these numbers, so they never change their meaning. Sources: timeout(1) for 124
//! to 127, lockf(1) and sysexits(3) for 64 and 75, the LSB's init script actions for 0 to 4.

use crate::claim::pid_text::Text;
use crate::claim::status::Status;
use crate::error::{Refusal, Why};
use crate::process::child::Ended;
use crate::signal::Signal;
use std::fmt;

/// The way a utility ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Yes, or done.
    Done,
    /// No: a stale PID file, a ready command that failed, an error line.
    No,
    /// The recorded process is dead, and other processes still hold its lock.
    Orphaned,
    /// Not running.
    NotRunning,
    /// The status is unknown: the file is unreadable, or a lock is held and no PID can be believed.
    Unknown,
    /// The command line is wrong (`EX_USAGE`).
    Usage,
    /// Another process holds the lock or the claim (`EX_TEMPFAIL`).
    Busy,
    /// Time ran out.
    TimedOut,
    /// The utility itself failed.
    Failed,
    /// COMMAND was found but could not be executed.
    CannotExecute,
    /// COMMAND was not found.
    NotFound,
    /// The daemon had to be killed.
    Killed,
    /// COMMAND ended with this status, or the user chose it.
    Status(u8),
    /// A signal ended COMMAND or the utility. The utility ends by the same signal.
    Signalled(Signal),
}

impl Exit {
    /// The number that a shell sees in `$?`.
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

    /// Ends this process. If a signal ended COMMAND, this process ends by the same signal, so that a shell sees it.
    pub fn end(self) -> ! {
        if let Exit::Signalled(signal) = self {
            crate::sys::die_of(signal);
        }
        std::process::exit(self.code().into())
    }
}

impl From<Ended> for Exit {
    fn from(ended: Ended) -> Exit {
        match ended {
            Ended::Status(code) => Exit::Status(code),
            Ended::Signalled(signal) => Exit::Signalled(signal),
        }
    }
}

impl From<&Status> for Exit {
    /// The exit code of `pidfile read`: the LSB's status codes.
    fn from(status: &Status) -> Exit {
        match status {
            // A stop empties the file; a crash leaves the PID.
            Status::Absent | Status::Stale(Text::Empty) => Exit::NotRunning,
            Status::Stale(_) | Status::Unfit(..) => Exit::No,
            Status::Held(_) => Exit::Done,
            Status::Orphaned(..) => Exit::Orphaned,
            Status::Unknown(_) | Status::Unreadable(_) => Exit::Unknown,
        }
    }
}

impl From<&Why> for Exit {
    fn from(why: &Why) -> Exit {
        match why {
            Why::Busy(_) => Exit::Busy,
            Why::NotFound(_) => Exit::NotFound,
            Why::CannotExecute(_) => Exit::CannotExecute,
            Why::Unfit(_) | Why::Replaced(_) => Exit::Failed,
            Why::Unproven(_) => Exit::Unknown,
        }
    }
}

/// An error for which a utility chose the ending.
#[derive(Debug)]
struct Asked {
    exit: Exit,
    why: String,
}

/// Makes an error that ends the utility with `exit`.
pub fn exit_as(exit: Exit, why: impl Into<String>) -> anyhow::Error {
    Asked { exit, why: why.into() }.into()
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Asked {}

/// The ending of a utility that met this error: the one that the utility chose, else the one of the refusal's reason.
pub fn ending(error: &anyhow::Error) -> Exit {
    // anyhow finds an error below the contexts that were added to it.
    match (error.downcast_ref::<Asked>(), error.downcast_ref::<Refusal>()) {
        (Some(asked), _) => asked.exit,
        (None, Some(refusal)) => Exit::from(refusal.why()),
        (None, None) => Exit::Failed,
    }
}

/// One line of EXIT STATUS in a manual page: an ending, and its meaning for the utility.
pub type Ending = (Exit, &'static str);

/// The endings that every wrapper of a COMMAND shares.
pub const OF_A_COMMAND: &[Ending] =
    &[(Exit::CannotExecute, "COMMAND was found but could not be executed"), (Exit::NotFound, "COMMAND was not found")];

/// The endings that all utilities share.
pub const OF_ALL: &[Ending] = &[
    (Exit::Usage, "wrong usage; nothing was done"),
    (Exit::Failed, "the tool itself failed: a file could not be opened, a system call was refused"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Context, Result, refused, sentence};

    #[test]
    fn an_error_keeps_its_ending_through_what_is_said_around_it() {
        let busy: Result<()> = Err(refused("lock", "/run/x", Why::Busy("held by 12".into())));
        let error = busy.act("start", "d").unwrap_err();
        assert_eq!((ending(&error), sentence(&error).as_str()), (Exit::Busy, "start d: lock /run/x: held by 12"));
        let late: Result<()> = Err(exit_as(Exit::TimedOut, "not ready"));
        assert_eq!(ending(&late.act("start", "d").unwrap_err()), Exit::TimedOut);
        assert_eq!(ending(&anyhow::anyhow!("open x: no")), Exit::Failed);
    }
}
