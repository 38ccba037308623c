//! The claim of PIDFILE: taken, left to another claimant (`--ensure`), or refused with the name of the claimant.

use crate::claim::leftovers;
use crate::claim::mode::Mode;
use crate::claim::options::Claim;
use crate::read::Report;
use racefree::claim::leftovers as abandoned;
use racefree::claim::status::Status;
use racefree::claim::{ClaimGuard, Claimed, claim_by};
use racefree::cli::ended_by;
use racefree::cli::exit::{Exit, ending, exit_as};
use racefree::cli::output;
use racefree::error::{Result, sentence};
use racefree::event::deadline::Deadline;
use racefree::lock::holders;
use std::fmt;
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
        Claimed::Busy(status) => Err(busy(&options.pidfile, status)),
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

/// Another process has the claim.
#[derive(Debug)]
pub(crate) struct Busy {
    status: Status,
    why: String,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Busy {}

/// The error that names the claimant.
pub(crate) fn busy(path: &Path, status: Status) -> anyhow::Error {
    let words = match status {
        Status::Held(_) | Status::Orphaned(..) | Status::Unknown(_) | Status::Unreadable(_) => status.in_words(),
        // A shared lock is no claim, and it keeps us out. Or the process that had the lock has ended by now.
        _ => format!("no daemon, but its lock is {}", holders::at(path)),
    };
    Busy { status, why: format!("claim {}: {words}", path.display()) }.into()
}

/// Gives an error its ending. If that is busy and the user has asked for JSON, prints who has the claim.
pub(crate) fn ended(options: &Claim, error: anyhow::Error) -> anyhow::Error {
    let (error, status) = match error.downcast::<Busy>() {
        Ok(busy) => (exit_as(Exit::Busy, busy.why), Some(busy.status)),
        Err(error) => (error, None),
    };
    if !options.json || ending(&error) != Exit::Busy {
        return error;
    }
    let status = status.unwrap_or_else(|| Status::of(&options.pidfile));
    let report = Report::of(&options.pidfile, &status, Some(sentence(&error))).with_all_holders();
    report.json().and_then(output::print).err().unwrap_or(error)
}
