//! The wall around `unsafe`: the few system calls for which no crate has a safe function.
//!
//! This module knows no claim, lock or option. Each block says why it is sound.
#![allow(unsafe_code)]

pub mod arena;
pub mod backstop;
pub mod beyond_nix;
mod guard;
#[cfg(feature = "cli")]
pub(crate) mod init;
pub mod names;
pub mod pid_attribute;
pub mod runtime;
pub mod steps;

use crate::pid;
use crate::signal::Signal;
use nix::errno::Errno;
use nix::libc;
#[cfg(feature = "cli")]
use nix::sys::resource::setrlimit;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::Pid;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Whether this process ignores `signal` (sigaction(2)).
pub fn is_ignored(signal: Signal) -> bool {
    let mut now = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null new action only reads the old one. The kernel fills `now`, for which zeroes are a valid value,
    // too.
    unsafe {
        libc::sigaction(signal.number(), std::ptr::null(), now.as_mut_ptr()) == 0
            && now.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Ignores `signal`, or gives it its default action. Async-signal-safe.
pub(crate) fn set_ignored(signal: Signal, ignored: bool) -> io::Result<()> {
    let action = if ignored { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: neither action is a function of this program, so no call can go to a function that is gone.
    let before = unsafe { libc::signal(signal.number(), action) };
    if before == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Ends this process by `signal`, without a core dump, because COMMAND has dumped its own. It returns if the signal
/// does not end the process, as in PID 1 of a namespace.
#[cfg(feature = "cli")]
pub(crate) fn die_of(signal: Signal) {
    // If the core limit cannot be lowered, the cost is a second core file.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // KILL and STOP keep their action and need no change.
    let _ = set_ignored(signal, false);
    let mut only = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the set is initialised by sigemptyset before use, and unblocking a signal in one's own thread and
    // raising it touch no memory.
    unsafe {
        libc::sigemptyset(only.as_mut_ptr());
        libc::sigaddset(only.as_mut_ptr(), signal.number());
        libc::sigprocmask(libc::SIG_UNBLOCK, only.as_ptr(), std::ptr::null_mut());
        libc::raise(signal.number());
    }
}

extern "C" fn wake_only(_: libc::c_int) {}

/// An alarm clock that interrupts a blocking system call (EINTR) again and again until it is dropped.
///
/// The repetition closes the window between the look at the clock and the blocking call. A single alarm could come in
/// that window and be lost.
#[derive(Debug)]
pub(crate) struct Alarm {
    was_blocked: bool,
    was_ignored: bool,
}

impl Alarm {
    /// Sets an alarm that rings after `first`, and then every `again`.
    pub(crate) fn set(first: Duration, again: Duration) -> io::Result<Alarm> {
        let was_ignored = is_ignored(Signal::ALRM);
        let mut ring = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: zeroes are a valid sigaction without SA_RESTART; the handler is a function that does nothing.
        unsafe {
            (*ring.as_mut_ptr()).sa_sigaction = wake_only as *const () as usize;
            if libc::sigaction(libc::SIGALRM, ring.as_ptr(), std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        let mut alarm = SigSet::empty();
        alarm.add(nix::sys::signal::SIGALRM);
        let before = alarm.thread_swap_mask(SigmaskHow::SIG_UNBLOCK)?;
        set_interval_timer(first.max(Duration::from_micros(1)), again)?;
        Ok(Alarm { was_blocked: before.contains(nix::sys::signal::SIGALRM), was_ignored })
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // The three calls cannot fail with these arguments. A timer that still runs would outlive exec.
        let _ = set_interval_timer(Duration::ZERO, Duration::ZERO);
        let _ = set_ignored(Signal::ALRM, self.was_ignored);
        if self.was_blocked {
            let mut alarm = SigSet::empty();
            alarm.add(nix::sys::signal::SIGALRM);
            let _ = alarm.thread_block();
        }
    }
}

fn set_interval_timer(first: Duration, again: Duration) -> io::Result<()> {
    let timeval = |d: Duration| libc::timeval { tv_sec: d.as_secs() as _, tv_usec: d.subsec_micros() as _ };
    let timer = libc::itimerval { it_value: timeval(first), it_interval: timeval(again) };
    // SAFETY: the kernel only reads `timer`, and a null old value asks for nothing.
    let set = unsafe { libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut()) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes over a descriptor that the shell has opened, such as 9 in `exec 9>x.lock`. Children do not inherit it.
///
/// # Errors
/// EBADF: the descriptor is not open.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    set_inherited(number, false)?;
    // SAFETY: the descriptor is open, and it was open before this process opened anything: its number comes from the
    // command line, and every utility adopts before it opens. So nothing else in the process owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Closes a descriptor in a forked child. Async-signal-safe.
pub(crate) fn close_in_child(number: RawFd) -> io::Result<()> {
    // SAFETY: between fork(2) and execve(2) no owner is ever dropped, so none closes it a second time.
    if unsafe { libc::close(number) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Decides whether exec keeps a descriptor open (fcntl(2), F_SETFD). Async-signal-safe.
pub(crate) fn set_inherited(number: RawFd, inherited: bool) -> io::Result<()> {
    let flags = if inherited { 0 } else { libc::FD_CLOEXEC };
    // SAFETY: changes a flag of a descriptor; a number that is not open gives EBADF.
    if unsafe { libc::fcntl(number, libc::F_SETFD, flags) } < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Marks every descriptor from `first` on as close-on-exec (close_range(2); before Linux 5.11 one by one).
pub(crate) fn inherit_none_from(first: RawFd) {
    const CLOEXEC: libc::c_uint = 4;
    // SAFETY: only sets a flag on descriptors; none is closed, so no owner is surprised.
    let marked = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, CLOEXEC) };
    if marked == 0 {
        return;
    }
    let highest = getrlimit(Resource::RLIMIT_NOFILE).map_or(65_536, |(current, _)| current);
    for number in first..RawFd::try_from(highest.min(1 << 20)).unwrap_or(1 << 20) {
        // EBADF: the descriptor is not open, so it needs no mark.
        let _ = set_inherited(number, false);
    }
}

/// Lets the kernel choose the local port of a socket between these two, where 0 is the system's bound (ip(7),
/// IP_LOCAL_PORT_RANGE; Linux 6.3).
///
/// # Errors
/// ENOPROTOOPT: the kernel is older.
pub fn choose_port_between(socket: BorrowedFd<'_>, lowest: u16, highest: u16) -> io::Result<()> {
    const IP_LOCAL_PORT_RANGE: libc::c_int = 51;
    let range = u32::from(highest) << 16 | u32::from(lowest);
    let length = size_of::<u32>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes from `range`, which lives until the call returns.
    let set = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_IP, IP_LOCAL_PORT_RANGE, (&raw const range).cast(), length)
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Lets the kernel drop every datagram that is sent to this socket. The sender sees success (socket(7),
/// SO_ATTACH_FILTER).
///
/// # Errors
/// A kernel without socket filters.
pub fn drop_all_received(socket: BorrowedFd<'_>) -> io::Result<()> {
    // One instruction: accept the first 0 bytes of each datagram, that is, none of it.
    let mut drop_all = libc::sock_filter { code: (libc::BPF_RET | libc::BPF_K) as u16, jt: 0, jf: 0, k: 0 };
    let program = libc::sock_fprog { len: 1, filter: &raw mut drop_all };
    let length = size_of::<libc::sock_fprog>() as libc::socklen_t;
    // SAFETY: the kernel reads `length` bytes from `program`, and the one instruction behind it; both live until the call
    // returns.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            length,
        )
    };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a signal through a pidfd (pidfd_send_signal(2)); `false` if the process has gone. The functions of nix and rustix
/// take no real-time signal.
pub(crate) fn send_signal(pidfd: impl AsFd, signal: Signal) -> std::result::Result<bool, Errno> {
    let (fd, number, flags) = (pidfd.as_fd().as_raw_fd(), signal.number(), 0);
    // SAFETY: a null siginfo asks the kernel to fill it in as for kill(2); the descriptor is borrowed, hence open.
    let sent =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, number, std::ptr::null::<libc::siginfo_t>(), flags) };
    match Errno::result(sent) {
        Err(Errno::ESRCH) => Ok(false),
        sent => sent.map(|_| true),
    }
}

/// A child that has ended, which stays a zombie (waitid(2), WNOWAIT); `None` if all children live. nix's function fails for
/// a child that a real-time signal has ended, and rustix's gives no PID.
///
/// # Errors
/// EINTR; ECHILD: there is no child.
pub(crate) fn any_ended() -> std::result::Result<Option<Pid>, Errno> {
    let mut ended = MaybeUninit::<libc::siginfo_t>::zeroed();
    let look = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the kernel fills `ended`, for which zeroes are a valid value, too. They remain if no child has ended, and
    // their PID is 0.
    let number = unsafe {
        Errno::result(libc::waitid(libc::P_ALL, 0, ended.as_mut_ptr(), look))?;
        ended.assume_init().si_pid()
    };
    Ok(pid::numbered(number))
}

/// Borrows a descriptor by its number. Between fork(2) and execve(2) its owner cannot be reached.
pub(crate) fn borrow(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: the callers take the number from an owner that outlives the call: in a forked child nothing is dropped,
    // and elsewhere the owner is on the caller's stack.
    unsafe { BorrowedFd::borrow_raw(number) }
}
