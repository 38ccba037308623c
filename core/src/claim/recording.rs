//! The text of a file that this process has claimed: the PID of the daemon, no PID, or the text from before the claim.

use crate::claim::byte_lock::{self, HIGHEST_PID};
use crate::claim::flock::record_locked;
use crate::claim::guard::ClaimGuard;
use crate::claim::owner::{self, Verdict};
use crate::claim::pid_text::Text;
use crate::claim::record_pid;
use crate::claim::restart_lock;
use crate::error::{Context, Result, Why, refused};
use crate::process::child::not_executed;
use crate::process::pidfd::PidFd;
use crate::sys::steps::{Told, write_pid};
use nix::errno::Errno;
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd};

impl ClaimGuard {
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

    /// Records a process that has inherited the claim, by the text alone: this process cannot take a record lock for
    /// another one.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn name(&self, pid: Pid) -> Result<()> {
        write_pid(self.file().as_fd().as_raw_fd(), pid).act("record the PID in", self.path().display())
    }

    /// Records a process that holds the description of a claim through another's descriptor, and lets restarts begin.
    ///
    /// # Errors
    /// As [`ClaimGuard::name`].
    pub fn name_holder(&self, pid: Pid) -> Result<()> {
        self.name(pid)?;
        self.let_restarts_begin();
        Ok(())
    }

    /// Empties the text until the PID of the daemon is known.
    ///
    /// # Errors
    /// The file cannot be truncated.
    pub fn name_nobody(&self) -> Result<()> {
        self.file().file().set_len(0).act("empty", self.path().display())
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
            Some(Errno::EAGAIN | Errno::EACCES) if byte_lock::is_locked(self.file(), 1..=HIGHEST_PID) => {
                record_locked(self.file())
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
        if self.file().text()? == *named { self.name_nobody() } else { Ok(()) }
    }

    /// Records the claimant that a restart replaces, if only its byte lock names it. Otherwise a successor could get
    /// the PID of the dead process that the text names, and be taken for the claimant before it is ready. A restart
    /// that fails restores this text.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn name_old(&mut self, old: &PidFd) -> Result<()> {
        let act = |answer: io::Result<()>| answer.act("record the PID in", self.file().path().display());
        if owner::named(self.file())?.is_none()
            && let Verdict::One(standing) = owner::judge(self.file())?
            && standing.pid == old.pid()
        {
            act(write_pid(self.file().as_fd().as_raw_fd(), standing.byte))?;
            self.before = self.file().check_content()?;
        }
        Ok(())
    }

    /// Restores the earlier text after a failed exec, unless a restart has begun meanwhile. Then the text belongs to
    /// the restart.
    ///
    /// # Errors
    /// As [`ClaimGuard::put_back_text`].
    pub fn unname(&self) -> Result<()> {
        let ours = restart_lock::try_take(self.file())? && owner::named(self.file())?.is_none();
        if ours { self.put_back_text() } else { Ok(()) }
    }

    /// Restores the earlier text.
    ///
    /// # Errors
    /// The text cannot be written.
    pub fn put_back_text(&self) -> Result<()> {
        self.file().restore(&self.before)
    }
}
