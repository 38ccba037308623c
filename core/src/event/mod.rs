//! The one event loop: signals, descriptors, a deadline.
//!
//! Signals are blocked and read from a descriptor (signalfd(2)); no handler ever works. Arm the loop before a child is
//! started: what is sent from then on is neither lost nor obeyed too early.

pub mod deferred_close;
pub mod inotify;
pub mod path_watch;
pub mod time;

use crate::error::{Context, Result};
use crate::event::time::Deadline;
use crate::signal::Signal;
use crate::sys;
use nix::libc;
use nix::sys::signal::{self as mask, SigSet, SigmaskHow};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::os::fd::{AsFd, BorrowedFd};

/// What woke the loop.
#[derive(Debug)]
pub enum Event {
    /// A signal was sent to this process.
    Signal(Arrived),
    /// The descriptor at this place of the list has something to tell.
    Ready(usize),
    /// The deadline has passed.
    Deadline,
}

/// A signal, and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// Which one.
    pub signal: Signal,
    /// The terminal sent it (Ctrl-C, Ctrl-\, hang-up), hence to the whole foreground group: children have it already.
    pub from_terminal: bool,
}

/// A descriptor to wait for.
#[derive(Clone, Copy, Debug)]
pub enum Watched<'a> {
    /// Until it can be read; a pidfd can when the process has ended.
    Read(BorrowedFd<'a>),
    /// Until it can be written; a connecting socket can when it is connected or refused.
    Write(BorrowedFd<'a>),
}

/// The signals that ask a tool to do something, and that a wrapper passes on to COMMAND.
///
/// Left alone: those that stop and continue (a terminal sends them to the whole group), those that report a fault of
/// this very process, and WINCH and URG, which nobody dies of.
const REQUESTS: [mask::Signal; 12] = [
    mask::SIGHUP,
    mask::SIGINT,
    mask::SIGQUIT,
    mask::SIGTERM,
    mask::SIGUSR1,
    mask::SIGUSR2,
    mask::SIGALRM,
    mask::SIGVTALRM,
    mask::SIGPROF,
    mask::SIGIO,
    mask::SIGPWR,
    mask::SIGSTKFLT,
];

/// The armed loop. Dropping it gives the signals back.
#[derive(Debug)]
pub struct Events {
    signals: SignalFd,
    before: SigSet,
}

impl Events {
    /// Blocks the signals that ask for something and begins to collect them. A signal that was ignored at the start
    /// stays ignored (nohup(1)).
    ///
    /// # Errors
    /// A refused signalfd(2), as when descriptors run out.
    pub fn armed() -> Result<Events> {
        Events::collecting(&REQUESTS)
    }

    /// The same, and SIGCHLD too: for a process that adopts orphans (PR_SET_CHILD_SUBREAPER(2const)).
    ///
    /// # Errors
    /// As [`Events::armed`].
    pub fn armed_for_orphans() -> Result<Events> {
        Events::collecting(&[&REQUESTS[..], &[mask::SIGCHLD]].concat())
    }

    fn collecting(signals: &[mask::Signal]) -> Result<Events> {
        let mut set = SigSet::empty();
        for &signal in signals {
            if Signal::new(signal as i32).is_some_and(|s| s == Signal::CHLD || !sys::is_ignored(s)) {
                set.add(signal);
            }
        }
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&set, flags).act("collect", "signals")?;
        let before = set.thread_swap_mask(SigmaskHow::SIG_BLOCK).act("block", "signals")?;
        Ok(Events { signals, before })
    }

    /// The signal mask as it was before the loop was armed: what a child is to start with.
    pub fn mask_before(&self) -> SigSet {
        self.before
    }

    /// Waits for the first of: a signal, one of the watched descriptors, the deadline. In this order where several are
    /// there at once; a deadline that has already passed still sees what is ready.
    ///
    /// # Errors
    /// A refused poll(2).
    pub fn next(&self, watched: &[Watched<'_>], deadline: Deadline) -> Result<Event> {
        let mut polled = Vec::with_capacity(watched.len() + 1);
        polled.push(PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN));
        polled.extend(watched.iter().map(|watched| match *watched {
            Watched::Read(fd) => PollFd::from_borrowed_fd(fd, PollFlags::IN),
            Watched::Write(fd) => PollFd::from_borrowed_fd(fd, PollFlags::OUT),
        }));
        loop {
            match poll(&mut polled, left(deadline).as_ref()) {
                Ok(0) => return Ok(Event::Deadline),
                Ok(_) => {}
                // SIGCONT after a stop interrupts poll(2) although no handler runs.
                Err(rustix::io::Errno::INTR) => continue,
                Err(e) => return Err(e).act("wait for", "events"),
            }
            if !polled[0].revents().is_empty()
                && let Some(info) = self.signals.read_signal().act("read", "signals")?
                && let Some(signal) = Signal::new(info.ssi_signo as i32)
            {
                return Ok(Event::Signal(Arrived { signal, from_terminal: info.ssi_code == libc::SI_KERNEL }));
            }
            if let Some(place) = polled[1..].iter().position(|fd| !fd.revents().is_empty()) {
                return Ok(Event::Ready(place));
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // Setting back a mask that the kernel gave us cannot fail.
        let _ = self.before.thread_set_mask();
    }
}

/// Whether the descriptor has something to tell at this very moment.
///
/// # Errors
/// A refused poll(2).
pub fn ready_now(fd: BorrowedFd<'_>) -> Result<bool> {
    ready_by(fd, Deadline::after(std::time::Duration::ZERO))
}

/// Waits until the descriptor has something to tell, or the deadline; no signal is collected meanwhile.
///
/// # Errors
/// A refused poll(2).
pub fn ready_by(fd: BorrowedFd<'_>, deadline: Deadline) -> Result<bool> {
    let mut polled = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    loop {
        match poll(&mut polled, left(deadline).as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            answer => return answer.map(|ready| ready > 0).act("look at", "a descriptor"),
        }
    }
}

fn left(deadline: Deadline) -> Option<Timespec> {
    deadline.left().map(|left| Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() })
}
