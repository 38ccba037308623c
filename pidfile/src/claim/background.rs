//! A start in the background, from the claim to the daemon that is ready.

use crate::claim::mode::Launch;
use crate::claim::options::Claim;
use crate::claim::role::Role;
use crate::claim::start::Start;
use crate::claim::{ensure, forking, hold, ready};
use racefree::claim::ClaimGuard;
use racefree::cli::exit::Exit;
use racefree::cli::output;
use racefree::error::Result;
use racefree::event::deadline::Deadline;

/// Starts COMMAND as a daemon that has claimed the file, and waits until it is ready.
pub(crate) fn start(options: &Claim, launch: Launch) -> Result<Exit> {
    let deadline = Deadline::within(options.detached.timeout);
    loop {
        match hold::claim(options)? {
            Some(held) => return launch_claimant(options, launch, deadline, held),
            None => {
                if let Some(exit) = ensure::until_ready(options, deadline)? {
                    return Ok(exit);
                }
            }
        }
    }
}

/// Starts COMMAND under a claim of this process. If COMMAND does not become ready, nothing of it is left.
pub(crate) fn launch_claimant(options: &Claim, launch: Launch, deadline: Deadline, held: ClaimGuard) -> Result<Exit> {
    let mut start = Start::prepare(options, launch, deadline, held)?;
    let started = start.spawn(Role::Claimant)?;
    let pid = started.pid;
    output::detail(|| format!("started {} as process {}", options.name(), started.pid));
    let daemon = if launch == Launch::Forking { forking::find(&start, started) } else { Ok(started) };
    let ready = daemon.and_then(|mut daemon| ready::wait(&mut start, &mut daemon));
    ready.and_then(|()| start.succeed()).or_else(|failure| start.undo(failure, pid))
}
