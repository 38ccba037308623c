//! Several lock files as one: all or none, and nobody waits for anybody in a circle.
//!
//! Everybody takes them in one order, that of the files' own numbers. Paths would not do: a file may have several.

use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::error::{Result, sentence};
use racefree_core::event::time::Deadline;
use racefree_core::lock::{self, Attempt, Kind, LockGuard, Lockfile};
use std::path::Path;

/// Locks a file, or refuses as `busy` says when the deadline has passed.
///
/// # Errors
/// It is busy, or cannot be locked.
pub(crate) fn hold(lockfile: Lockfile, deadline: Deadline, busy: Exit) -> Result<LockGuard> {
    match lockfile.hold_as_opened(deadline)? {
        Attempt::Held(held) => Ok(held),
        Attempt::Busy(lockfile) => Err(exit_as(busy, sentence(&lockfile.busy()))),
    }
}

/// Locks all the files that the paths name at the end of it.
///
/// # Errors
/// As [`hold`]; then none is locked.
pub(crate) fn hold_all(paths: &[&Path], kind: Kind, deadline: Deadline, busy: Exit) -> Result<Vec<LockGuard>> {
    loop {
        let held = in_order(paths, kind)?.into_iter().map(|lockfile| hold(lockfile, deadline, busy));
        let held = held.collect::<Result<Vec<LockGuard>>>()?;
        // One replaced meanwhile changes the order: waiting for its successor while we hold the others would close a
        // circle. So they are all given back, and we start over.
        if held.iter().all(LockGuard::still_there) {
            return Ok(held);
        }
    }
}

fn in_order(paths: &[&Path], kind: Kind) -> Result<Vec<Lockfile>> {
    let open = |path: &&Path| {
        let lockfile = lock::open(path)?.of_kind(kind);
        Ok((lockfile.identity()?, lockfile))
    };
    let mut lockfiles = paths.iter().map(open).collect::<Result<Vec<_>>>()?;
    lockfiles.sort_by_key(|(identity, _)| *identity);
    // The same file twice, by whatever paths, is one lock; its second half would wait for the first.
    lockfiles.dedup_by_key(|(identity, _)| *identity);
    Ok(lockfiles.into_iter().map(|(_, lockfile)| lockfile).collect())
}
