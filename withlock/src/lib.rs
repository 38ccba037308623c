//! `withlock`: run a command under a lock.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make the files that are opened"))]

mod busy;
mod cli;
mod locks;

pub use cli::Cli;

use racefree::cli::ended_by;
use racefree::cli::exit::{Ending, Exit, exit_as};
use racefree::cli::output;
use racefree::error::{Result, sentence};
use racefree::event::Events;
use racefree::event::deadline::Deadline;
use racefree::lock;
use racefree::lock::busy::BusyLock;
use racefree::process::child;
use std::ffi::OsString;
use std::time::Instant;

/// The meaning of each exit code.
pub const ENDINGS: &[Ending] = &[
    (Exit::Done, "COMMAND exited with status 0, or the descriptor is locked or unlocked as asked"),
    (Exit::Busy, "another process holds the lock (another code with -E)"),
    (Exit::TimedOut, "-w DUR is over by a second, and LOCKFILE cannot even be opened, or stderr not be written"),
];

/// The task that the operands name.
pub(crate) enum Task {
    /// Run these words as a command while the lock is held.
    Run(Vec<OsString>),
    /// Lock a descriptor of the shell, and leave it locked.
    Lock(i32),
    /// Unlock a descriptor of the shell.
    Unlock(i32),
}

/// Runs the utility.
///
/// # Errors
/// An error for every end other than COMMAND's own.
pub fn run(cli: Cli) -> Result<Exit> {
    match cli.task()? {
        Task::Run(words) => cli.run(&words),
        Task::Lock(number) => cli.lock(number),
        Task::Unlock(number) => lock::descriptor(number)?.unlock().map(|()| Exit::Done),
    }
}

impl Cli {
    fn run(&self, words: &[OsString]) -> Result<Exit> {
        child::find(&words[0])?;
        let begun = output::is_detailed().then(Instant::now);
        let held = self.within_time(|deadline| locks::hold_all(&self.lockfiles(), self.kind(), deadline))?;
        if let Some(begun) = begun {
            output::detail(|| format!("got the lock after {} ms", begun.elapsed().as_millis()));
        }
        if self.close {
            // Race: command-outlives-lock (docs/races.md)
            return child::run_bound_to_us(words, &Events::armed_for_command()?).map(Exit::from);
        }
        // Race: wrapper-killed (docs/races.md)
        held.iter().try_for_each(lock::LockGuard::let_children_inherit)?;
        if self.no_fork {
            return Err(child::become_command(child::command_to_become(words)));
        }
        let ended = child::run(words, &Events::armed_for_command()?)?;
        // Race: daemon-keeps-lock (docs/races.md)
        held.into_iter().try_for_each(lock::LockGuard::release)?;
        Ok(ended.into())
    }

    fn lock(&self, number: i32) -> Result<Exit> {
        let lockfile = lock::descriptor(number)?.of_kind(self.kind());
        // This closes our copy of the descriptor. The shell's copy keeps the lock.
        drop(self.within_time(|deadline| locks::hold(lockfile, deadline))?);
        Ok(Exit::Done)
    }

    /// Nothing is to be undone while no lock is held: what hangs past the deadline is ended.
    fn within_time<T>(&self, hold: impl FnOnce(Deadline) -> Result<T>) -> Result<T> {
        let deadline = self.deadline();
        ended_by(deadline, || hold(deadline)).map_err(|e| self.refused(e))
    }

    /// A lock that another process holds ends this process as the user chose, and under `--json` with an object.
    fn refused(&self, error: anyhow::Error) -> anyhow::Error {
        let Some(busy) = error.downcast_ref::<BusyLock>() else { return error };
        let printed = if self.json { busy::print(busy) } else { Ok(()) };
        printed.err().unwrap_or_else(|| exit_as(self.busy(), sentence(&busy.error())))
    }
}
