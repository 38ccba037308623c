//! The PID files that this process has claimed for itself, as a library.
//!
//! To open such a file once more and to close that descriptor would drop the byte lock of the claim (fcntl(2), F_SETLK). So a
//! path is compared with the claimed files first, by a descriptor that opens nothing (`O_PATH`), and answered from here.

use crate::claim::status::{Claimant, Evidence, Status};
use crate::event::time::Deadline;
use crate::lock::fdinfo::owns_byte;
use crate::lock::file_id::FileId;
use crate::lock::holders::AT_MOST;
use crate::lock::locked_file::LockedFile;
use rustix::fs::{Mode, OFlags};
use rustix::process::getpid;
use std::fs::File;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

static CLAIMED: Mutex<Vec<FileId>> = Mutex::new(Vec::new());

fn claimed() -> MutexGuard<'static, Vec<FileId>> {
    // A panic elsewhere leaves the list whole: each change is one call.
    CLAIMED.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn add(file: FileId) {
    claimed().push(file);
}

pub(crate) fn remove(file: FileId) {
    claimed().retain(|known| *known != file);
}

/// The status of a file that this process has claimed; `None` for every other file.
pub(crate) fn status(path: &Path) -> Option<Status> {
    let found = File::from(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?);
    let id = FileId::from(&found.metadata().ok()?);
    claimed().contains(&id).then(|| Status::Held(Claimant { pid: getpid(), evidence: evidence(&found) }))
}

/// Whether the byte lock is still there. Another part of the program may have opened and closed the file.
pub(crate) fn evidence(file: &File) -> Evidence {
    let own = getpid();
    let owns = LockedFile::of(file)
        .and_then(|locked| owns_byte(own, locked, own.as_raw_pid().into(), Deadline::after(AT_MOST)));
    if owns.unwrap_or(false) { Evidence::Vouched } else { Evidence::Descriptor }
}
