//! The claim of a PID file.
//!
//! A claim has three layers, each with one job: the flock decides who may claim; the text is for people; the byte lock
//! verifies that the text is true. The byte lock excludes too: no claim succeeds while a living process owns the byte
//! of its own PID, whatever the text says, and whichever process has unlocked the flock. The file is never removed,
//! because a removal opens the race in which two daemons run. A crash at any point leaves no lock, or a claim that is
//! true.

pub mod authority;
pub mod byte_lock;
mod claiming;
pub mod evidence;
pub(crate) mod flock;
pub mod guard;
pub mod leftovers;
pub(crate) mod own;
pub(crate) mod owner;
pub(crate) mod pid_attribute;
pub(crate) mod pid_file;
pub mod pid_text;
pub mod pin;
pub(crate) mod plausible;
pub mod process_arg;
pub mod record_pid;
mod recording;
pub mod restart_lock;
pub mod status;
pub mod unlocked;
mod ways;

pub use claiming::{ClaimOptions, Claimed, claim_by, try_claim};
pub use guard::ClaimGuard;
