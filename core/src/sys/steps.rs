//! The steps of a child between fork(2) and execve(2), as a closed list. Each step is a few system calls on values that
//! were prepared before the fork, and nothing else (signal-safety(7)). So [`before_exec`] is safe with any of them.

use super::beyond_nix::nice;
use super::pid_attribute::PidAttribute;
use super::{borrow, close_in_child, guard, set_ignored, set_inherited};
use crate::signal::Signal;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::prctl::{set_no_new_privs, set_pdeathsig};
use nix::sys::signal::{SIGKILL, SigSet};
use nix::sys::stat::{Mode, umask};
use nix::sys::uio::{pread, pwrite};
use nix::unistd::{Gid, Pid, Uid, ftruncate, getpid, getppid, setgroups, setresgid, setresuid, setsid};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// One step of a child before it becomes COMMAND.
#[derive(Clone, Debug)]
pub enum Step {
    /// Begin a session (setsid(2)).
    NewSession,
    /// Ignore the signal, or set it to its default action.
    Ignore(Signal, bool),
    /// Set the signal mask.
    SetMask(SigSet),
    /// Ask to be killed when this parent ends (PR_SET_PDEATHSIG(2const)). The step fails if the parent has ended
    /// already.
    DieWithParent(Pid),
    /// Go on as the child of a guard. The guard leads the process group and kills the group when this parent ends.
    LeaveGuard(Pid),
    /// Take back the request of [`Step::DieWithParent`].
    OutliveParent,
    /// Close a descriptor.
    Close(RawFd),
    /// Keep a descriptor over execve(2).
    Inherit(RawFd),
    /// Lock the byte of a file whose offset is this one plus the PID of the process (fcntl(2), F_SETLK).
    LockOwnByte(RawFd, i64),
    /// Replace the text and the PID attribute of a file by the PID of the process: one write, then the cut, so that the first line is a whole
    /// number at every instant. Then read it back, because a descriptor in append mode writes elsewhere.
    WriteOwnPid(RawFd),
    /// Unlock a byte for every process that shares the descriptor (fcntl(2), F_OFD_SETLK). The step never fails: a byte
    /// that could not be locked need not be unlocked.
    UnlockShared(RawFd, i64),
    /// Become this user, with this group and these supplementary groups. The process loses the caller's privileges.
    BecomeUser(Uid, Gid, Vec<Gid>),
    /// Add to the nice value (nice(2)).
    Nice(i32),
    /// Set the file mode creation mask (umask(2)).
    Umask(Mode),
    /// Gain no privileges by execve(2) from now on (PR_SET_NO_NEW_PRIVS(2const)).
    NoNewPrivileges,
}

impl Step {
    /// Takes the step in this process. Async-signal-safe.
    ///
    /// # Errors
    /// The error of the system call.
    pub fn take(&self) -> io::Result<()> {
        match *self {
            Step::NewSession => Ok(setsid().map(drop)?),
            Step::Ignore(signal, ignored) => set_ignored(signal, ignored),
            Step::SetMask(mask) => Ok(mask.thread_set_mask()?),
            Step::DieWithParent(parent) => {
                set_pdeathsig(SIGKILL)?;
                // A parent that ended before the request sends no signal.
                if getppid() == parent { Ok(()) } else { Err(io::ErrorKind::Interrupted.into()) }
            }
            Step::LeaveGuard(parent) => guard::stay_behind(parent.as_raw()),
            Step::OutliveParent => Ok(set_pdeathsig(None)?),
            Step::Close(fd) => close_in_child(fd),
            Step::Inherit(fd) => set_inherited(fd, true),
            Step::LockOwnByte(fd, base) => {
                let lock = byte(libc::F_WRLCK, base + i64::from(getpid().as_raw()));
                Ok(fcntl(borrow(fd), FcntlArg::F_SETLK(&lock)).map(drop)?)
            }
            Step::WriteOwnPid(fd) => write_pid(fd, getpid()),
            Step::UnlockShared(fd, offset) => {
                let _ = fcntl(borrow(fd), FcntlArg::F_OFD_SETLK(&byte(libc::F_UNLCK, offset)));
                Ok(())
            }
            Step::BecomeUser(uid, gid, ref groups) => {
                setgroups(groups)?;
                setresgid(gid, gid, gid)?;
                Ok(setresuid(uid, uid, uid)?)
            }
            Step::Nice(steps) => Ok(nice(steps)?),
            Step::Umask(mask) => {
                umask(mask);
                Ok(())
            }
            Step::NoNewPrivileges => Ok(set_no_new_privs()?),
        }
    }
}

/// Lets the child take the steps, in this order, after the steps that were added before.
pub fn before_exec(command: &mut Command, steps: &[Step]) {
    watched_before_exec(command, steps, None);
}

/// Lets the child take the steps, and tells the parent whether one of *them* failed. The error of a start says what
/// went wrong, and not where.
///
/// # Errors
/// No memory that parent and child could share.
pub fn before_exec_told(command: &mut Command, steps: &[Step]) -> io::Result<Told> {
    let told = Told(Arc::new(SharedByte::new()?));
    watched_before_exec(command, steps, Some(told.clone()));
    Ok(told)
}

fn watched_before_exec(command: &mut Command, steps: &[Step], told: Option<Told>) {
    let steps = steps.to_vec();
    let take_all = move || {
        steps.iter().try_for_each(|step| step.take()).inspect_err(|_| {
            if let Some(told) = &told {
                told.0.byte().store(1, Ordering::SeqCst);
            }
        })
    };
    // SAFETY: each step makes system calls on values prepared before the fork, and a store to shared memory; none of them
    // allocates, locks, or panics.
    unsafe { command.pre_exec(take_all) };
}

/// Whether one of the steps failed in the child.
#[derive(Clone, Debug)]
pub struct Told(Arc<SharedByte>);

impl Told {
    /// Whether one of the steps failed in the child.
    pub fn a_step_failed(&self) -> bool {
        self.0.byte().load(Ordering::SeqCst) != 0
    }
}

/// A byte of memory that a child shares with its parent.
#[derive(Debug)]
struct SharedByte(std::ptr::NonNull<AtomicU8>);

// SAFETY: the memory is an atomic, is mapped until the value is dropped, and belongs to no thread.
unsafe impl Send for SharedByte {}
// SAFETY: as above.
unsafe impl Sync for SharedByte {}

impl SharedByte {
    fn new() -> io::Result<SharedByte> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new anonymous mapping, at an address of the kernel's choice, touches no memory of ours.
        let page = unsafe { libc::mmap(std::ptr::null_mut(), 1, protection, flags, -1, 0) };
        if page == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        std::ptr::NonNull::new(page.cast()).map(SharedByte).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
    }

    fn byte(&self) -> &AtomicU8 {
        // SAFETY: mapped and zeroed by the kernel, and only unmapped when `self` is dropped.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for SharedByte {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nothing borrows it any more.
        unsafe { libc::munmap(self.0.as_ptr().cast(), 1) };
    }
}

/// A lock of this kind on the one byte at an offset, as fcntl(2) takes it.
pub(crate) fn byte(kind: i32, offset: i64) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: offset,
        l_len: 1,
        l_pid: 0,
    }
}

/// Replaces the text of an open file by `PID\n`, and reads it back. The PID attribute comes first: no reader finds this
/// text without it. Async-signal-safe.
///
/// # Errors
/// ENOSPC, EIO, EFBIG: the file cannot be written. EILSEQ: another text stands there, because the descriptor is in
/// append mode.
pub fn write_pid(fd: RawFd, pid: Pid) -> io::Result<()> {
    // Race: half-written-text (docs/races.md)
    let (file, line) = (borrow(fd), PidLine::of(pid));
    PidAttribute::now(pid).set(file);
    let text = line.as_bytes();
    if pwrite(file, text, 0)? < text.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    ftruncate(file, text.len() as libc::off_t)?;
    let mut there = [0; 13];
    let length = pread(file, &mut there, 0)?;
    if there[..length] == *text { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EILSEQ)) }
}

/// The text `PID\n` in a buffer of its own. It is made between fork and exec, where nothing may be allocated.
#[derive(Clone, Copy, Debug)]
pub struct PidLine {
    bytes: [u8; 12],
    start: usize,
}

impl PidLine {
    /// The line that names this process.
    pub fn of(pid: Pid) -> PidLine {
        let mut line = PidLine { bytes: [b'\n'; 12], start: 11 };
        let mut rest = pid.as_raw().unsigned_abs();
        while rest > 0 {
            line.start -= 1;
            line.bytes[line.start] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        line
    }

    /// The bytes to write.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
