//! Pins the claimant of a PID file, so that a signal can reach this process and no other.

use crate::claim::status::{Claimant, Status};
use crate::error::Result;
use crate::listener::decision;
use crate::process::pidfd::PidFd;
use std::path::Path;

/// The result of a pin.
#[derive(Debug)]
pub enum MaybePinned {
    /// The claimant, by a pidfd. A signal through the pidfd reaches this process or none.
    Running(PidFd, Claimant),
    /// There is no living claimant.
    Nobody(Status),
}

/// Reads the PID file, opens a pidfd of the claimant, and reads the file again.
///
/// Race: recycled-before-kill (docs/races.md). The pidfd refers to the process that had the PID before the second
/// reading. If the second reading names the same claimant, the pidfd refers to the claimant. A process that has got the
/// PID meanwhile has no verified owner.
///
/// # Errors
/// A refused pidfd_open(2).
pub fn pin(path: &Path) -> Result<MaybePinned> {
    pin_as(|| Status::of(path))
}

/// Pins the claimant that this way of reading the file names: see [`crate::claim::unlocked`].
///
/// # Errors
/// As [`pin`].
pub fn pin_as(read: impl Fn() -> Status) -> Result<MaybePinned> {
    // Each turn of the loop is a whole life of a daemon, which ends at this moment.
    const TURNS_AT_MOST: usize = 1000;
    let mut reading = read();
    for _ in 0..TURNS_AT_MOST {
        let Status::Held(claimant) = reading else { return Ok(MaybePinned::Nobody(reading)) };
        let process = PidFd::open(claimant.pid)?;
        reading = read();
        match process {
            // The two readings may differ in the evidence, which may have become weaker. Believe the second.
            Some(process) if matches!(&reading, Status::Held(still) if still.pid == claimant.pid) => {
                return Ok(MaybePinned::Running(process, claimant));
            }
            // A restart has put another claimant in place.
            _ => {
                decision("recycled-before-kill", || format!("pin {}: the second reading differs, again", claimant.pid))
            }
        }
    }
    Ok(MaybePinned::Nobody(Status::Unknown("its claimant keeps changing".into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim::status::Evidence;
    use nix::unistd::{getpid, getppid};
    use std::cell::Cell;

    #[test]
    fn a_claimant_that_keeps_changing_is_unknown_and_does_not_hold_the_reader_up() {
        let turn = Cell::new(0);
        let read = || {
            turn.set(turn.get() + 1);
            let pid = if turn.get() % 2 == 0 { getpid() } else { getppid() };
            Status::Held(Claimant { pid, evidence: Evidence::Vouched })
        };
        assert!(matches!(pin_as(read).unwrap(), MaybePinned::Nobody(Status::Unknown(_))));
    }
}
