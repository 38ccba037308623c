//! The flock of a PID file: taken with patience for probes, refused by name.

use crate::claim::byte_lock;
use crate::claim::owner::{self, Verdict};
use crate::claim::pid_file::PidFile;
use crate::claim::status::Status;
use crate::error::{Context, Result, Why, refused};
use crate::event::deadline::Deadline;
use crate::listener::decision;
use crate::lock::holders::Holder;
use crate::lock::wait::{flock_by, try_flock};
use std::time::Duration;

/// The time for which a refused claim tries again: a reader's probe and a claim half-way hold the flock for
/// microseconds.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

/// Takes the flock. If it is refused while no owner is verified, it tries again until the patience is over.
pub(crate) fn take_flock(file: &PidFile, until: Deadline) -> Result<bool> {
    let path = file.path();
    let lock = |answer: std::io::Result<bool>| answer.act("lock", path.display());
    if lock(try_flock(file.file()))? {
        return Ok(true);
    }
    if !until.passed() {
        let awaited = || format!("waiting for {}: {}", path.display(), Status::of(path).in_words());
        return lock(flock_by(file.file(), until, awaited));
    }
    // Race: probe-meets-claim (docs/races.md)
    // A reader's probe holds the flock for microseconds.
    let patience = Deadline::after(PATIENCE);
    let mut pause = Duration::from_millis(1);
    while !patience.passed() {
        if !matches!(owner::judge(file)?, Verdict::Nobody) {
            return Ok(false);
        }
        decision("probe-meets-claim", || format!("claim {}: locked by nobody that is known, again", path.display()));
        if lock(flock_by(file.file(), Deadline::after(pause).or(patience), String::new))? {
            return Ok(true);
        }
        pause *= 2;
    }
    Ok(false)
}

/// The error that names the process that has locked another process's byte.
pub(crate) fn record_locked(file: &PidFile) -> anyhow::Error {
    let who = match byte_lock::any_locker(file).unwrap_or_default() {
        Some(pid) => format!("process {}", Holder::new(pid)),
        None => "another process".into(),
    };
    refused("claim", file.path().display(), Why::Busy(format!("{who} has a record lock on it")))
}
