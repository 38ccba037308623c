//! The PID files whose byte this process itself has locked.
//!
//! To open such a file once more and to close that descriptor would drop the byte lock (fcntl(2), F_SETLK). So the kernel's list
//! of this process's own locks is asked first, and such a file is answered from here. Without /proc the list cannot be asked.

use crate::claim::status::{Claimant, Evidence, Status};
use crate::event::deadline::Deadline;
use crate::lock::fdinfo::owns_byte;
use crate::lock::holders::AT_MOST;
use crate::lock::locked_file::LockedFile;
use nix::unistd::getpid;
use std::path::Path;

/// The status of a file whose byte this process has locked; `None` for every other file.
pub(crate) fn status(path: &Path) -> Option<Status> {
    let locked = LockedFile::at(path).ok()?;
    let claimant = Claimant { pid: getpid(), evidence: Evidence::Vouched };
    has_byte(locked).then_some(Status::Held(claimant))
}

/// The evidence for a claim of this process: whether the byte lock is still there.
pub(crate) fn evidence(locked: LockedFile) -> Evidence {
    if has_byte(locked) { Evidence::Vouched } else { Evidence::Descriptor }
}

fn has_byte(locked: LockedFile) -> bool {
    owns_byte(getpid(), locked, getpid().as_raw().into(), Deadline::after(AT_MOST)).unwrap_or(false)
}
