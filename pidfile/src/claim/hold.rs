//! The claim of PIDFILE: taken, left to another claimant (`--ensure`), or refused with the name of the claimant.

use crate::claim::leftovers;
use crate::claim::mode::Mode;
use crate::claim::options::Claim;
use racefree_core::claim::leftovers as abandoned;
use racefree_core::claim::status::Status;
use racefree_core::claim::{ClaimGuard, Claimed, claim_by};
use racefree_core::cli::ended_by;
use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::error::Result;
use racefree_core::event::time::Deadline;
use racefree_core::lock::holders;
use std::path::Path;

/// Claims PIDFILE. `None` if another process has claimed it and `--ensure` makes that a success.
pub(crate) fn claim(options: &Claim) -> Result<Option<ClaimGuard>> {
    let kill_after = options.detached.kill_after;
    let claim = || ended_by(hangs_after(options), || claim_by(options.terms(), &options.pidfile));
    let mut attempt = claim()?;
    if let Claimed::Busy(Status::Orphaned(..)) = attempt {
        leftovers::end(abandoned::leftovers(&options.pidfile)?, kill_after)?;
        attempt = claim()?;
    }
    match attempt {
        Claimed::Ours(held) => {
            leftovers::end(held.leftovers()?, kill_after)?;
            held.check_nobody_stands()?;
            Ok(Some(held))
        }
        Claimed::Busy(Status::Held(_)) if options.ensure => Ok(None),
        Claimed::Busy(status) => Err(busy(&options.pidfile, &status)),
    }
}

/// The time after which a claim that is not made yet hangs.
fn hangs_after(options: &Claim) -> Deadline {
    match (options.wait, Mode::of(options)) {
        (Some(wait), _) => Deadline::within(wait),
        (None, Mode::Background(_) | Mode::Replace(_)) => Deadline::within(options.detached.timeout),
        (None, _) => Deadline::NEVER,
    }
}

/// The error that names the claimant.
pub(crate) fn busy(path: &Path, theirs: &Status) -> anyhow::Error {
    let words = match theirs {
        Status::Held(_) | Status::Orphaned(..) | Status::Unknown(_) | Status::Unreadable(_) => theirs.in_words(),
        // A shared lock is no claim, and it keeps us out. Or the process that had the lock has ended by now.
        _ => format!("no daemon, but its lock is {}", holders::at(path)),
    };
    exit_as(Exit::Busy, format!("claim {}: {words}", path.display()))
}
