//! A PID file that is ours, from naming nobody to naming the daemon.
//!
//! Beware: closing any descriptor of the file drops the record locks of this process, so it is opened once.

use crate::claim::byte_lock;
use crate::claim::owner;
use crate::claim::record_pid::{RecordPid, write_text};
use crate::claim::restart_lock;
use crate::claim::{acceptable, open, record_locked, take_flock};
use crate::error::{Context, Result, Why, refused};
use crate::event::time::Deadline;
use crate::lock::holders::{Holds, descriptor, holds};
use crate::lock::locked_file::LockedFile;
use crate::lock::wait::{still_at, try_flock};
use crate::process::child::not_executed;
use crate::process::pidfd::PidFd;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdGetfdFlags, pidfd_getfd};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// A PID file that is ours. Its text is still what the last claimant left.
#[must_use = "dropping it frees the claim, unless a daemon has inherited it"]
#[derive(Debug)]
pub struct ClaimGuard {
    file: File,
    path: PathBuf,
    before: Vec<u8>,
}

impl ClaimGuard {
    pub(crate) fn new(file: File, path: PathBuf, before: Vec<u8>) -> ClaimGuard {
        ClaimGuard { file, path, before }
    }

    /// Claims through a descriptor that somebody else opened and keeps: the flock belongs to the open file description,
    /// so it is theirs, and stays when this process ends. `None` if another has the claim, also at the deadline.
    ///
    /// # Errors
    /// The descriptor is not of the file at `path`, cannot be written, or the file was never a PID file.
    pub fn through(descriptor: OwnedFd, until: Deadline, path: &Path) -> Result<Option<ClaimGuard>> {
        let file = File::from(descriptor);
        let before = acceptable(&file, path)?;
        let of_the_file = |file: &File| {
            let why = "the descriptor is of another file (open it by the same path)";
            let refused = || Err(refused("claim", path.display(), Why::Unfit(why.into())));
            if still_at(file, path) { Ok(()) } else { refused() }
        };
        of_the_file(&file)?;
        let writable = rustix::fs::fcntl_getfl(&file).act("look at", "the descriptor")?;
        if !writable.intersects(rustix::fs::OFlags::RDWR | rustix::fs::OFlags::WRONLY) {
            let why = "the descriptor is open for reading only (in a shell, open it with <> as in `exec 9<>FILE`)";
            return Err(refused("claim", path.display(), Why::Unfit(why.into())));
        }
        if !take_flock(&file, until, path).act("lock", path.display())? {
            return Ok(None);
        }
        let held = ClaimGuard::new(file, path.to_owned(), before);
        // It may have been replaced before we got the lock.
        if let Err(e) = of_the_file(&held.file) {
            held.give_back()?;
            return Err(e);
        }
        if owner::claimant(&held.file)?.is_some() {
            held.give_back()?;
            return Ok(None);
        }
        Ok(Some(held))
    }

    /// The claim that our launcher has, or will have: it is the same open file description.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn inherited(descriptor: OwnedFd, path: &Path) -> Result<ClaimGuard> {
        let file = File::from(descriptor);
        let before = acceptable(&file, path)?;
        Ok(ClaimGuard::new(file, path.to_owned(), before))
    }

    /// Shares the claim of a living claimant: the same open file description, so that the claim is never free while one
    /// of the two lives (pidfd_getfd(2)). `None` where that is refused, as for another user's daemon.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn shared_with(process: &PidFd, path: &Path) -> Result<Option<ClaimGuard>> {
        let locked = LockedFile::at(path).act("look at", path.display())?;
        let Ok(Some(number)) = descriptor(process.pid(), locked) else { return Ok(None) };
        let Ok(shared) = pidfd_getfd(process, number, PidfdGetfdFlags::empty()) else { return Ok(None) };
        // It may have closed that number meanwhile, and opened another file under it: then this is not its claim.
        let file = File::from(shared);
        if !still_at(&file, path) || !try_flock(&file).act("share", path.display())? {
            return Ok(None);
        }
        let before = acceptable(&file, path)?;
        Ok(Some(ClaimGuard::new(file, path.to_owned(), before)))
    }

    /// Opens what is to be ours once its claimant has left: see [`ClaimGuard::take_by`].
    ///
    /// # Errors
    /// As [`crate::claim::claim_by`].
    pub fn unlocked(path: &Path) -> Result<ClaimGuard> {
        let file = open(path, None)?;
        let before = acceptable(&file, path)?;
        Ok(ClaimGuard::new(file, path.to_owned(), before))
    }

    /// Takes the lock, for all who share the descriptor; `false` if another has it until the deadline.
    ///
    /// # Errors
    /// The file system refuses to lock, or the file was replaced before we got the lock.
    pub fn take_by(&self, until: Deadline) -> Result<bool> {
        if !take_flock(&self.file, until, &self.path).act("lock", self.path.display())? {
            return Ok(false);
        }
        if !still_at(&self.file, &self.path) {
            return Err(refused("claim", self.path.display(), Why::Replaced("it was replaced meanwhile".into())));
        }
        Ok(true)
    }

    /// What restarts have left that were killed: see [`crate::claim::restart_lock`].
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn leftovers(&self) -> Result<Vec<PidFd>> {
        restart_lock::abandoned_successors(&self.file)
    }

    /// Frees the claim for everyone who shares it.
    ///
    /// # Errors
    /// A refused flock(2).
    pub fn give_back(self) -> Result<()> {
        fs4::FileExt::unlock(&self.file).act("release", self.path.display())
    }

    /// Makes the claim name this very process, which is to become the daemon by exec.
    ///
    /// # Errors
    /// The byte is locked by another, or the text cannot be written (a full disk).
    pub fn record_this_process(&self) -> Result<()> {
        self.record_pid().lock_and_write().map_err(|e| self.not_recorded(e))
    }

    /// Makes the claim name a process that has inherited it, by the text alone: a record lock cannot be taken for another.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn name(&self, pid: Pid) -> Result<()> {
        write_text(self.file.as_fd(), pid).act("record the PID in", self.path.display())
    }

    /// Makes the claim name nobody, until it is known whom.
    ///
    /// # Errors
    /// The file cannot be cut.
    pub fn name_nobody(&self) -> Result<()> {
        self.file.set_len(0).act("empty", self.path.display())
    }

    /// What the kernel's tables of locks call the file.
    ///
    /// # Errors
    /// A refused fstat(2).
    pub fn identity(&self) -> Result<LockedFile> {
        LockedFile::of(&self.file).act("look at", self.path.display())
    }

    /// Vouches for a child of ours: readers believe it until we have reaped it, or have ended.
    ///
    /// # Errors
    /// The byte is locked by another.
    pub fn vouch_for(&self, child: Pid) -> Result<()> {
        byte_lock::take(&self.file, child).map_err(|e| self.not_recorded(e.into()))
    }

    /// The same for the newcomer of a restart, whom the text does not name yet.
    ///
    /// # Errors
    /// As [`ClaimGuard::vouch_for`].
    pub fn vouch_for_successor(&self, child: Pid) -> Result<()> {
        byte_lock::mark(&self.file, child).map_err(|e| self.not_recorded(e.into()))?;
        self.vouch_for(child)
    }

    /// The error of a COMMAND that could not be started. Nothing runs, so the file is to look as if nothing had been
    /// tried.
    pub fn not_started(&self, name: &OsStr, error: io::Error) -> anyhow::Error {
        if let Err(e) = self.unname() {
            return e;
        }
        // These come from the claim's own steps; execve(2) has none of them.
        let of_the_claim = [Errno::AGAIN, Errno::NOSPC, Errno::IO, Errno::DQUOT, Errno::FBIG, Errno::NOLCK];
        match Errno::from_io_error(&error) {
            Some(errno) if of_the_claim.contains(&errno) => self.not_recorded(error),
            _ => not_executed(name, &error),
        }
    }

    /// The error of a naming that failed, which names who has locked the byte.
    pub fn not_recorded(&self, error: io::Error) -> anyhow::Error {
        let path = self.path.display();
        if Errno::from_io_error(&error) == Some(Errno::AGAIN) {
            return record_locked(&self.file, &self.path);
        }
        anyhow::Error::from(error).context(format!("record the PID in {path}"))
    }

    /// What a child needs to make the claim name itself, between fork and exec.
    pub fn record_pid(&self) -> RecordPid {
        RecordPid::through(self.file.as_raw_fd())
    }

    /// Puts the text back as it was, for a COMMAND that could not be executed: unless a restart has begun meanwhile, whose
    /// text it is then.
    ///
    /// # Errors
    /// As [`ClaimGuard::put_back_text`].
    pub fn unname(&self) -> Result<()> {
        let ours = restart_lock::try_take(&self.file)? && owner::claimant(&self.file)?.is_none();
        if ours { self.put_back_text() } else { Ok(()) }
    }

    /// Puts the text back as it was.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn put_back_text(&self) -> Result<()> {
        let whole = self.file.write_all_at(&self.before, 0).and_then(|()| self.file.set_len(self.before.len() as u64));
        whole.act("restore", self.path.display())
    }

    /// Whether `pid` still has what it inherited: the kernel vouches for it, or it has a descriptor with the lock. A
    /// daemon that closes all its descriptors has lost the claim.
    ///
    /// # Errors
    /// The kernel does not answer.
    pub fn still_has(&self, pid: Pid) -> Result<bool> {
        if owner::owner_of(&self.file, pid)? == Some(pid) {
            return Ok(true);
        }
        Ok(holds(pid, self.identity()?) == Holds::Yes)
    }
}
