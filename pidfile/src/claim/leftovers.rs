//! What a killed restart has left: a newcomer that was never announced, or an old one that was never stopped.

use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::cli::output;
use racefree_core::error::Result;
use racefree_core::event::time::Deadline;
use racefree_core::event::{Event, Events, Watched};
use racefree_core::lock::holders::Holder;
use racefree_core::process::pidfd::PidFd;
use racefree_core::signal::Signal;
use std::os::fd::AsFd;
use std::time::Duration;

/// Ends them: TERM, then KILL when `kill_after` is over. Returns when all have ended.
pub(crate) fn end(leftovers: Vec<PidFd>, kill_after: Duration) -> Result<()> {
    if leftovers.is_empty() {
        return Ok(());
    }
    let events = Events::armed()?;
    let mut kill_at = Deadline::after(kill_after);
    for process in &leftovers {
        output::notice(&format!(
            "end the leftover of a restart that was killed: process {}",
            Holder::new(process.pid())
        ));
        process.signal(Signal::TERM)?;
    }
    let mut left: Vec<&PidFd> = leftovers.iter().collect();
    while !left.is_empty() {
        let watched: Vec<Watched> = left.iter().map(|process| Watched::Read(process.as_fd())).collect();
        match events.next(&watched, kill_at)? {
            Event::Ready(place) => drop(left.remove(place)),
            Event::Signal(arrived) => {
                let why = format!("end the leftover of a restart: {} arrived", arrived.signal);
                return Err(exit_as(Exit::Signalled(arrived.signal), why));
            }
            Event::Deadline => {
                kill_at = Deadline::NEVER;
                left.iter().try_for_each(|process| process.signal(Signal::KILL).map(|_| ()))?;
            }
        }
    }
    Ok(())
}
