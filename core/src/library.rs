//! The front door for Rust programs: claim a PID file for this process, read one, pin and stop a claimant.

use crate::claim::evidence::{Trust, pin_to_signal};
use crate::claim::own;
use crate::claim::pin;
use crate::claim::status::{Claimant, Status};
use crate::claim::{ClaimGuard, Claimed};
use crate::error::Refusal;
use crate::event::deadline::Deadline;
use crate::event::ready_by;
use crate::process::pidfd::PidFd;
use crate::signal::Signal;
use std::fmt;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The reason for which a claim, a reading or a signal failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Another process has the claim.
    Busy(PathBuf, Status),
    /// No living process has the claim.
    NotRunning(PathBuf, Status),
    /// The crate refuses the act: the file cannot be a PID file, or no process can be signalled without a guess.
    Refused(Refusal),
    /// A system call failed: what was tried, on what, and why.
    System(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Busy(path, status) => write!(f, "claim {}: {}", path.display(), status.in_words()),
            Error::NotRunning(path, status) => write!(f, "find {}: {}", path.display(), status.in_words()),
            Error::Refused(refusal) => refusal.fmt(f),
            Error::System(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Error {
        match error.downcast_ref::<Refusal>() {
            Some(refusal) => Error::Refused(refusal.clone()),
            None => Error::System(crate::error::sentence(&error)),
        }
    }
}

/// Claims the PID file at `path` for this process, and writes its PID. It creates the file if it is absent.
///
/// The claim lasts until the guard is dropped or the process has ended. Children inherit it only through
/// [`ClaimGuard::inherit`]. A child of fork(2) without exec holds the flock as long as it has the descriptor, and does
/// not hold the byte lock: use exec, or close the descriptor there.
///
/// # Errors
/// [`Error::Busy`] if another process has the claim, also if this process has claimed the file already. [`Error::Refused`] if
/// the file was never a PID file. [`Error::System`] if a system call failed.
pub fn claim_for_current_process(path: impl AsRef<Path>) -> Result<ClaimGuard, Error> {
    let path = path.as_ref();
    if let Some(status) = own::status(path) {
        return Err(Error::Busy(path.to_owned(), status));
    }
    match crate::claim::try_claim(path)? {
        Claimed::Ours(guard) => {
            guard.record_for_library()?;
            Ok(guard)
        }
        Claimed::Busy(status) => Err(Error::Busy(path.to_owned(), status)),
    }
}

/// Reads the PID file at `path`. It takes no lock that disturbs a claim, and does not wait.
///
/// The status of a file that this process has claimed comes from the kernel's list of its locks (/proc/self/fdinfo): an
/// open and a close of such a file would drop the byte lock (fcntl(2), F_SETLK).
pub fn read(path: impl AsRef<Path>) -> Status {
    let path = path.as_ref();
    own::status(path).unwrap_or_else(|| Status::of(path))
}

/// A claimant that is pinned by a pidfd (pidfd_open(2)). A signal reaches this process or none.
///
/// Several threads may share it.
#[derive(Debug)]
pub struct Pinned {
    path: PathBuf,
    process: PidFd,
    claimant: Claimant,
}

/// Pins the process that has claimed the PID file at `path`.
///
/// # Errors
/// [`Error::NotRunning`] with the status of the file; [`Error::System`].
pub fn pin(path: impl AsRef<Path>) -> Result<Pinned, Error> {
    let path = path.as_ref().to_owned();
    if let Some(Status::Held(claimant)) = own::status(&path) {
        let process = PidFd::open(claimant.pid)?.ok_or_else(|| Error::System("this process has no PID here".into()))?;
        return Ok(Pinned { path, process, claimant });
    }
    match pin::pin(&path)? {
        pin::MaybePinned::Running(process, claimant) => Ok(Pinned { path, process, claimant }),
        pin::MaybePinned::Nobody(status) => Err(Error::NotRunning(path, status)),
    }
}

impl Pinned {
    /// The claimant.
    pub fn claimant(&self) -> Claimant {
        self.claimant
    }

    /// Sends a signal, if the rule of authority allows it: a writer of the path, the file or its locks gets no power
    /// over a process that he could not signal himself (docs/security.md). `false` if the process has ended.
    ///
    /// # Errors
    /// [`Error::Refused`] with the reason and the way out; [`Error::System`] if the process is another user's.
    pub fn signal(&self, signal: Signal) -> Result<bool, Error> {
        match pin_to_signal("signal", &self.path, Trust::Locks)? {
            pin::MaybePinned::Running(process, _) if process.pid() == self.process.pid() => {
                Ok(self.process.signal(signal)?)
            }
            _ => Ok(false),
        }
    }

    /// Waits at most `at_most` until the process has ended; `false` if it lives. A zombie has ended.
    ///
    /// # Errors
    /// [`Error::System`]: a refused poll(2).
    pub fn wait(&self, at_most: Duration) -> Result<bool, Error> {
        Ok(ready_by(self.process.as_fd(), Deadline::after(at_most))?)
    }
}
