//! `pidfile claim --fd N`: a shell claims for itself, through a descriptor that it has opened.
//!
//! The flock belongs to the open file description, so a process that ends can take it for the shell. It cannot take a
//! record lock for the shell. Readers believe such a claim because the recorded process has the descriptor.

use crate::claim::hold::busy;
use racefree::claim::status::Status;
use racefree::claim::{ClaimGuard, ClaimOptions};
use racefree::cli::exit::{Exit, exit_as};
use racefree::error::{Context, Result};
use racefree::lock::holders::{Holder, Holds, holds};
use racefree::pid;
use racefree::sys;
use std::os::fd::RawFd;
use std::path::Path;

pub(crate) fn claim(fd: RawFd, number: Option<i32>, terms: ClaimOptions, pidfile: &Path) -> Result<Exit> {
    let descriptor = sys::adopt(fd).act("use descriptor", fd)?;
    let Some(held) = ClaimGuard::through(descriptor, terms.until, pidfile)? else {
        return Err(busy(pidfile, Status::of(pidfile)));
    };
    let claimant = number.and_then(pid::numbered).or_else(pid::parent);
    match claimant {
        Some(pid) if holds(pid, held.locked_file()?) != Holds::No => match held.name_holder(pid) {
            Ok(()) => Ok(Exit::Done),
            Err(e) => held.give_back().and(Err(e)),
        },
        other => {
            held.give_back()?;
            let who = other.map_or("the parent".into(), |pid| Holder::new(pid).to_string());
            let why = format!("claim {}: {who} does not have this descriptor", pidfile.display());
            Err(exit_as(Exit::Failed, why))
        }
    }
}
