//! The watch loop: read, judge, print, wait for more.

use crate::input::follower::Follower;
use crate::matching::matcher::Verdict;
use crate::run::session::Session;
use crate::run::wait::Woken;
use racefree::cli::status_line::StatusLine;
use racefree::error::Result;
use racefree::event::Arrived;
use racefree::event::deadline::Deadline;
use racefree::process::pidfd::PidFd;
use std::time::Duration;

/// After this much silence an unfinished record or line is judged.
pub(crate) const SILENCE: Duration = Duration::from_millis(200);

/// After a deadline this much time is left to read what the logs hold.
pub(crate) const GRACE: Duration = Duration::from_millis(500);

/// The event that ended a watch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Found,
    /// The process that was watched has ended.
    ProcessGone,
    /// No log can grow any more: stdin has ended.
    NoMore,
    /// The deadline has passed.
    Deadline,
    /// No log has grown for too long.
    Idle,
    /// A signal came.
    Signal(Arrived),
}

/// The limits of a watch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch<'a> {
    /// A process whose end ends the watch.
    pub(crate) process: Option<&'a PidFd>,
    /// The process is COMMAND: a ready line does not end the watch.
    pub(crate) is_command: bool,
    pub(crate) until: Deadline,
    pub(crate) idle: Option<Duration>,
    /// The text of the status line.
    pub(crate) awaited: &'a str,
}

impl Session<'_> {
    /// Watches the logs until something ends the watch.
    pub(crate) fn watch(&mut self, stretch: Stretch<'_>) -> Result<End> {
        let mut status = StatusLine::begin();
        let silence = |length: Option<Duration>| length.map_or(Deadline::NEVER, Deadline::after);
        let mut idle = silence(stretch.idle);
        let mut silent_at = Deadline::NEVER;
        self.waiting.watch(&self.logs, &self.names);
        loop {
            status.show(|| stretch.awaited.to_owned());
            self.waiting.forget_hints();
            let busy = self.follow_new()? | self.poll(stretch.until)?;
            self.printer.flush()?;
            if self.decided.is_some_and(|verdict| !stretch.is_command || verdict != Verdict::Ready) {
                return Ok(End::Found);
            }
            if busy {
                idle = silence(stretch.idle);
                silent_at = Deadline::after(SILENCE);
            } else if !self.names.have_globs() && self.logs.iter().all(Follower::has_ended_for_good) {
                return Ok(End::NoMore);
            } else if silent_at.passed() {
                silent_at = Deadline::NEVER;
                self.judge_silent()?;
                continue;
            } else if self.waiting.watch(&self.logs, &self.names) {
                continue;
            }
            let again =
                if busy { Deadline::after(Duration::ZERO) } else { silent_at.or(status.due()).or(self.names.due()) };
            match self.waiting.wait(stretch.process, &self.logs, stretch.until.or(idle).or(again))? {
                Woken::Signal(arrived) => return Ok(End::Signal(arrived)),
                Woken::ProcessGone => return Ok(End::ProcessGone),
                Woken::Look if stretch.until.passed() => return Ok(End::Deadline),
                Woken::Look if idle.passed() && !self.poll(stretch.until)? => return Ok(End::Idle),
                Woken::Look => {}
            }
        }
    }
}
