//! Notices of the crate while it works: decisions, warnings, and the object of a long wait.
//!
//! A utility installs a listener once, at its start. Without a listener, as in a daemon that uses the crate as a
//! library, the crate writes and shows nothing.

use std::sync::OnceLock;

/// The receiver of the notices.
pub trait Listener: Sync {
    /// Whether the listener wants decisions. The crate makes their text only then.
    fn wants_decisions(&self) -> bool;

    /// Receives a decision that a race forced; `race` is its id in docs/races.md.
    fn decision(&self, race: &'static str, what: &str);

    /// Receives an error after which the work goes on.
    fn warning(&self, error: &anyhow::Error);

    /// Calls `wait`, which blocks. The listener may show meanwhile what is awaited.
    fn waiting(&self, awaited: &(dyn Fn() -> String + Sync), wait: &mut dyn FnMut());
}

static LISTENER: OnceLock<&'static dyn Listener> = OnceLock::new();

/// Installs the listener of this process. The first one stays.
pub fn install(listener: &'static dyn Listener) {
    // A second listener would come from a second `main` in one process.
    let _ = LISTENER.set(listener);
}

/// Reports a decision that the race with this id forced.
pub fn decision(race: &'static str, what: impl FnOnce() -> String) {
    if let Some(listener) = LISTENER.get().filter(|listener| listener.wants_decisions()) {
        listener.decision(race, &what());
    }
}

/// Reports an error after which the work goes on.
pub fn warning(error: &anyhow::Error) {
    if let Some(listener) = LISTENER.get() {
        listener.warning(error);
    }
}

/// Calls `wait`, which blocks, and lets the listener show what is awaited.
pub fn while_waiting<T>(awaited: impl Fn() -> String + Sync, wait: impl FnOnce() -> T) -> T {
    let Some(listener) = LISTENER.get() else { return wait() };
    let (mut wait, mut answer) = (Some(wait), None);
    listener.waiting(&awaited, &mut || answer = wait.take().map(|wait| wait()));
    answer.expect("a listener calls `wait` once")
}
