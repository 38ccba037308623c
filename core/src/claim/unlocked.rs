//! `--unlocked`: the status of a PID file that its daemon writes itself, without a lock.
//!
//! Only the text names the process, so the process must be one that can have written it: see `claim/plausible.rs`.

use crate::claim::owner::{self, Verdict};
use crate::claim::pid_file::PidFile;
use crate::claim::pid_text::Text;
use crate::claim::plausible;
use crate::claim::status::{Claimant, Evidence, Status};
use crate::error::{Result, sentence};
use std::path::Path;

/// Reads a PID file. It believes the text alone if there is no other evidence and the process can have written it.
pub fn reading(path: &Path, exe: Option<&Path>) -> Status {
    let status = Status::of(path);
    if matches!(status, Status::Held(_) | Status::Absent) {
        return status;
    }
    by_text(path, exe, status).unwrap_or_else(|e| Status::Unreadable(sentence(&e)))
}

fn by_text(path: &Path, exe: Option<&Path>, status: Status) -> Result<Status> {
    let Some(file) = PidFile::open(path)? else { return Ok(Status::Absent) };
    let Text::Names(pid) = file.text()? else { return Ok(status) };
    // A verified owner outweighs the text.
    if !matches!(owner::judge(&file)?, Verdict::Nobody) {
        return Ok(status);
    }
    Ok(match (plausible::objection(pid, &file, exe)?, status) {
        (None, _) => Status::Held(Claimant { pid, evidence: Evidence::Recorded }),
        (Some(why), Status::Stale(_)) => Status::Unfit(pid, why),
        (Some(_), status) => status,
    })
}
