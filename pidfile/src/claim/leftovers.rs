//! The leftovers of a killed restart: a successor that never became the claimant, or an old daemon that was never
//! stopped.

use crate::claim::attempt::Attempt;
use racefree::cli::exit::Exit;
use racefree::cli::output;
use racefree::error::Result;
use racefree::event::deadline::Deadline;
use racefree::event::{Events, Watched};
use racefree::lock::holders::Holder;
use racefree::process::pidfd::PidFd;
use racefree::signal::Signal;
use std::os::fd::AsFd;
use std::time::Duration;

/// Ends the leftovers: TERM, then KILL after `kill_after`. It returns when all have ended.
pub(crate) fn end(leftovers: Vec<PidFd>, kill_after: Duration) -> Result<()> {
    if leftovers.is_empty() {
        return Ok(());
    }
    let attempt = Attempt::unlimited("end the leftover of a restart".into(), Events::armed()?);
    let (mut killed, mut kill_at) = (false, Deadline::after(kill_after));
    for process in &leftovers {
        let holder = Holder::new(process.pid());
        output::notice(&format!("end the leftover of a restart that was killed: process {holder}"));
        process.signal(Signal::TERM)?;
    }
    let mut left: Vec<&PidFd> = leftovers.iter().collect();
    while !left.is_empty() {
        let watched: Vec<Watched> = left.iter().map(|process| Watched::Read(process.as_fd())).collect();
        match attempt.next(&watched, kill_at, String::new)? {
            Some(place) => drop(left.remove(place)),
            None if kill_at.passed() && killed => {
                let why = format!("process {} was killed, and has not ended after a second", left[0].pid());
                return Err(attempt.failure(Exit::Failed, why));
            }
            None if kill_at.passed() => {
                (killed, kill_at) = (true, Deadline::after(Duration::from_secs(1)));
                left.iter().try_for_each(|process| process.signal(Signal::KILL).map(|_| ()))?;
            }
            None => {}
        }
    }
    Ok(())
}
