//! Runs COMMAND while its logs are watched. COMMAND ends by itself, or is ended because of an error line.

use crate::options::stop_when::StopWhen;
use crate::run::session::{End, Session, Stretch};
use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::cli::output;
use racefree_core::error::Result;
use racefree_core::event::time::Deadline;
use racefree_core::process::child::{self, Child};
use racefree_core::process::subreaper::Subreaper;
use racefree_core::signal::Signal;
use std::ffi::OsString;

/// Runs COMMAND until it ends, an error line appears, or the deadline passes.
///
/// # Errors
/// COMMAND cannot be run; the deadline has passed.
pub(crate) fn run(words: &[OsString], session: &mut Session, ends: &StopWhen, until: Deadline) -> Result<Exit> {
    let family = Subreaper::adopt()?;
    let mut command = Child::spawn(&mut child::command(words), session.events())?;
    let ended = watch_over(&mut command, words, &family, session, ends, until);
    if ended.is_err() {
        // COMMAND is not watched any more. If ending it fails too, the first error is the one to report.
        let _ = family.end_own_group(session.events(), ends.kill_after);
        let _ = command.process().signal(Signal::KILL);
    }
    ended
}

fn watch_over(
    command: &mut Child,
    words: &[OsString],
    family: &Subreaper,
    session: &mut Session,
    ends: &StopWhen,
    until: Deadline,
) -> Result<Exit> {
    let name = words[0].display();
    let awaited = format!("waiting for {name} to end");
    loop {
        let process = Some(command.process());
        let stretch = Stretch { process, is_command: true, until, idle: ends.idle, awaited: &awaited };
        let too_late = match session.watch(stretch)? {
            End::Found => {
                output::notice(&format!("an error line was seen, so {name} is ended"));
                family.end_own_group(session.events(), ends.kill_after)?;
                session.finish()?;
                return Ok(Exit::No);
            }
            End::ProcessGone | End::NoMore => break,
            End::Signal(arrived) if arrived.signal == Signal::CHLD => {
                family.reap_orphans(command.process().pid())?;
                continue;
            }
            End::Signal(arrived) => {
                command.pass_on(arrived)?;
                continue;
            }
            End::Deadline => "not ended in time, so it was ended",
            End::Idle => "the log did not grow any more, so it was ended",
        };
        family.end_own_group(session.events(), ends.kill_after)?;
        session.finish()?;
        session.show_gained();
        return Err(exit_as(Exit::TimedOut, format!("run {name}: {too_late}")));
    }
    session.finish()?;
    let ended = Exit::from(command.reap()?);
    if session.error_seen {
        return Ok(Exit::No);
    }
    if ended != Exit::Status(0) {
        session.show_gained();
    }
    Ok(ended)
}
