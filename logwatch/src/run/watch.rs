//! Watching without COMMAND, until a line decides or the time is over.

use crate::options::stop_when::StopWhen;
use crate::run::session::Session;
use crate::run::watch_loop::{End, GRACE, Stretch};
use racefree::cli::exit::{Exit, exit_as};
use racefree::error::Result;
use racefree::event::deadline::Deadline;
use racefree::event::duration::for_people;
use racefree::signal::Signal;
use std::time::Duration;

/// Watches until a line decides or something else ends the watch.
///
/// # Errors
/// [`Exit::TimedOut`] and [`Exit::NotRunning`], with what was watched.
pub(crate) fn watch(
    stop_when: &StopWhen,
    session: &mut Session<'_>,
    until: Deadline,
    ready_wanted: bool,
) -> Result<Exit> {
    let process = stop_when.process.as_ref().map(|named| named.hold()).transpose()?;
    let good_at = stop_when.good_for.map_or(Deadline::NEVER, Deadline::after);
    let logs = session.names.in_words();
    let awaited = format!("watching {logs}");
    let ended = loop {
        let process = match &process {
            Some(None) => break End::ProcessGone,
            Some(process) => process.as_ref(),
            None => None,
        };
        let until = until.or(good_at);
        let stretch = Stretch { process, is_command: false, until, idle: stop_when.idle, awaited: &awaited };
        match session.watch(stretch)? {
            // An orphan of COMMAND has ended. The kernel reaps it when this process ends.
            End::Signal(arrived) if arrived.signal == Signal::CHLD => {}
            ended => break ended,
        }
    };
    if let End::Signal(arrived) = ended {
        return Ok(Exit::Signalled(arrived.signal));
    }
    if session.wants_more() {
        let grace = Deadline::after(GRACE);
        session.finish(match ended {
            End::Deadline if good_at.passed() => Deadline::NEVER,
            End::ProcessGone => until.or_later(grace),
            _ => grace,
        })?;
    }
    if session.decided.is_some() {
        return Ok(session.judgement(ready_wanted));
    }
    let gave_up = |exit, why: String| Err(exit_as(exit, format!("watch {logs}: {why}")));
    session.say_what_never_came();
    match (ended, &stop_when.process) {
        (End::Deadline, _) if good_at.passed() => Ok(Exit::Done),
        (End::Idle, _) => gave_up(Exit::TimedOut, format!("it did not grow{}", after(stop_when.idle))),
        (End::ProcessGone, Some(process)) => gave_up(Exit::NotRunning, format!("{process} is not running any more")),
        (End::NoMore, _) => Ok(session.judgement(ready_wanted)),
        _ => gave_up(Exit::TimedOut, format!("nothing was seen{}", after(stop_when.within()))),
    }
}

/// ` after 30 s`, or nothing where there was no limit.
fn after(limit: Option<Duration>) -> String {
    limit.map_or(String::new(), |duration| format!(" after {}", for_people(duration)))
}
