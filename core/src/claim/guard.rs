//! The claim of this process, from the flock until the file names the daemon.
//!
//! The close of any descriptor of the file drops the record locks of this process, so the process opens the file once.

use crate::claim::byte_lock::{self};
use crate::claim::flock::take_flock;
use crate::claim::leftovers::{abandoned, refuse_beside};
use crate::claim::own;
use crate::claim::owner::{self};
use crate::claim::pid_file::{Content, PidFile};
use crate::claim::pid_text::Text;
use crate::claim::record_pid::RecordPid;
use crate::claim::restart_lock;
use crate::claim::status::{Claimant, Evidence, Status};
use crate::error::{Context, Result, Why, refused};
use crate::event::deadline::Deadline;
use crate::lock::holders::{Holds, holds};
use crate::lock::locked_file::LockedFile;
use crate::process::pidfd::PidFd;
use crate::sys::steps::{Step, before_exec};
use nix::unistd::Pid;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::process::Command;

/// A claim of this process. The text is still the one of the last claimant.
#[must_use = "dropping it frees the claim, unless a daemon has inherited it"]
#[derive(Debug)]
pub struct ClaimGuard {
    file: PidFile,
    /// The content from before the claim.
    pub(super) before: Content,
}

impl ClaimGuard {
    pub(crate) fn new(file: PidFile, before: Content) -> ClaimGuard {
        ClaimGuard { file, before }
    }

    /// Takes the flock, for every process that shares the descriptor; `false` if another process has it until the
    /// deadline. It locks again if the flock is taken already, because a process that shared it may have freed it for
    /// all (flock(2)).
    ///
    /// # Errors
    /// The file system refuses to lock, or the file was replaced before we got the lock.
    pub fn take_by(&self, until: Deadline) -> Result<bool> {
        if !take_flock(&self.file, until)? {
            return Ok(false);
        }
        // Race: restart-file-removed (docs/races.md)
        if !self.file.still_at_path() {
            return Err(refused("claim", self.path().display(), Why::Replaced("it was replaced meanwhile".into())));
        }
        Ok(true)
    }

    /// Finds the leftovers of killed restarts: see [`crate::claim::leftovers`].
    ///
    /// # Errors
    /// The kernel refuses the question.
    pub fn leftovers(&self) -> Result<Vec<PidFd>> {
        abandoned(&self.file, || Ok(false))
    }

    /// Fails if another process still owns its byte, such as a leftover that may not be ended.
    ///
    /// # Errors
    /// [`Why::Busy`], with the processes.
    pub fn check_nobody_stands(&self) -> Result<()> {
        refuse_beside(&self.file, owner::standing(&self.file)?)
    }

    /// Releases the claim for every process that shares it.
    ///
    /// # Errors
    /// A refused flock(2).
    pub fn give_back(self) -> Result<()> {
        self.let_restarts_begin();
        fs4::FileExt::unlock(self.file.file()).act("release", self.path().display())
    }

    /// Frees the restart lock, which a claim through another's descriptor has taken by that descriptor.
    pub(super) fn let_restarts_begin(&self) {
        // A file system without such locks has not given one.
        let _ = Step::UnlockShared(self.file.as_fd().as_raw_fd(), restart_lock::PLACE).take();
    }

    /// The status of this claim, as another process would see it: `Held`, with the evidence `vouched` as long as no other part
    /// of this process has opened and closed the file, which drops the byte lock.
    pub fn status(&self) -> Status {
        let evidence = self.file.locked_file().map_or(Evidence::Descriptor, own::evidence);
        Status::Held(Claimant { pid: nix::unistd::getpid(), evidence })
    }

    /// Lets the children of `command` inherit the claim: it lasts until the last of them has ended, too.
    pub fn inherit(&self, command: &mut Command) {
        before_exec(command, &[Step::Inherit(self.file.as_fd().as_raw_fd())]);
    }

    /// The identity of the file in the kernel's tables of locks.
    ///
    /// # Errors
    /// A refused fstat(2).
    pub fn locked_file(&self) -> Result<LockedFile> {
        self.file.locked_file()
    }

    /// Locks the byte of a child of this process. Readers believe it until this process has reaped the child, or has
    /// ended.
    ///
    /// # Errors
    /// Another process has locked the byte.
    pub fn vouch_for(&self, child: Pid) -> Result<()> {
        byte_lock::take(&self.file, child).map_err(|e| self.not_recorded(e.into()))
    }

    /// Locks the byte of a child of this process, and the mark of a successor. The text does not name the child yet.
    ///
    /// # Errors
    /// As [`ClaimGuard::vouch_for`].
    pub fn vouch_for_successor(&self, child: Pid) -> Result<()> {
        byte_lock::mark_successor(&self.file, child).map_err(|e| self.not_recorded(e.into()))?;
        self.vouch_for(child)
    }

    /// The steps by which a child records itself between fork and exec.
    pub fn record_pid(&self) -> RecordPid {
        RecordPid::through(self.file.as_fd().as_raw_fd())
    }

    /// Whether `pid` still has the claim that it inherited: its byte is locked, or it has a descriptor with the flock.
    /// A daemon that closes all its descriptors has lost the claim.
    ///
    /// # Errors
    /// The kernel refuses the question.
    pub fn still_has(&self, pid: Pid) -> Result<bool> {
        if owner::owner_of(&self.file, pid)?.is_some_and(|standing| standing.pid == pid) {
            return Ok(true);
        }
        Ok(holds(pid, self.locked_file()?) == Holds::Yes)
    }

    /// Whether the path still names the claimed file. If a daemon replaces its PID file, no reader finds the claim any
    /// more.
    pub fn still_at_path(&self) -> bool {
        self.file.still_at_path()
    }

    /// The process that another file at the path names.
    pub fn named_by_another_at_path(&self) -> Option<Pid> {
        match self.file.text_of_another()? {
            Text::Names(pid) => Some(pid),
            Text::Empty | Text::Garbage(_) => None,
        }
    }

    pub(crate) fn file(&self) -> &PidFile {
        &self.file
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }
}
