//! The other ways to a claim: through a descriptor of somebody else's, inherited, shared with the old daemon, or taken later.

use crate::claim::flock::take_flock;
use crate::claim::guard::ClaimGuard;
use crate::claim::owner::{self, Verdict};
use crate::claim::pid_file::PidFile;
use crate::claim::restart_lock;
use crate::error::{Context, Result, Why, refused};
use crate::event::deadline::Deadline;
use crate::lock::fdinfo::flocked_descriptor;
use crate::lock::holders::AT_MOST;
use crate::lock::wait::try_flock;
use crate::process::pidfd::PidFd;
use crate::sys::beyond_nix::pidfd_getfd;
use std::os::fd::OwnedFd;
use std::path::Path;

impl ClaimGuard {
    /// Claims through a descriptor that another process has opened and keeps. The flock belongs to the open file
    /// description, so it stays when this process ends. `None` if another process has the claim, also at the deadline, or
    /// if a restart is under way. The caller names the claimant by [`ClaimGuard::name_holder`], or gives the claim back.
    ///
    /// # Errors
    /// The descriptor is not of the file at `path`, cannot be written at its beginning, or the file was never a PID file.
    pub fn through(descriptor: OwnedFd, until: Deadline, path: &Path) -> Result<Option<ClaimGuard>> {
        let file = PidFile::through(descriptor, path);
        file.check_descriptor()?;
        let before = file.check_content()?;
        let at_path = |file: &PidFile| {
            let why = "the descriptor is of another file (open it by the same path)";
            if file.still_at_path() { Ok(()) } else { Err(refused("claim", path.display(), Why::Unfit(why.into()))) }
        };
        at_path(&file)?;
        if !take_flock(&file, until)? {
            return Ok(None);
        }
        let guard = ClaimGuard::new(file, before);
        // It may have been replaced before we got the lock.
        // Race: file-replaced (docs/races.md)
        if let Err(e) = at_path(guard.file()) {
            guard.give_back()?;
            return Err(e);
        }
        // Race: restart-during-claim (docs/races.md)
        // The restart lock belongs to the description, which stays open: it is freed when the claimant is named.
        let free = restart_lock::try_take(guard.file())? && matches!(owner::judge(guard.file())?, Verdict::Nobody);
        if !free {
            guard.give_back()?;
            return Ok(None);
        }
        Ok(Some(guard))
    }

    /// Takes part in the claim that the launcher has or will have, by the same open file description.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn inherited(descriptor: OwnedFd, path: &Path) -> Result<ClaimGuard> {
        let file = PidFile::through(descriptor, path);
        let before = file.check_content()?;
        Ok(ClaimGuard::new(file, before))
    }

    /// Shares the open file description of a living claimant, so that the claim is never free while one of the two
    /// lives (pidfd_getfd(2)). `None` if the kernel refuses, as for another user's daemon, or if the PID cannot be
    /// written through the daemon's descriptor.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn shared_with(process: &PidFd, path: &Path) -> Result<Option<ClaimGuard>> {
        let Some(file) = PidFile::open(path)? else { return Ok(None) };
        let found = flocked_descriptor(process.pid(), file.locked_file()?, Deadline::after(AT_MOST));
        let Ok(Some(descriptor)) = found else { return Ok(None) };
        // Race: restart-gap (docs/races.md)
        let Ok(shared) = pidfd_getfd(process, descriptor.number) else { return Ok(None) };
        // The daemon may have closed that descriptor meanwhile and opened another file under its number. Then this is
        // not its claim.
        let file = PidFile::through(shared, path);
        if !file.still_at_path()
            || file.check_descriptor().is_err()
            || !try_flock(file.file()).act("share", path.display())?
        {
            return Ok(None);
        }
        let before = file.check_content()?;
        Ok(Some(ClaimGuard::new(file, before)))
    }

    /// Opens the file that this process claims once its claimant has left: see [`ClaimGuard::take_by`].
    ///
    /// # Errors
    /// As [`crate::claim::claim_by`].
    pub fn unlocked(path: &Path) -> Result<ClaimGuard> {
        let file = PidFile::open_for_claim(path, None)?;
        let before = file.check_content()?;
        Ok(ClaimGuard::new(file, before))
    }
}
