//! `--ensure`: waits until the daemon that another process has started is ready.

use crate::claim::attempt::Attempt;
use crate::claim::options::Claim;
use crate::claim::ready_command::ReadyCommand;
use racefree::claim::pin::{self, MaybePinned};
use racefree::cli::exit::Exit;
use racefree::cli::output;
use racefree::cli::status_line::StatusLine;
use racefree::error::Result;
use racefree::event::deadline::Deadline;
use racefree::event::{Events, Watched};
use racefree::process::child::Ended;
use racefree::process::pidfd::PidFd;
use racefree::process::subreaper::Subreaper;
use std::ffi::OsStr;
use std::os::fd::AsFd;
use std::time::Duration;

/// Waits until the claimant is ready; `None` if it has ended, so that this process may claim.
pub(crate) fn until_ready(options: &Claim, deadline: Deadline) -> Result<Option<Exit>> {
    let pidfile = &options.pidfile;
    let MaybePinned::Running(daemon, _) = pin::pin(pidfile)? else { return Ok(None) };
    output::detail(|| format!("{} is claimed already, by process {}", pidfile.display(), daemon.pid()));
    let Some(line) = &options.detached.ready else { return Ok(Some(Exit::Done)) };
    let (events, family) = (Events::armed_for_orphans()?, Subreaper::adopt()?);
    let act = format!("wait for process {}, which has claimed {}", daemon.pid(), pidfile.display());
    let attempt = Attempt::within(Some(act), options.detached.timeout, deadline, events);
    let answer = ask(options, line, &daemon, &attempt);
    // This ends the processes that the ready command has left. The daemon is no descendant of this process.
    family.end(attempt.events(), Duration::ZERO)?;
    answer
}

fn ask(options: &Claim, line: &OsStr, daemon: &PidFd, attempt: &Attempt) -> Result<Option<Exit>> {
    let mut command = ReadyCommand::begin(line, &options.pidfile, daemon.pid(), attempt.events())?;
    let mut status = StatusLine::begin();
    loop {
        status.show(|| format!("waiting for process {} to be ready", daemon.pid()));
        let mut watched = vec![Watched::Read(daemon.as_fd()), Watched::Read(command.as_fd())];
        watched.extend(command.output().map(Watched::Read));
        match attempt.next(&watched, status.due(), || command.late("not ready"))? {
            None => {}
            // Race: other-dies-unready (docs/races.md)
            Some(0) => return Ok(None),
            Some(2) => command.drain(),
            Some(_) => match command.answer()? {
                Ended::Status(0) if daemon.has_ended()? => return Ok(None),
                Ended::Status(0) => return Ok(Some(Exit::Done)),
                no => return Err(attempt.failure(Exit::No, command.refusal(no))),
            },
        }
    }
}
