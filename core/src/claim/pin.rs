//! Taking hold of the process that has claimed a PID file, so that a signal can reach it and nobody else.

use crate::claim::status::{Claimant, Status};
use crate::error::Result;
use crate::process::pidfd::PidFd;
use std::path::Path;

/// Who was found behind a PID file.
#[derive(Debug)]
pub enum Pinned {
    /// The claimant, held: a signal sent through it reaches this process or none.
    Running(PidFd, Claimant),
    /// There is no living claimant to hold.
    Nobody(Status),
}

/// Reads the PID file, holds the process it names, and reads it again.
///
/// The pidfd names whoever had the number before the second reading. If the claimant still stands then, it *is* that
/// process; a number that was recycled in between is never vouched for.
///
/// # Errors
/// A refused pidfd_open(2).
pub fn pin(path: &Path) -> Result<Pinned> {
    pin_as(|| Status::of(path))
}

/// The same, with another way to read the file: see [`crate::claim::unlocked`].
///
/// # Errors
/// As [`pin`].
pub fn pin_as(read: impl Fn() -> Status) -> Result<Pinned> {
    let mut reading = read();
    loop {
        let Status::Held(claimant) = reading else { return Ok(Pinned::Nobody(reading)) };
        let process = PidFd::open(claimant.pid)?;
        reading = read();
        match process {
            // Equal but for the evidence, which may have changed for the worse: then believe the second.
            Some(process) if matches!(&reading, Status::Held(still) if still.pid == claimant.pid) => {
                return Ok(Pinned::Running(process, claimant));
            }
            // Another claimant: a restart went by. Each turn of this loop is a whole life of a daemon.
            _ => {}
        }
    }
}
