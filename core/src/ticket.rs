//! The ticket of a restart: one at a time replaces the claimant of a PID file, and nobody claims between the generations.
//!
//! It is a lock on a byte beyond the largest PID, held by the open file description: so it ends with the process, and no
//! other descriptor of the file can drop it. A process that has locked its own byte while the text names another is the
//! newcomer of a restart under way if somebody has the ticket, and else the leftover of one that was killed. (Unless it is
//! a plain claim half-way: then the text names nobody who stands, and it has not marked itself as a newcomer.)

use crate::claim::{acceptable, open};
use crate::error::{Doing, Result, refusal};
use crate::exit::Exit;
use crate::flock::{blocked_by, still_at};
use crate::process::Process;
use crate::reading::{self, read_text};
use crate::record;
use crate::text::Text;
use crate::time::Deadline;
use crate::vouch::{owner, stood_for, vouched};
use nix::errno::Errno;
use rustix::process::Pid;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

/// Beyond PID_MAX_LIMIT, so no PID's byte.
const PLACE: i64 = (1 << 22) + 1;

/// The right to replace the claimant.
#[must_use = "dropping it lets the next restart begin"]
#[derive(Debug)]
pub struct Ticket {
    file: File,
}

impl Ticket {
    /// Waits until no other restart is under way; `None` at the deadline.
    ///
    /// # Errors
    /// As [`crate::claim::Claim::under`].
    pub fn take_by(path: &Path, deadline: Deadline) -> Result<Option<Ticket>> {
        let awaited = || format!("waiting for another restart of {}", path.display());
        loop {
            let file = open(path, None)?;
            acceptable(&file, path)?;
            let taken = blocked_by(
                deadline,
                awaited,
                || Ok(record::take_shared(&file, PLACE)?),
                || Ok(record::wait_shared(&file, PLACE)?),
            );
            match taken.doing("queue at", path.display())? {
                false => return Ok(None),
                true if still_at(&file, path) => return Ok(Some(Ticket { file })),
                true if deadline.passed() => {
                    return Err(refusal(Exit::Failed, format!("queue at {}: it was replaced", path.display())));
                }
                true => {}
            }
        }
    }

    /// The leftovers of restarts that were killed.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn leftovers(&self) -> Result<Vec<Process>> {
        unannounced(&self.file)
    }
}

/// Whether a restart is under way.
pub(crate) fn is_taken(file: &File) -> Result<bool> {
    match record::is_taken(file, PLACE) {
        Err(Errno::ENOLCK | Errno::EINVAL | Errno::EOPNOTSUPP) => Ok(false),
        answer => answer.doing("ask for", "the ticket"),
    }
}

/// The leftovers of restarts that were killed, where none is under way that may still need them.
///
/// # Errors
/// The file cannot be read.
pub fn leftovers(path: &Path) -> Result<Vec<Process>> {
    match reading::open(path)? {
        Some(file) if !is_taken(&file)? => unannounced(&file),
        _ => Ok(vec![]),
    }
}

/// Every process that vouches for itself (or is vouched for by its waiting parent) while the text names another. Held
/// first, then asked again: the number may have been recycled in between.
pub(crate) fn unannounced(file: &File) -> Result<Vec<Process>> {
    let mut found = Vec::new();
    if !record::is_locked(file) {
        return Ok(found);
    }
    let named = match read_text(file)? {
        Text::Names(pid) => Some(pid),
        _ => None,
    };
    let another_stands = vouched(file)?.is_some();
    for range in record::locked_ranges(file).doing("ask who owns", "the bytes")? {
        let byte = i32::try_from(range.start).ok().filter(|_| range.length == 1).and_then(Pid::from_raw);
        let Some(byte) = byte.filter(|&byte| range.start < PLACE && Some(byte) != named) else { continue };
        if !another_stands && !record::is_marked(file, byte).doing("ask for the mark of", byte)? {
            continue;
        }
        let stands = || Ok::<_, anyhow::Error>(owner(file, byte)?.and_then(|o| stood_for(o.pid?, byte)));
        if let Some(pid) = stands()?
            && let Some(process) = Process::open(pid)?
            && stands()? == Some(pid)
            && !process.has_ended()?
        {
            found.push(process);
        }
    }
    Ok(found)
}

impl AsFd for Ticket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
