//! How far the stop of one daemon has come.

use racefree::error::Result;
use racefree::lock::holders::Holders;
use racefree::process::pidfd::PidFd;

/// How far a stop has come.
pub(crate) enum State {
    /// It has been asked to end.
    Ending(PidFd),
    /// It has ended; these still hold its lock.
    Freeing(Holders, Vec<PidFd>),
    /// It has ended, and the claim is free; others of its group have not ended.
    Remaining,
    Over(Result<()>),
}

impl State {
    /// The claimant, until it has ended.
    pub(crate) fn claimant(&self) -> Option<&PidFd> {
        match self {
            State::Ending(process) => Some(process).filter(|process| !process.has_ended().unwrap_or(false)),
            State::Freeing(..) | State::Remaining | State::Over(_) => None,
        }
    }
}
