//! What the crate tells while it works: decisions, warnings, and what a long wait is for.
//!
//! A utility installs a listener once, at its start. Without one, as in a daemon that uses the crate as a library, nothing
//! is said and nothing is shown.

use std::sync::OnceLock;

/// Who is told.
pub trait Listener: Sync {
    /// Whether decisions are to be told: their text is made only then.
    fn wants_decisions(&self) -> bool;

    /// A decision was taken because of a race; `race` is its id in docs/races.md.
    fn decision(&self, race: &'static str, what: &str);

    /// Something went wrong, and the work goes on.
    fn warning(&self, error: &anyhow::Error);

    /// Calls `wait`, which blocks, and may show meanwhile what is awaited.
    fn waiting(&self, awaited: &(dyn Fn() -> String + Sync), wait: &mut dyn FnMut());
}

static LISTENER: OnceLock<&'static dyn Listener> = OnceLock::new();

/// Installs the listener of this process. The first one stays.
pub fn install(listener: &'static dyn Listener) {
    // A second listener would come from a second `main` in one process.
    let _ = LISTENER.set(listener);
}

/// Tells that a decision was taken because of the race with this id.
pub fn decision(race: &'static str, what: impl FnOnce() -> String) {
    if let Some(listener) = LISTENER.get().filter(|listener| listener.wants_decisions()) {
        listener.decision(race, &what());
    }
}

/// Tells of an error after which the work goes on.
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
