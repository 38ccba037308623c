//! The guard of a process group: a process between a utility and its COMMAND that outlives neither.
//!
//! The kernel can end a child when its parent ends (PR_SET_PDEATHSIG(2const)), but not the child's children. The guard
//! gets a signal when its parent ends, and kills the group that it leads. While the guard lives, the ID of the group
//! cannot be reused, so the guard kills no other process.

use nix::libc::{self, c_int, pid_t, sigset_t};
use std::io;
use std::mem::MaybeUninit;

/// The signal by which the guard learns of its parent's end. No other process has a reason to send it.
const PARENT_ENDED: c_int = libc::SIGUSR1;

/// Splits a forked child into two processes before execve(2). The guard stays behind and never returns; its child
/// returns and goes on to execute COMMAND. The child must lead a process group of its own. Async-signal-safe.
pub(crate) fn stay_behind(parent: pid_t) -> io::Result<()> {
    let mut before = MaybeUninit::<sigset_t>::zeroed();
    // SAFETY: all are system calls on values of this frame. fork is made by clone(2) itself, for fork(3) may wait for
    // locks that a thread of the parent held. The child continues with a copy of this stack, as after any fork.
    unsafe {
        let mut all = MaybeUninit::<sigset_t>::zeroed();
        libc::sigfillset(all.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        if libc::prctl(libc::PR_SET_PDEATHSIG, PARENT_ENDED) != 0 {
            return Err(io::Error::last_os_error());
        }
        if libc::getppid() != parent {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let guard = libc::getpid();
        match libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                if libc::getppid() != guard {
                    return Err(io::ErrorKind::Interrupted.into());
                }
                libc::sigprocmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
                Ok(())
            }
            command => guard_over(command as pid_t, parent),
        }
    }
}

/// Waits until COMMAND or the parent has ended. No signal but KILL interrupts it: all are blocked.
fn guard_over(command: pid_t, parent: pid_t) -> ! {
    close_all();
    let mut news = MaybeUninit::<sigset_t>::zeroed();
    // SAFETY: the set is initialised before use; the other calls touch nothing but `status`, and none returns to a
    // caller whose frame could be gone.
    unsafe {
        libc::sigemptyset(news.as_mut_ptr());
        libc::sigaddset(news.as_mut_ptr(), libc::SIGCHLD);
        libc::sigaddset(news.as_mut_ptr(), PARENT_ENDED);
        loop {
            if libc::getppid() != parent {
                // The guard belongs to the group, and ends here.
                libc::kill(0, libc::SIGKILL);
            }
            let mut status = 0;
            if libc::waitpid(command, &mut status, libc::WNOHANG) == command {
                end_as(status);
            }
            libc::sigwaitinfo(news.as_ptr(), std::ptr::null_mut());
        }
    }
}

/// Ends as COMMAND ended, without a second core dump.
fn end_as(status: c_int) -> ! {
    // SAFETY: only system calls on values of this frame; `_exit` runs no handler of the parent's.
    unsafe {
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &none);
            libc::signal(signal, libc::SIG_DFL);
            let mut only = MaybeUninit::<sigset_t>::zeroed();
            libc::sigemptyset(only.as_mut_ptr());
            libc::sigaddset(only.as_mut_ptr(), signal);
            libc::kill(libc::getpid(), signal);
            libc::sigprocmask(libc::SIG_UNBLOCK, only.as_ptr(), std::ptr::null_mut());
            libc::_exit(128 + signal);
        }
        libc::_exit(libc::WEXITSTATUS(status))
    }
}

/// Closes every descriptor, so that a process that reads from COMMAND sees the end of COMMAND, not of the guard.
fn close_all() {
    // SAFETY: the guard uses no descriptor from here on, and never returns to an owner of one.
    unsafe {
        if libc::syscall(libc::SYS_close_range, 0, libc::c_uint::MAX, 0) != 0 {
            // Before Linux 5.9.
            for number in 0..libc::sysconf(libc::_SC_OPEN_MAX).clamp(1024, 1 << 16) as c_int {
                libc::close(number);
            }
        }
    }
}
