//! The end of a process that hangs past its deadline, by timers of the kernel.

use nix::libc;
use std::io;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::time::Duration;

/// The time after the deadline at which the process ends with 124.
const GRACE: Duration = Duration::from_secs(1);

/// The time after that at which the process is killed: only a fatal signal ends some waits, such as those for a dead
/// network file system.
const LAST: Duration = Duration::from_millis(500);

/// The exit code of a timeout, as timeout(1) has it.
const TIMED_OUT: libc::c_int = 124;

static MESSAGE: OnceLock<String> = OnceLock::new();

/// The timers, armed until they are dropped. They are for a process that has nothing to undo, and end it at once,
/// wherever it is.
#[derive(Debug)]
pub struct Backstop {
    timers: Vec<libc::timer_t>,
    before: libc::sigaction,
    was_blocked: bool,
}

/// The signal of the timer. No process sends it, so its handler can belong to the timer alone.
fn signal() -> libc::c_int {
    libc::SIGRTMAX() - 3
}

impl Backstop {
    /// Arms the timers: this process ends with 124 and a message a second after the time that is left.
    ///
    /// # Errors
    /// EAGAIN: the user's signals in queue (`RLIMIT_SIGPENDING`) are used up.
    pub fn after(left: Duration, name: &str) -> io::Result<Backstop> {
        MESSAGE.get_or_init(|| format!("{name}: it hangs, and its time is over by a second\n"));
        let mut armed = Backstop { timers: vec![], before: handle()?, was_blocked: unblock() };
        armed.timers.push(timer(signal(), left + GRACE)?);
        armed.timers.push(timer(libc::SIGKILL, left + GRACE + LAST)?);
        Ok(armed)
    }

    /// Leaves it armed to the end of this process, its last message included.
    pub fn stay(self) {
        std::mem::forget(self);
    }
}

impl Drop for Backstop {
    fn drop(&mut self) {
        for timer in self.timers.drain(..) {
            // SAFETY: the timer is ours and is deleted once.
            unsafe { libc::timer_delete(timer) };
        }
        let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
        // SAFETY: what is given back is what the kernel gave us; the set is initialised by sigemptyset before use.
        unsafe {
            libc::sigaction(signal(), &self.before, std::ptr::null_mut());
            if self.was_blocked {
                libc::sigemptyset(set.as_mut_ptr());
                libc::sigaddset(set.as_mut_ptr(), signal());
                libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
            }
        }
    }
}

/// Async-signal-safe: an atomic load, poll(2), write(2), _exit(2).
extern "C" fn end(_: libc::c_int) {
    let mut stderr = libc::pollfd { fd: 2, events: libc::POLLOUT, revents: 0 };
    // SAFETY: the kernel writes to `stderr` only, and reads a string that is never dropped.
    unsafe {
        // The process may hang in a write to a full stderr.
        if let Some(message) = MESSAGE.get()
            && libc::poll(&mut stderr, 1, 0) == 1
        {
            libc::write(2, message.as_ptr().cast(), message.len());
        }
        libc::_exit(TIMED_OUT)
    }
}

fn handle() -> io::Result<libc::sigaction> {
    let (mut ours, mut before) = (MaybeUninit::<libc::sigaction>::zeroed(), MaybeUninit::<libc::sigaction>::zeroed());
    // SAFETY: zeroes are a valid sigaction; the handler is a function of this program; the kernel fills `before`.
    unsafe {
        (*ours.as_mut_ptr()).sa_sigaction = end as *const () as usize;
        match libc::sigaction(signal(), ours.as_ptr(), before.as_mut_ptr()) {
            0 => Ok(before.assume_init()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Unblocks the signal. Returns whether it was blocked.
fn unblock() -> bool {
    let (mut set, mut before) = (MaybeUninit::<libc::sigset_t>::zeroed(), MaybeUninit::<libc::sigset_t>::zeroed());
    // SAFETY: the set is initialised by sigemptyset before use; the kernel fills `before`, which zeroes are valid for too.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal());
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), before.as_mut_ptr());
        libc::sigismember(before.as_ptr(), signal()) == 1
    }
}

/// Makes a timer that sends this process a signal once. Children do not inherit it, and it ends with execve(2).
fn timer(signal: libc::c_int, after: Duration) -> io::Result<libc::timer_t> {
    let mut event = MaybeUninit::<libc::sigevent>::zeroed();
    let mut timer = MaybeUninit::<libc::timer_t>::zeroed();
    let at = libc::timespec { tv_sec: after.as_secs() as _, tv_nsec: after.subsec_nanos() as _ };
    let once = libc::itimerspec { it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 }, it_value: at };
    // SAFETY: zeroes are a valid sigevent; the kernel fills `timer` where it succeeds, and only reads the rest.
    unsafe {
        (*event.as_mut_ptr()).sigev_notify = libc::SIGEV_SIGNAL;
        (*event.as_mut_ptr()).sigev_signo = signal;
        if libc::timer_create(libc::CLOCK_MONOTONIC, event.as_mut_ptr(), timer.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let timer = timer.assume_init();
        if libc::timer_settime(timer, 0, &once, std::ptr::null_mut()) != 0 {
            let error = io::Error::last_os_error();
            libc::timer_delete(timer);
            return Err(error);
        }
        Ok(timer)
    }
}
