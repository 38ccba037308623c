//! COMMAND, run while its logs are watched: it ends by itself, or by what the logs say.

use crate::judge::Verdict;
use crate::session::{End, Session};
use racefree_core::child::{self, Child};
use racefree_core::error::{Result, refusal};
use racefree_core::exit::Exit;
use racefree_core::family::Family;
use racefree_core::signal::Signal;
use racefree_core::time::Deadline;
use racefree_core::voice;
use std::ffi::OsString;
use std::time::Duration;

/// Runs COMMAND to its end, or ends it because of an error line or the deadline.
///
/// # Errors
/// COMMAND cannot be run; the time is over.
pub(crate) fn run(words: &[OsString], session: &mut Session, until: Deadline, kill_after: Duration) -> Result<Exit> {
    let family = Family::adopt()?;
    let mut command = Child::spawn(&mut child::command(words), session.events())?;
    let name = words[0].display();
    let awaited = format!("waiting for {name} to end");
    loop {
        match session.watch(Some(command.process()), until, &awaited)? {
            End::Found => {
                voice::notice(&format!("an error line was seen, so {name} is ended"));
                family.end_own_group(session.events(), kill_after)?;
                session.finish()?;
                return Ok(Exit::No);
            }
            End::Deadline => {
                family.end_own_group(session.events(), kill_after)?;
                session.finish()?;
                session.show_gained();
                return Err(refusal(Exit::TimedOut, format!("run {name}: not ended in time, so it was ended")));
            }
            End::Signal(arrived) if arrived.signal == Signal::CHLD => family.reap_orphans(command.process().pid())?,
            End::Signal(arrived) => command.pass_on(arrived)?,
            End::ProcessGone => break,
        }
    }
    session.finish()?;
    let ended = command.reap()?;
    if let Some(Verdict::Error(_)) = session.decided {
        return Ok(Exit::No);
    }
    if ended != Exit::Status(0) {
        session.show_gained();
    }
    Ok(ended)
}
