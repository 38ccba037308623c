//! The deadlock of a lock that an ancestor of this process holds: the ancestor waits for us, and we would wait for it.

use crate::event::deadline::Deadline;
use crate::lock::holders::{AT_MOST, Holder, Holds, holds_by};
use crate::lock::locked_file::LockedFile;
use crate::lock::proc_locks::flocks;
use crate::lock::wait::AGAIN;
use crate::pid;
use crate::process::procfs;
use crate::sys::Alarm;
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::unistd::{Pid, getpid};
use std::cell::LazyCell;
use std::fmt;
use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The processes from the ancestor that holds the lock down to us.
#[derive(Debug)]
pub struct Deadlock(Vec<Holder>);

/// Finds the ancestor that holds this lock, in the time that a look at other processes' descriptors may take. A wait
/// for the lock would be hopeless.
pub fn deadlock(file: &File) -> Option<Deadlock> {
    LockedFile::of(file).ok().and_then(ancestry)
}

fn ancestry(file: LockedFile) -> Option<Deadlock> {
    let time = Deadline::after(AT_MOST);
    let mut chain = vec![getpid()];
    let mut ancestors = ancestors();
    // One reading serves all: the kernel keeps every process from locking any file meanwhile.
    let table = LazyCell::new(|| flocks(&file).unwrap_or_default());
    let eldest = ancestors.iter().rposition(|&pid| match holds_by(pid, file, time) {
        Holds::Yes => true,
        Holds::No => false,
        Holds::Hidden => table.iter().any(|lock| !lock.waits && lock.caller == Some(pid)),
    })?;
    ancestors.truncate(eldest + 1);
    chain.extend(ancestors);
    Some(Deadlock(chain.into_iter().rev().map(Holder::new).collect()))
}

/// The parent of this process, its parent, and so on.
fn ancestors() -> Vec<Pid> {
    let parent_of = |&pid: &Pid| pid::numbered(procfs::stat(pid)?.parent);
    // A chain longer than this is no real one. Parents that change while we climb cannot make the climb endless.
    std::iter::successors(pid::parent(), parent_of).take(1000).collect()
}

/// Whether an ancestor holds the lock, without a look at the table of all locks.
fn seen_in_ancestors(file: LockedFile) -> Holds {
    let time = Deadline::after(AT_MOST);
    let mut seen = Holds::No;
    for pid in ancestors() {
        match holds_by(pid, file, time) {
            Holds::Yes => return Holds::Yes,
            Holds::Hidden => seen = Holds::Hidden,
            Holds::No => {}
        }
    }
    seen
}

/// Looks for a deadlock while this process waits for the lock, from another thread: an interruption would cost the wait its
/// place in the kernel's queue. Only a wait that lasts is looked at.
#[derive(Debug)]
pub(crate) struct Lookout(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
enum State {
    Waiting,
    Over,
    /// The wait is interrupted, again and again, until it is over.
    Hopeless(#[allow(dead_code, reason = "it rings until it is dropped")] Alarm),
}

/// A wait that lasts longer than this is looked at.
const LASTS: Duration = Duration::from_millis(20);

/// A wait that lasts longer than this is looked at in the table of all locks, if an ancestor may not be looked at. With
/// 1,000 waiters the kernel takes milliseconds to write the table, and keeps every process from locking any file
/// meanwhile. If each waiter read it at once, the queue would take twice as long.
const LASTS_LONG: Duration = Duration::from_secs(2);

impl Lookout {
    /// Begins to look. Where there is no thread to be had, nobody looks.
    pub(crate) fn begin(file: &File) -> Lookout {
        let shared = Arc::new(Shared { state: Mutex::new(State::Waiting), changed: Condvar::new() });
        if let Ok(file) = LockedFile::of(file) {
            let theirs = Arc::clone(&shared);
            // The thread that waits gets every signal. Blocking them, and restoring a mask of the kernel's, cannot fail.
            let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK);
            let _ = thread::Builder::new().spawn(move || theirs.look(file));
            let _ = before.map(|mask| mask.thread_set_mask());
        }
        Lookout(shared)
    }

    /// Whether the wait has become hopeless.
    pub(crate) fn is_hopeless(&self) -> bool {
        matches!(*self.0.lock(), State::Hopeless(_))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody panics with the lock held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, file: LockedFile) {
        if self.still_waits_after(LASTS)
            && match seen_in_ancestors(file) {
                Holds::Yes => true,
                Holds::No => false,
                Holds::Hidden => self.still_waits_after(LASTS_LONG) && ancestry(file).is_some(),
            }
        {
            self.give_up();
        }
    }

    fn still_waits_after(&self, time: Duration) -> bool {
        let waits = |state: &mut State| matches!(state, State::Waiting);
        let waited = self.changed.wait_timeout_while(self.lock(), time, waits);
        waits(&mut waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    fn give_up(&self) {
        let mut state = self.lock();
        if matches!(*state, State::Waiting)
            && let Ok(alarm) = Alarm::set(Duration::ZERO, AGAIN)
        {
            *state = State::Hopeless(alarm);
        }
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        *self.0.lock() = State::Over;
        self.0.changed.notify_all();
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain: Vec<String> = self.0.iter().map(Holder::to_string).collect();
        write!(f, "held by an ancestor of this process, so waiting for it would be a deadlock: {}", chain.join(" > "))
    }
}
