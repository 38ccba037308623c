//! What ends a watch, and what the logs have said by then.

use crate::judge::Verdict;
use crate::session::{End, Session, Stretch};
use clap::Args;
use racefree_core::claim::process_arg::Named;
use racefree_core::cli::exit::Exit;
use racefree_core::error::{Result, refusal};
use racefree_core::event::time::{Deadline, Limit, for_people, parse_duration};
use racefree_core::signal::Signal;
use std::time::Duration;

/// When to stop watching.
#[derive(Debug, Args)]
pub(crate) struct Ends {
    /// Give up after DUR, with exit code 124
    #[arg(long, value_name = "DUR", default_value = "none", value_parser = Limit::parse)]
    pub(crate) timeout: Limit,
    /// No error for DUR is success (with COMMAND: for DUR after it succeeded)
    #[arg(long = "for", value_name = "DUR", value_parser = parse_duration, conflicts_with = "ready")]
    good_for: Option<Duration>,
    /// Give up when no LOG has grown for DUR, with exit code 124
    ///
    /// A daemon that buffers its output may be alive and well, and its log still not grow.
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub(crate) idle: Option<Duration>,
    /// Give up when this process is gone, with exit code 3; its last lines are judged first
    ///
    /// With COMMAND: looked at once COMMAND has succeeded, which may have started it.
    #[arg(long = "while", value_name = "pidfile:PATH|pid:N")]
    process: Option<Named>,
    /// Judge what is there, to the end, and exit: 1 if an error was seen, else 0 (with --ready: 1 if that was not seen)
    #[arg(long, conflicts_with_all = ["good_for", "idle", "process", "timeout", "command"])]
    pub(crate) no_follow: bool,
    /// How long COMMAND may take to end by TERM before KILL
    ///
    /// `pidfile claim --background` stops by itself what it has started, and needs this time for it.
    #[arg(long, value_name = "DUR", default_value = "10s", value_parser = parse_duration)]
    pub(crate) kill_after: Duration,
}

impl Ends {
    /// Whether there is something to watch for after COMMAND has succeeded.
    pub(crate) fn outlast_command(&self) -> bool {
        self.good_for.is_some() || self.process.is_some()
    }

    /// How long to wait for a cursor file. Runs from cron must not pile up: without a --timeout not at all.
    pub(crate) fn patience(&self) -> Deadline {
        Deadline::after(self.within().unwrap_or_default())
    }

    fn within(&self) -> Option<Duration> {
        match self.timeout {
            Limit::AtMost(duration) => Some(duration),
            Limit::None => None,
        }
    }

    /// Judges what is there, to the end.
    ///
    /// # Errors
    /// A failed read, or stdout cannot be written.
    pub(crate) fn judge_what_is_there(session: &mut Session<'_>, ready_wanted: bool) -> Result<Exit> {
        if let Some(arrived) = session.read_all()? {
            return Ok(Exit::Signalled(arrived.signal));
        }
        session.finish()?;
        Ok(judgement(session, ready_wanted))
    }

    /// Watches until a line decides, or something else ends it.
    ///
    /// # Errors
    /// [`Exit::TimedOut`] and [`Exit::NotRunning`], with what was watched in `logs`.
    pub(crate) fn watch(
        &self,
        session: &mut Session<'_>,
        until: Deadline,
        logs: &str,
        ready_wanted: bool,
    ) -> Result<Exit> {
        let process = self.process.as_ref().map(|named| named.hold()).transpose()?;
        let good_at = self.good_for.map_or(Deadline::NEVER, Deadline::after);
        let awaited = format!("watching {logs}");
        let ended = loop {
            let process = match &process {
                Some(None) => break End::ProcessGone,
                Some(process) => process.as_ref(),
                None => None,
            };
            let until = until.or(good_at);
            let stretch = Stretch { process, is_command: false, until, idle: self.idle, awaited: &awaited };
            match session.watch(stretch)? {
                // An orphan that COMMAND has left us; it is reaped when we end.
                End::Signal(arrived) if arrived.signal == Signal::CHLD => {}
                ended => break ended,
            }
        };
        if let End::Signal(arrived) = ended {
            return Ok(Exit::Signalled(arrived.signal));
        }
        if session.wants_more() {
            session.finish()?;
        }
        if session.decided.is_some() {
            return Ok(judgement(session, ready_wanted));
        }
        let gave_up = |exit, why: String| Err(refusal(exit, format!("watch {logs}: {why}")));
        match (ended, &self.process) {
            (End::Deadline, _) if good_at.passed() => Ok(Exit::Done),
            (End::Idle, _) => gave_up(Exit::TimedOut, format!("it did not grow{}", after(self.idle))),
            (End::ProcessGone, Some(process)) => {
                gave_up(Exit::NotRunning, format!("{process} is not running any more"))
            }
            (End::NoMore, _) => Ok(judgement(session, ready_wanted)),
            _ => gave_up(Exit::TimedOut, format!("nothing was seen{}", after(self.within()))),
        }
    }
}

fn judgement(session: &Session<'_>, ready_wanted: bool) -> Exit {
    match session.decided {
        _ if session.error_seen => Exit::No,
        Some(Verdict::Ready) => Exit::Done,
        _ if ready_wanted => Exit::No,
        _ => Exit::Done,
    }
}

/// ` after 30 s`, or nothing where there was no limit.
fn after(limit: Option<Duration>) -> String {
    limit.map_or(String::new(), |duration| format!(" after {}", for_people(duration)))
}
