//! Several lock files as one lock: all or none, and without a circle of waiters.
//!
//! Every process takes the files in one order, by device and inode. An order by path would not do, because a file may
//! have several paths.

use racefree::error::{Result, Why, refused};
use racefree::event::deadline::Deadline;
use racefree::listener::decision;
use racefree::lock::{self, Attempt, Kind, LockGuard, Lockfile, REPLACED_AT_MOST};
use std::path::Path;

/// Locks a file.
///
/// # Errors
/// [`BusyLock`] if another process holds the lock until the deadline; or the file cannot be locked.
///
/// [`BusyLock`]: racefree::lock::busy::BusyLock
pub(crate) fn hold(lockfile: Lockfile, deadline: Deadline) -> Result<LockGuard> {
    match lockfile.hold_as_opened(deadline)? {
        Attempt::Held(held) => Ok(held),
        Attempt::Busy(lockfile) => Err(lockfile.busy().into()),
    }
}

/// Locks all files that the paths name when it returns.
///
/// # Errors
/// As [`hold`]. On an error no file is locked.
pub(crate) fn hold_all(paths: &[&Path], kind: Kind, deadline: Deadline) -> Result<Vec<LockGuard>> {
    for _ in 0..REPLACED_AT_MOST {
        let held = in_order(paths, kind)?.into_iter().map(|lockfile| hold(lockfile, deadline));
        let held = held.collect::<Result<Vec<LockGuard>>>()?;
        // Race: lock-order (docs/races.md)
        // If a file was replaced meanwhile, the order changes. A wait for the new file while we hold the others would
        // close a circle. So release all of them, and start over.
        if held.iter().all(LockGuard::still_there) {
            return Ok(held);
        }
        decision("lock-order", || "a lock file was replaced meanwhile, so all are released and taken again".into());
    }
    let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    Err(refused("lock", names, Why::Replaced("something keeps replacing it".into())))
}

fn in_order(paths: &[&Path], kind: Kind) -> Result<Vec<Lockfile>> {
    let open = |path: &&Path| {
        let lockfile = lock::open(path)?.of_kind(kind);
        Ok((lockfile.identity()?, lockfile))
    };
    let mut lockfiles = paths.iter().map(open).collect::<Result<Vec<_>>>()?;
    lockfiles.sort_by_key(|(identity, _)| *identity);
    // Two paths of one file are one lock. Its second half would wait for the first.
    lockfiles.dedup_by_key(|(identity, _)| *identity);
    Ok(lockfiles.into_iter().map(|(_, lockfile)| lockfile).collect())
}
