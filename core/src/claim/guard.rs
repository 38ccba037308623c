//! The claim of this process, from the flock until the file names the daemon.
//!
//! The close of any descriptor of the file drops the record locks of this process, so the process opens the file once.

use crate::claim::byte_lock::{self, HIGHEST_PID};
use crate::claim::flock::{record_locked, take_flock};
use crate::claim::leftovers::{abandoned, refuse_beside};
use crate::claim::own;
use crate::claim::owner::{self, Verdict};
use crate::claim::pid_file::PidFile;
use crate::claim::pid_text::Text;
use crate::claim::record_pid::{self, RecordPid};
use crate::claim::restart_lock;
use crate::claim::status::{Claimant, Evidence, Status};
use crate::error::{Context, Result, Why, refused};
use crate::event::deadline::Deadline;
use crate::lock::holders::{Holds, holds};
use crate::lock::locked_file::LockedFile;
use crate::process::child::not_executed;
use crate::process::pidfd::PidFd;
use crate::sys::steps::{Step, Told, before_exec, write_pid};
use nix::errno::Errno;
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::process::Command;

/// A claim of this process. The text is still the one of the last claimant.
#[must_use = "dropping it frees the claim, unless a daemon has inherited it"]
#[derive(Debug)]
pub struct ClaimGuard {
    file: PidFile,
    before: Vec<u8>,
}

impl ClaimGuard {
    pub(crate) fn new(file: PidFile, before: Vec<u8>) -> ClaimGuard {
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
        fs4::FileExt::unlock(self.file.file()).act("release", self.path().display())
    }

    /// Records this process, which becomes the daemon by exec.
    ///
    /// # Errors
    /// Another process has locked the byte, or the text cannot be written (a full disk).
    pub fn record_this_process(&self) -> Result<()> {
        record_pid::take(&self.record_pid().lock_and_write()).map_err(|e| self.not_recorded(e))
    }

    /// Records this process as the claimant, without letting children inherit the claim.
    pub(crate) fn record_for_library(&self) -> Result<()> {
        record_pid::take(&self.record_pid().lock_and_write_only()).map_err(|e| self.not_recorded(e))
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

    /// Records a process that has inherited the claim, by the text alone: this process cannot take a record lock for
    /// another one.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn name(&self, pid: Pid) -> Result<()> {
        write_pid(self.file.as_fd().as_raw_fd(), pid).act("record the PID in", self.path().display())
    }

    /// Empties the text until the PID of the daemon is known.
    ///
    /// # Errors
    /// The file cannot be truncated.
    pub fn name_nobody(&self) -> Result<()> {
        self.file.file().set_len(0).act("empty", self.path().display())
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

    /// Restores the text and makes the error of a COMMAND that could not be started; `told` says whether the steps of
    /// the claim failed. Nothing runs, so the file must look as before.
    pub fn not_started(&self, name: &OsStr, error: &io::Error, told: &Told) -> anyhow::Error {
        match self.unname() {
            Err(e) => e,
            Ok(()) if told.a_step_failed() => {
                self.not_recorded(io::Error::from_raw_os_error(error.raw_os_error().unwrap_or(0)))
            }
            Ok(()) => not_executed(name, error),
        }
    }

    /// Makes the error of steps that could not record the PID. It names the process that has locked the byte.
    pub fn not_recorded(&self, error: io::Error) -> anyhow::Error {
        let path = self.path().display();
        match error.raw_os_error().map(Errno::from_raw) {
            // Other steps can fail with this error, too.
            Some(Errno::EAGAIN | Errno::EACCES) if byte_lock::is_locked(&self.file, 1..=HIGHEST_PID) => {
                record_locked(&self.file)
            }
            Some(Errno::EILSEQ) => refused("claim", path, Why::Unfit("its descriptor is in append mode".into())),
            _ => anyhow::Error::from(error).context(format!("record the PID in {path}")),
        }
    }

    /// Empties the file if its text is this one: no other tool can take the PID of a daemon that was stopped for a living
    /// process that has got the PID since.
    ///
    /// # Errors
    /// The file cannot be read or cut.
    pub fn forget(&self, named: &Text) -> Result<()> {
        if self.file.text()? == *named { self.name_nobody() } else { Ok(()) }
    }

    /// The steps by which a child records itself between fork and exec.
    pub fn record_pid(&self) -> RecordPid {
        RecordPid::through(self.file.as_fd().as_raw_fd())
    }

    /// Records the claimant that a restart replaces, if only its byte lock names it. Otherwise a successor could get
    /// the PID of the dead process that the text names, and be taken for the claimant before it is ready. A restart
    /// that fails restores this text.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn name_old(&mut self, old: &PidFd) -> Result<()> {
        let act = |answer: io::Result<()>| answer.act("record the PID in", self.file.path().display());
        if owner::named(&self.file)?.is_none()
            && let Verdict::One(standing) = owner::judge(&self.file)?
            && standing.pid == old.pid()
        {
            act(write_pid(self.file.as_fd().as_raw_fd(), standing.byte))?;
            self.before = self.file.check_content()?;
        }
        Ok(())
    }

    /// Restores the earlier text after a failed exec, unless a restart has begun meanwhile. Then the text belongs to
    /// the restart.
    ///
    /// # Errors
    /// As [`ClaimGuard::put_back_text`].
    pub fn unname(&self) -> Result<()> {
        let ours = restart_lock::try_take(&self.file)? && owner::named(&self.file)?.is_none();
        if ours { self.put_back_text() } else { Ok(()) }
    }

    /// Restores the earlier text.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn put_back_text(&self) -> Result<()> {
        self.file.restore(&self.before)
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

    pub(crate) fn file(&self) -> &PidFile {
        &self.file
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}
