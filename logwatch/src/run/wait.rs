//! Waits for growth of the logs, a signal, the end of a process, or a deadline.

use crate::input::budget::SignalWaits;
use crate::input::follower::Follower;
use crate::input::log_names::LogNames;
use crate::input::watch::EventTrust;
use racefree::cli::output;
use racefree::error::Result;
use racefree::event::deadline::{Deadline, Pause};
use racefree::event::inotify::{Inotify, Watch};
use racefree::event::{Arrived, Event, Events, Watched};
use racefree::process::pidfd::PidFd;
use racefree::signal::Signal;
use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// The logs are looked at this often although the kernel sends events.
const LOOK_ANYWAY: Duration = Duration::from_secs(15);

/// The logs are looked at this often where the file system does not send every event.
const LOOK_MORE_OFTEN: Duration = Duration::from_secs(1);

/// The event loop and its watches.
#[derive(Debug)]
pub(crate) struct Waiting {
    events: Events,
    /// Signals that arrived while nobody waited.
    arrived: RefCell<VecDeque<Arrived>>,
    hints: Option<Inotify>,
    watches: BTreeSet<Watch>,
    pause: Pause,
    hinted: EventTrust,
}

/// The event that ended a wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Woken {
    /// The logs may have changed.
    Look,
    /// The process has ended.
    ProcessGone,
    /// A signal has arrived.
    Signal(Arrived),
}

impl Waiting {
    /// Prepares the loop. Signals end the process by their default action unless they are collected.
    ///
    /// # Errors
    /// Descriptors run out.
    pub(crate) fn armed(logs: &[Follower], collects_signals: bool) -> Result<Waiting> {
        let hints = Inotify::new().inspect_err(without_hints).ok();
        // Logs that are taken up later are read once and not watched.
        let hinted = logs.iter().map(Follower::event_trust).max().unwrap_or(EventTrust::Always);
        if hinted == EventTrust::LocalOnly {
            without_hints(&io::Error::other("this file system has none for what others write"));
        }
        let events = if collects_signals { Events::armed_for_orphans()? } else { Events::unarmed()? };
        let (arrived, watches, pause) = (RefCell::default(), BTreeSet::new(), Pause::begin());
        Ok(Waiting { events, arrived, hints, watches, pause, hinted })
    }

    /// The event loop, for the caller that starts a child.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// Drops the events so far: the caller looks at the logs next.
    pub(crate) fn forget_hints(&mut self) {
        if let Some(hints) = &self.hints {
            hints.forget();
        }
    }

    /// Watches the files that the logs are now. True if the watches have changed: the caller must look at the logs once more
    /// before it waits, because something may have happened between its last look and the new watch.
    pub(crate) fn watch(&mut self, followers: &[Follower], names: &LogNames) -> bool {
        let Some(hints) = &self.hints else { return false };
        let watches: io::Result<Vec<_>> = followers.iter().map(|follower| follower.watch(hints)).collect();
        // A directory that does not exist yet is looked for again and again.
        let of_globs = names.directories().into_iter().filter_map(|directory| hints.on_directory(&directory).ok());
        match watches.map(|sets| sets.into_iter().flatten().chain(of_globs).collect::<BTreeSet<Watch>>()) {
            Ok(watches) => {
                let changed = watches != self.watches;
                hints.keep_only(&self.watches, &watches);
                self.watches = watches;
                changed
            }
            Err(e) => {
                without_hints(&e);
                (self.hints, self.pause) = (None, Pause::begin());
                true
            }
        }
    }

    /// Waits until something happens, at most until the deadline.
    ///
    /// # Errors
    /// poll(2) fails.
    pub(crate) fn wait(&self, process: Option<&PidFd>, logs: &[Follower], until: Deadline) -> Result<Woken> {
        if let Some(arrived) = self.arrived.borrow_mut().pop_front() {
            return Ok(Woken::Signal(arrived));
        }
        let hints = self.hints.as_ref().map(|hints| Watched::Read(hints.as_fd()));
        let pipes = logs.iter().filter_map(Follower::pipe).map(Watched::Read);
        let ends = process.map(|process| Watched::Read(process.as_fd()));
        let watched: Vec<Watched> = ends.into_iter().chain(hints).chain(pipes).collect();
        Ok(match self.events.next(&watched, until.or(self.next_look(logs)))? {
            Event::Signal(arrived) => Woken::Signal(arrived),
            Event::Ready(0) if process.is_some() => Woken::ProcessGone,
            Event::Ready(_) | Event::Deadline => Woken::Look,
        })
    }

    fn next_look(&self, logs: &[Follower]) -> Deadline {
        // The kernel always tells when stdin has more.
        if logs.iter().all(|log| log.pipe().is_some()) {
            return Deadline::NEVER;
        }
        let without_a_hint = match self.hinted {
            _ if self.hints.is_none() => self.pause.next(),
            EventTrust::LocalOnly => self.pause.next(),
            EventTrust::NotCopyUp => Deadline::after(LOOK_MORE_OFTEN),
            EventTrust::Always => Deadline::after(LOOK_ANYWAY),
        };
        logs.iter().fold(without_a_hint, |next, log| next.or(log.files().due()))
    }
}

impl SignalWaits for Waiting {
    fn signal_waits(&self) -> bool {
        let mut arrived = self.arrived.borrow_mut();
        // A signal descriptor that cannot be read is reported by the next wait.
        if let Ok(Event::Signal(signal)) = self.events.next(&[], Deadline::after(Duration::ZERO)) {
            arrived.push_back(signal);
        }
        arrived.iter().any(|arrived| arrived.signal != Signal::CHLD)
    }
}

fn without_hints(why: &io::Error) {
    output::detail(|| format!("the kernel gives no hints ({why}), so the logs are looked at again and again"));
}
