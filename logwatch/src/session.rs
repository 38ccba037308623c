//! Watching: reads whatever comes, has it judged, and waits for more, until something ends it.

use crate::follower::{Follower, Step};
use crate::judge::{Judge, Verdict};
use crate::report::{self, Gained};
use racefree_core::error::Result;
use racefree_core::events::{Arrived, Event, Events, Watched};
use racefree_core::inotify::{Hints, Watch};
use racefree_core::process::Process;
use racefree_core::time::{Deadline, Pause};
use racefree_core::voice::{self, StatusLine};
use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::time::Duration;

/// How often we look by ourselves although the kernel hints: some file systems hint at nothing, or not at everything.
const LOOK_ANYWAY: Duration = Duration::from_secs(15);

/// What ended a stretch of watching.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// A line decided.
    Found,
    /// A process ended that was watched too.
    ProcessGone,
    /// The time is over.
    Deadline,
    /// A signal came.
    Signal(Arrived),
}

/// The logs, what is looked for in them, and what came of it so far.
pub(crate) struct Session<'a> {
    judge: &'a Judge,
    followers: Vec<Follower>,
    events: Events,
    hints: Option<Hints>,
    watches: BTreeSet<Watch>,
    gained: Vec<Gained>,
    /// What decided; from then on lines are only counted as gained.
    pub(crate) decided: Option<Verdict>,
}

impl<'a> Session<'a> {
    /// Arms the loop. Nothing has been read yet.
    pub(crate) fn new(judge: &'a Judge, followers: Vec<Follower>, show: usize) -> Result<Session<'a>> {
        let hints = Hints::new();
        if let Err(e) = &hints {
            voice::detail(|| format!("no hints from the kernel, so looking again and again: {e}"));
        }
        let gained = followers.iter().map(|_| Gained::at_most(show)).collect();
        let events = Events::armed_for_orphans()?;
        Ok(Session { judge, followers, events, hints: hints.ok(), watches: BTreeSet::new(), gained, decided: None })
    }

    /// The loop, for whoever starts a child.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// Watches until something ends it. `awaited` says what is waited for, for people.
    pub(crate) fn watch(&mut self, process: Option<&Process>, until: Deadline, awaited: &str) -> Result<End> {
        let mut status = StatusLine::begin();
        let mut pause = Pause::begin();
        self.rewatch();
        loop {
            status.show(|| awaited.to_owned());
            if let Some(hints) = &self.hints {
                hints.forget();
            }
            let busy = self.look()?;
            // While COMMAND runs a ready line ends nothing.
            if self.decided.is_some_and(|verdict| process.is_none() || verdict != Verdict::Ready) {
                return Ok(End::Found);
            }
            if busy {
                pause = Pause::begin();
            } else if self.rewatch() {
                // Something may have come between the last look and the new watch.
                continue;
            }
            let next = if busy { Deadline::after(Duration::ZERO) } else { self.next_look(&pause).or(status.due()) };
            match self.wait(process, until.or(next))? {
                Some(end) => return Ok(end),
                None if until.passed() => return Ok(End::Deadline),
                None => {}
            }
        }
    }

    fn wait(&self, process: Option<&Process>, until: Deadline) -> Result<Option<End>> {
        let process = process.map(|process| Watched::Read(process.as_fd()));
        let hints = self.hints.as_ref().map(|hints| Watched::Read(hints.as_fd()));
        let first_is_process = process.is_some();
        let watched: Vec<Watched> = process.into_iter().chain(hints).collect();
        Ok(match self.events.next(&watched, until)? {
            Event::Signal(arrived) => Some(End::Signal(arrived)),
            Event::Ready(0) if first_is_process => Some(End::ProcessGone),
            Event::Ready(_) | Event::Deadline => None,
        })
    }

    fn next_look(&self, pause: &Pause) -> Deadline {
        let without_a_hint = if self.hints.is_some() { Deadline::after(LOOK_ANYWAY) } else { pause.next() };
        self.followers.iter().fold(without_a_hint, |next, follower| next.or(follower.due()))
    }

    /// Has the kernel hint at what the logs are now; whether that has changed.
    fn rewatch(&mut self) -> bool {
        let Some(hints) = &self.hints else { return false };
        let watches: std::io::Result<Vec<_>> = self.followers.iter().map(|follower| follower.watch(hints)).collect();
        match watches.map(|sets| sets.into_iter().flatten().collect::<BTreeSet<Watch>>()) {
            Ok(watches) => {
                let changed = watches != self.watches;
                hints.keep_only(&self.watches, &watches);
                self.watches = watches;
                changed
            }
            Err(e) => {
                voice::detail(|| format!("no hints from the kernel, so looking again and again: {e}"));
                self.hints = None;
                true
            }
        }
    }

    /// One look at each log; whether there may be more at once.
    fn look(&mut self) -> Result<bool> {
        let mut busy = false;
        for at in 0..self.followers.len() {
            match self.followers[at].step()? {
                Step::Judge(file, piece) => {
                    self.judge_piece(at, file, piece)?;
                    busy = true;
                }
                Step::Again => busy = true,
                Step::Idle => {}
            }
            if self.decided.is_some_and(|verdict| verdict != Verdict::Ready) {
                break;
            }
        }
        Ok(busy)
    }

    fn judge_piece(&mut self, at: usize, file: usize, piece: crate::stream::Piece) -> Result<()> {
        let stream = self.followers[at].stream(file);
        let text = stream.text(&piece);
        let hit = if self.decided.is_none() { self.judge.next(text, piece.range.start) } else { None };
        let judged_to = match &hit {
            Some(hit) => (hit.line.end + 1).min(piece.range.end),
            None => piece.range.end,
        };
        self.gained[at].note(&text[piece.range.start..judged_to]);
        if let Some(hit) = hit {
            self.decided = Some(hit.verdict);
            report::found(&text[hit.line.start..hit.line.end.min(piece.range.end)], hit.verdict)?;
        } else if !piece.whole {
            self.followers[at].stream_mut(file).judged_part(&piece);
            return Ok(());
        }
        self.followers[at].stream_mut(file).judged_to(judged_to);
        Ok(())
    }

    /// Judges what is there to its end, and the unfinished lines.
    pub(crate) fn finish(&mut self) -> Result<()> {
        while self.look()? {}
        for at in 0..self.followers.len() {
            while let Some((file, rest)) = self.followers[at].rest() {
                self.judge_piece(at, file, rest)?;
            }
        }
        Ok(())
    }

    /// Shows what the logs have gained.
    pub(crate) fn show_gained(&self) {
        for (follower, gained) in self.followers.iter().zip(&self.gained) {
            gained.show(&follower.path().display().to_string());
        }
    }
}
