//! PID files without races: claim one, read one, signal exactly the process that has claimed it.
//!
//! A PID file is never removed. Removal is the race in which two daemons run:
//!
//! | A | B | C |
//! |---|---|---|
//! | opens the file | | |
//! | | holds the lock, removes the file, ends | |
//! | locks the removed file | | creates the file anew, locks it |
//! | runs | | runs |
//!
//! A PID is never believed only because a file names it. A claim is a lock that ends with the daemon, and the process
//! itself locks the one byte of the file whose offset is its PID. So a reader asks the kernel, not the text: between
//! the claim and the text no reader sees the old PID, and a recycled PID has no verified owner.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("d.pid");
//! use racefree::{Status, claim_for_current_process, pin, read};
//!
//! assert!(matches!(read(&path), Status::Absent));
//! let claim = claim_for_current_process(&path)?;
//! assert!(matches!(read(&path), Status::Held(claimant) if claimant.pid.as_raw() as u32 == std::process::id()));
//!
//! // A second claim is refused, here and in every other process.
//! assert!(matches!(claim_for_current_process(&path), Err(racefree::Error::Busy(..))));
//!
//! // Children do not inherit the claim, unless they are to.
//! let mut helper = std::process::Command::new("true");
//! claim.inherit(&mut helper);
//! helper.status()?;
//!
//! drop(claim);
//! assert!(matches!(read(&path), Status::Stale(_)));
//! assert!(matches!(pin(&path), Err(racefree::Error::NotRunning(..))));
//! # Ok(())
//! # }
//! ```
//!
//! `pin(path)?.signal(Signal::TERM)?` reaches the claimant or no process, and `wait` returns when the claimant has
//! ended.
//!
//! [`ClaimGuard`], [`Pinned`], [`lock::Lockfile`] and [`lock::LockGuard`] are `Send` and `Sync`. A record lock belongs
//! to the process: all threads share it, and an open and a close of the claimed file anywhere in the process drop it.
//! Use [`read`] and [`ClaimGuard::status`] for the process's own file; they keep the lock.
//!
//! The rooms, each of which uses only rooms named before it: [`sys`] is the wall around `unsafe`; [`open`] opens files
//! by name; [`event`] waits for signals, descriptors and a deadline; [`process`] pins processes and starts COMMAND;
//! [`lock`] locks files; [`claim`] claims PID files and reads other processes' PID files; [`library`] is the front door for
//! Rust programs; `cli` (the feature of that name) is the frame of the utilities: arguments, output, exit codes.
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make the files that are opened"))]

pub mod claim;
#[cfg(feature = "cli")]
pub mod cli;
pub mod error;
pub mod event;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzed;
pub mod library;
pub mod listener;
pub mod lock;
pub mod open;
pub mod pid;
pub mod process;
pub mod signal;
pub mod sys;
pub mod text;

pub use claim::ClaimGuard;
pub use claim::status::{Claimant, Evidence, Status};
pub use library::{Error, Pinned, claim_for_current_process, pin, read};
pub use signal::Signal;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_front_door_can_be_shared_by_threads() {
        fn shared<T: Send + Sync>() {}
        shared::<ClaimGuard>();
        shared::<Pinned>();
        shared::<Error>();
        shared::<lock::Lockfile>();
        shared::<lock::LockGuard>();
    }

    #[test]
    fn reading_ones_own_file_keeps_the_byte_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("p");
        let claim = claim_for_current_process(&path).unwrap();
        let vouched =
            |status: &Status| matches!(status, Status::Held(claimant) if claimant.evidence == Evidence::Vouched);
        assert!(vouched(&claim.status()));
        assert!(vouched(&read(&path)));
        assert!(pin(&path).is_ok());
        assert!(vouched(&claim.status()), "the byte lock is lost");
        // Who opens and closes the file by himself loses it, and is told so.
        drop(std::fs::File::open(&path).unwrap());
        assert!(matches!(claim.status(), Status::Held(claimant) if claimant.evidence == Evidence::Descriptor));
    }

    #[test]
    fn a_helper_that_is_still_running_does_not_keep_the_claim() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("p");
        let claim = claim_for_current_process(&path).unwrap();
        let sleep = |claim: Option<&ClaimGuard>| {
            let mut command = std::process::Command::new("sleep");
            command.arg("1000");
            claim.into_iter().for_each(|claim| claim.inherit(&mut command));
            command.spawn().unwrap()
        };
        let mut helper = sleep(None);
        drop(claim);
        assert!(matches!(read(&path), Status::Stale(_)));
        let claim = claim_for_current_process(&path).unwrap();
        let mut heir = sleep(Some(&claim));
        drop(claim);
        // The heir holds the flock, and this process lives: so it is not known who the claimant is.
        assert!(!matches!(read(&path), Status::Stale(_) | Status::Absent));
        for child in [&mut helper, &mut heir] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
