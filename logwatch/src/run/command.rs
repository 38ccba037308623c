//! Runs COMMAND while its logs are watched. COMMAND ends by itself, or is ended because of an error line.
//!
//! A start that is judged failed leaves nothing running. COMMAND may have succeeded in the very moment in which an error
//! line appeared, and its daemon is an orphan in a session of its own by then. This process has adopted the orphan, and
//! ends it.

use crate::options::stop_when::StopWhen;
use crate::run::session::Session;
use crate::run::watch_loop::{End, GRACE, Stretch};
use racefree::cli::exit::{Exit, exit_as};
use racefree::cli::output;
use racefree::error::Result;
use racefree::event::deadline::Deadline;
use racefree::process::child::{self, Child};
use racefree::process::subreaper::Subreaper;
use racefree::signal::Signal;
use std::ffi::OsString;

/// COMMAND and all that it has started.
#[derive(Debug)]
pub(crate) struct Started<'a> {
    words: &'a [OsString],
    command: Child,
    family: Subreaper,
    stop_when: &'a StopWhen,
    /// The logs are watched after COMMAND has succeeded.
    goes_on: bool,
}

impl<'a> Started<'a> {
    /// Starts COMMAND. If `goes_on`, the logs are watched after it has succeeded.
    ///
    /// # Errors
    /// COMMAND cannot be run.
    pub(crate) fn spawn(
        words: &'a [OsString],
        session: &Session,
        stop_when: &'a StopWhen,
        goes_on: bool,
    ) -> Result<Started<'a>> {
        let family = Subreaper::adopt()?;
        let mut command = child::command(words);
        // By this, `pidfile claim` knows that its log is shown and judged here.
        command.env("LOGWATCH_PID", nix::unistd::getpid().to_string());
        let command = Child::spawn(&mut command, session.events())?;
        Ok(Started { words, command, family, stop_when, goes_on })
    }

    /// Watches the logs until COMMAND ends, an error line appears, or the deadline passes. After an error line or the
    /// deadline nothing that COMMAND has started is left.
    ///
    /// # Errors
    /// The deadline has passed; a log cannot be read.
    pub(crate) fn watch_over(&mut self, session: &mut Session, until: Deadline) -> Result<Exit> {
        let ended = self.watch(session, until);
        if ended.is_err() {
            // COMMAND is not watched any more. If ending it fails too, the first error is the one to report.
            let _ = self.undo(session);
            let _ = self.command.process().signal(Signal::KILL);
        }
        ended
    }

    /// Ends COMMAND and all that it has started. COMMAND first: it may know better how its daemon is stopped.
    ///
    /// # Errors
    /// wait(2) or poll(2) fails.
    pub(crate) fn undo(&self, session: &Session) -> Result<()> {
        self.family.end_own_group(session.events(), self.stop_when.kill_after)?;
        self.family.end(session.events(), self.stop_when.kill_after)
    }

    fn watch(&mut self, session: &mut Session, until: Deadline) -> Result<Exit> {
        let name = self.words[0].display().to_string();
        let awaited = format!("waiting for {name} to end");
        let too_late = loop {
            let process = Some(self.command.process());
            let idle = self.stop_when.idle;
            match session.watch(Stretch { process, is_command: true, until, idle, awaited: &awaited })? {
                End::Found => {
                    output::notice(&format!("an error line was seen, so {name} is ended"));
                    self.undo(session)?;
                    session.finish(Deadline::after(GRACE))?;
                    return Ok(Exit::No);
                }
                End::ProcessGone | End::NoMore => return self.judge_end(session, until, &name),
                End::Signal(arrived) if arrived.signal == Signal::CHLD => {
                    self.family.reap_orphans(self.command.process().pid())?;
                }
                End::Signal(arrived) => self.command.pass_on(arrived)?,
                End::Deadline => break "not ended in time, so it was ended",
                End::Idle => break "the log did not grow any more, so it was ended",
            }
        };
        self.undo(session)?;
        session.finish(Deadline::after(GRACE))?;
        session.show_gained();
        Err(exit_as(Exit::TimedOut, format!("run {name}: {too_late}")))
    }

    /// COMMAND has ended. The lines that its logs hold now are judged; an error line counts more than COMMAND's own result.
    fn judge_end(&mut self, session: &mut Session, until: Deadline, name: &str) -> Result<Exit> {
        session.read_to_ends(until.or_later(Deadline::after(GRACE)))?;
        let ended = Exit::from(self.command.reap()?);
        match ended == Exit::Status(0) && self.goes_on {
            // What does not decide now may still grow.
            true => session.judge_silent()?,
            false => session.judge_rests()?,
        }
        session.printer.flush()?;
        // Race: error-after-success (docs/races.md)
        if session.error_seen {
            output::notice(&format!("an error line was seen, so what {name} has started is ended"));
            self.undo(session)?;
            return Ok(Exit::No);
        }
        if ended != Exit::Status(0) {
            session.show_gained();
        }
        Ok(ended)
    }
}
