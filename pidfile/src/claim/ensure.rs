//! `--ensure`: a daemon that somebody else has started is as good, once it is ready.

use crate::claim::Claim;
use crate::claim::ready::Check;
use racefree_core::claim::pin::{self, Pinned};
use racefree_core::cli::exit::{Exit, exit_as};
use racefree_core::cli::output;
use racefree_core::cli::status_line::StatusLine;
use racefree_core::error::Result;
use racefree_core::event::time::Deadline;
use racefree_core::event::{Event, Events, Watched};
use racefree_core::process::child::Ended;
use racefree_core::process::pidfd::PidFd;
use racefree_core::process::subreaper::Subreaper;
use racefree_core::signal::Signal;
use std::os::fd::AsFd;
use std::time::Duration;

/// Waits until the daemon that has the claim is ready; `None` if it has gone, and the claim may be ours now.
pub(crate) fn until_ready(claim: &Claim, deadline: Deadline) -> Result<Option<Exit>> {
    let Pinned::Running(daemon, _) = pin::pin(&claim.pidfile)? else { return Ok(None) };
    output::detail(|| format!("{} is claimed already, by process {}", claim.pidfile.display(), daemon.pid()));
    if claim.detached.ready.is_none() {
        return Ok(Some(Exit::Done));
    }
    let (events, family) = (Events::armed_for_orphans()?, Subreaper::adopt()?);
    let answer = ask(claim, &daemon, &events, deadline);
    // Whatever is left of the ready command; the daemon is none of our family.
    family.end(&events, Duration::ZERO)?;
    answer
}

fn ask(claim: &Claim, daemon: &PidFd, events: &Events, deadline: Deadline) -> Result<Option<Exit>> {
    let Some(line) = &claim.detached.ready else { return Ok(Some(Exit::Done)) };
    let mut check = Check::begin(line, &claim.pidfile, daemon.pid(), events)?;
    let mut status = StatusLine::begin();
    let no = |exit, why: String| {
        Err(exit_as(
            exit,
            format!("wait for process {}, which has claimed {}: {why}", daemon.pid(), claim.pidfile.display()),
        ))
    };
    loop {
        status.show(|| format!("waiting for process {} to be ready", daemon.pid()));
        let watched = [Watched::Read(daemon.as_fd()), Watched::Read(check.as_fd())];
        match events.next(&watched, deadline.or(status.due()))? {
            Event::Signal(arrived) if arrived.signal == Signal::CHLD => {}
            Event::Signal(arrived) => {
                return no(Exit::Signalled(arrived.signal), format!("{} arrived", arrived.signal));
            }
            Event::Ready(0) => return Ok(None),
            Event::Ready(_) => match check.answer()? {
                Ended::Status(0) if daemon.has_ended()? => return Ok(None),
                Ended::Status(0) => return Ok(Some(Exit::Done)),
                said => return no(Exit::No, format!("the ready command {}", said)),
            },
            Event::Deadline if deadline.passed() => return no(Exit::TimedOut, "it is not ready in time".into()),
            Event::Deadline => {}
        }
    }
}
