//! The one event loop: signals, descriptors, a deadline.
//!
//! The loop blocks signals and reads them from a descriptor (signalfd(2)); no handler does any work. Arm the loop
//! before you start a child: a signal that is sent from then on is neither lost nor acted on too early.

pub mod deadline;
pub mod deferred_close;
pub mod duration;
pub mod filesystem;
pub mod inotify;
pub mod path_watch;

use crate::error::{Context, Result};
use crate::event::deadline::Deadline;
use crate::pid;
use crate::signal::Signal;
use crate::sys;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{self as mask, SigSet, SigmaskHow};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;
use nix::unistd::{Pid, getpid};
use std::os::fd::{AsFd, BorrowedFd};

/// The event that ended a wait.
#[derive(Debug)]
pub enum Event {
    /// A signal was sent to this process.
    Signal(Arrived),
    /// The descriptor at this place of the list is ready.
    Ready(usize),
    /// The deadline has passed.
    Deadline,
}

/// A signal, and where it came from.
#[derive(Clone, Copy, Debug)]
pub struct Arrived {
    /// The number of the signal.
    pub signal: Signal,
    /// Whether the terminal sent it (Ctrl-C, Ctrl-\, hang-up). A terminal signals the whole foreground group, so
    /// children have the signal already.
    pub from_terminal: bool,
    /// The process that sent it, if a process of our PID namespace did.
    pub sender: Option<Pid>,
}

/// A descriptor that the loop waits for.
#[derive(Clone, Copy, Debug)]
pub enum Watched<'a> {
    /// Wait until it is readable; a pidfd is readable when its process has ended.
    Read(BorrowedFd<'a>),
    /// Wait until it is writable; a connecting socket is writable when it is connected or refused.
    Write(BorrowedFd<'a>),
}

/// The signals that ask a utility to do something, and that a wrapper passes on to COMMAND.
///
/// The list leaves out signals that stop and continue (a terminal sends them to the whole group), signals that report a
/// fault of this very process, and WINCH and URG, which end no process.
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

/// The armed loop. A drop restores the signal mask.
#[derive(Debug)]
pub struct Events {
    signals: SignalFd,
    before: SigSet,
}

impl Events {
    /// Blocks the signals of `REQUESTS` and begins to collect them. A signal that was ignored at the start stays
    /// ignored (nohup(1)).
    ///
    /// # Errors
    /// A refused signalfd(2), as when descriptors run out.
    pub fn armed() -> Result<Events> {
        Events::collecting(&REQUESTS)
    }

    /// Collects SIGCHLD too, for a process that adopts orphans (PR_SET_CHILD_SUBREAPER(2const)).
    ///
    /// # Errors
    /// As [`Events::armed`].
    pub fn armed_for_orphans() -> Result<Events> {
        Events::collecting(&[&REQUESTS[..], &[mask::SIGCHLD]].concat())
    }

    /// Collects the signals of [`Events::armed`], for a process that waits for its COMMAND. It collects SIGCHLD too if this
    /// process is PID 1, because the orphans of the PID namespace become its children.
    ///
    /// # Errors
    /// As [`Events::armed`].
    pub fn armed_for_command() -> Result<Events> {
        if getpid() == Pid::from_raw(1) { Events::armed_for_orphans() } else { Events::armed() }
    }

    /// A loop that collects no signal: each ends the process by its default action, wherever the process is.
    ///
    /// # Errors
    /// As [`Events::armed`].
    pub fn unarmed() -> Result<Events> {
        Events::collecting(&[])
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

    /// The signal mask from before the loop was armed; a child starts with it.
    pub fn mask_before(&self) -> SigSet {
        self.before
    }

    /// Waits for a signal, one of the watched descriptors, or the deadline. Of several that are there at once it
    /// returns the first in this order. A deadline that has passed already still lets it see what is ready.
    ///
    /// # Errors
    /// A refused poll(2).
    pub fn next(&self, watched: &[Watched<'_>], deadline: Deadline) -> Result<Event> {
        let mut polled = Vec::with_capacity(watched.len() + 1);
        polled.push(PollFd::new(self.signals.as_fd(), PollFlags::POLLIN));
        polled.extend(watched.iter().map(Watched::polled));
        loop {
            match ppoll(&mut polled, left(deadline), None) {
                Ok(0) => return Ok(Event::Deadline),
                Ok(_) => {}
                // SIGCONT after a stop interrupts poll(2) although no handler runs.
                Err(Errno::EINTR) => continue,
                Err(e) => return Err(e).act("wait for", "events"),
            }
            if is_ready(&polled[0])
                && let Some(info) = self.signals.read_signal().act("read", "signals")?
                && let Some(signal) = Signal::new(info.ssi_signo as i32)
            {
                let sent = i32::try_from(info.ssi_pid).ok().filter(|_| info.ssi_code == libc::SI_USER);
                return Ok(Event::Signal(Arrived {
                    signal,
                    from_terminal: info.ssi_code == libc::SI_KERNEL,
                    sender: sent.and_then(pid::numbered),
                }));
            }
            if let Some(place) = polled[1..].iter().position(is_ready) {
                return Ok(Event::Ready(place));
            }
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        // A mask that the kernel gave us cannot be refused.
        let _ = self.before.thread_set_mask();
    }
}

/// Whether the descriptor is readable at this moment.
///
/// # Errors
/// A refused poll(2).
pub fn ready_now(fd: BorrowedFd<'_>) -> Result<bool> {
    let mut polled = [PollFd::new(fd, PollFlags::POLLIN)];
    loop {
        // Without a look at the clock: the first one of a process takes two page faults.
        match ppoll(&mut polled, Some(TimeSpec::new(0, 0)), None) {
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e).act("wait for", "events"),
            Ok(_) => return Ok(is_ready(&polled[0])),
        }
    }
}

/// Waits until the descriptor is readable, or the deadline. It collects no signal meanwhile.
///
/// # Errors
/// A refused poll(2).
pub fn ready_by(fd: BorrowedFd<'_>, deadline: Deadline) -> Result<bool> {
    Ok(first_ready(&[Watched::Read(fd)], deadline)?.is_some())
}

/// Waits until one of the descriptors has something to tell, and gives its place; `None` at the deadline. Signals keep
/// their actions: for a process that has nothing to undo, and may die of one here as anywhere.
///
/// # Errors
/// A refused poll(2).
pub fn first_ready(watched: &[Watched<'_>], deadline: Deadline) -> Result<Option<usize>> {
    Ok(all_ready(watched, deadline)?.first().copied())
}

/// Waits as [`first_ready`] does, and returns the places of all descriptors that are ready; none at the deadline.
///
/// # Errors
/// A refused poll(2).
pub fn all_ready(watched: &[Watched<'_>], deadline: Deadline) -> Result<Vec<usize>> {
    let mut polled: Vec<PollFd> = watched.iter().map(Watched::polled).collect();
    loop {
        match ppoll(&mut polled, left(deadline), None) {
            Err(Errno::EINTR) => {}
            Err(e) => return Err(e).act("wait for", "events"),
            Ok(_) => return Ok((0..polled.len()).filter(|&place| is_ready(&polled[place])).collect()),
        }
    }
}

impl Watched<'_> {
    fn polled(&self) -> PollFd<'_> {
        match *self {
            Watched::Read(fd) => PollFd::new(fd, PollFlags::POLLIN),
            Watched::Write(fd) => PollFd::new(fd, PollFlags::POLLOUT),
        }
    }
}

fn left(deadline: Deadline) -> Option<TimeSpec> {
    deadline.left().map(TimeSpec::from)
}

/// Whether poll(2) has reported anything about the descriptor, also a condition that nix has no name for.
fn is_ready(polled: &PollFd<'_>) -> bool {
    polled.any().unwrap_or(true)
}
