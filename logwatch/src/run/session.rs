//! The watch loop: read, judge, print, wait for more.

use crate::input::budget::{Budget, SignalWaits};
use crate::input::cursor::Cursor;
use crate::input::cursor_file::CursorFile;
use crate::input::follower::{Follower, Step};
use crate::input::log_names::LogNames;
use crate::matching::matcher::{Matcher, Verdict};
use crate::output::printer::Printer;
use crate::output::tail::Tail;
use crate::run::threshold::Threshold;
use crate::run::wait::Waiting;
use racefree::cli::exit::Exit;
use racefree::cli::output;
use racefree::error::Result;
use racefree::event::Events;
use racefree::event::deadline::Deadline;
use std::path::PathBuf;

/// The rules of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// The first line that is found decides; otherwise all lines are judged.
    pub(crate) first_decides: bool,
    /// If COMMAND fails this many of the last lines are shown.
    pub(crate) tail_lines: usize,
    /// A later run goes on where this one ends.
    pub(crate) saves: bool,
    /// There is something to undo or to save before this process ends.
    pub(crate) collects_signals: bool,
}

/// The logs, the patterns, and the result so far.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) matcher: &'a Matcher,
    pub(crate) printer: Printer<'a>,
    pub(crate) names: LogNames,
    pub(crate) logs: Vec<Follower>,
    tail_lines: usize,
    pub(crate) tails: Vec<Tail>,
    pub(crate) waiting: Waiting,
    /// The first line that is found decides; otherwise all lines are judged.
    pub(crate) first_decides: bool,
    /// How many lines it takes to decide.
    pub(crate) threshold: Threshold,
    /// The verdict that decided; later lines are not judged.
    pub(crate) decided: Option<Verdict>,
    /// As many error lines were seen as it takes.
    pub(crate) error_seen: bool,
    /// The places right behind the line that decided.
    pub(crate) cursors: Option<Vec<(PathBuf, Cursor)>>,
    /// The cursors of the logs that were read to their ends and laid down.
    done: Vec<(PathBuf, Cursor)>,
    /// A later run goes on where this one ends.
    pub(crate) saves: bool,
}

impl<'a> Session<'a> {
    /// Prepares the loop. Nothing is read yet.
    pub(crate) fn new(
        matcher: &'a Matcher,
        printer: Printer<'a>,
        names: LogNames,
        mut logs: Vec<Follower>,
        threshold: Threshold,
        rules: Rules,
    ) -> Result<Session<'a>> {
        if printer.counts_lines() {
            logs.iter_mut().for_each(|log| log.files_mut().count_lines());
        }
        let tails = logs.iter().map(|_| Tail::at_most(rules.tail_lines)).collect();
        let waiting = Waiting::armed(&logs, rules.collects_signals)?;
        let Rules { first_decides, tail_lines, saves, .. } = rules;
        let (decided, error_seen, cursors, done) = (None, false, None, vec![]);
        Ok(Session {
            matcher,
            printer,
            names,
            logs,
            tail_lines,
            tails,
            waiting,
            first_decides,
            threshold,
            decided,
            error_seen,
            cursors,
            done,
            saves,
        })
    }

    /// The event loop, for the caller that starts a child.
    pub(crate) fn events(&self) -> &Events {
        self.waiting.events()
    }

    /// Follows the logs that have appeared since the last look, from their beginnings. True if there is one.
    pub(super) fn follow_new(&mut self) -> Result<bool> {
        if !self.names.have_globs() {
            return Ok(false);
        }
        let known = self.logs.iter().map(|log| log.path().to_owned()).collect();
        let new = self.names.appeared(&known);
        for log in &new {
            let mut follower = Follower::from_start(self.names.of(log))?;
            if self.printer.counts_lines() {
                follower.files_mut().count_lines();
            }
            self.logs.push(follower);
            self.tails.push(Tail::at_most(self.tail_lines));
        }
        Ok(!new.is_empty())
    }

    /// Reads once from each log. True if there may be more to read at once. A search in archives ends at the deadline.
    pub(crate) fn poll(&mut self, until: Deadline) -> Result<bool> {
        let matcher = self.matcher;
        let last_start = |text: &[u8], from: usize| matcher.last_start(text, from);
        let mut busy = false;
        let undecided = self.decided.is_none();
        for at in 0..self.logs.len() {
            let step = self.logs[at]
                .step(matcher.has_records().then_some(&last_start), &Budget::until(until).or_signal(&self.waiting))?;
            if self.logs[at].take_gap() {
                self.printer.gap(self.logs[at].path());
            }
            match step {
                Step::Judge(file, piece) => {
                    self.judge_piece(at, file, &piece)?;
                    busy = true;
                }
                Step::More => busy = true,
                Step::Idle => {}
            }
            // A line of the next log is later than the one that decided.
            if undecided && self.decided.is_some() {
                break;
            }
        }
        Ok(busy)
    }

    /// Reads every log to its end as it is now, at most until the deadline. A last line without newline is judged too,
    /// because this run will not see the rest.
    ///
    /// # Errors
    /// The read fails; stdout cannot be written.
    pub(crate) fn finish(&mut self, until: Deadline) -> Result<()> {
        self.read_to_ends(until)?;
        self.judge_rests()?;
        self.printer.flush()
    }

    /// Reads every log to its end as it is now, at most until the deadline. What is unfinished is left to be judged.
    ///
    /// # Errors
    /// The read fails; stdout cannot be written.
    pub(crate) fn read_to_ends(&mut self, until: Deadline) -> Result<()> {
        let ends: Vec<_> = self.logs.iter().map(|log| log.files().ends()).collect();
        // Behind the line that decided only its context is of interest, and the log may be long.
        while !matches!(self.decided, Some(Verdict::Error)) || self.printer.wants_more() {
            let has_more = self.poll(until)?;
            let all_read = self.logs.iter().zip(&ends).all(|(log, ends)| log.has_read_to(ends));
            if !has_more || all_read || until.passed() || self.waiting.signal_waits() {
                break;
            }
        }
        Ok(())
    }

    /// True if nothing has been decided, or the context of the line that decided is not yet printed.
    pub(crate) fn wants_more(&self) -> bool {
        self.decided.is_none() || self.printer.wants_more()
    }

    /// The exit code that the lines judged so far lead to.
    pub(crate) fn judgement(&self, ready_wanted: bool) -> Exit {
        match self.decided {
            _ if self.error_seen => Exit::No,
            Some(Verdict::Ready) => Exit::Done,
            _ if ready_wanted => Exit::No,
            _ => Exit::Done,
        }
    }

    /// Takes up a log: it is the only one that is read now.
    pub(crate) fn take_up(&mut self, mut log: Follower) {
        if self.printer.counts_lines() {
            log.files_mut().count_lines();
        }
        (self.logs, self.tails) = (vec![log], vec![Tail::at_most(0)]);
    }

    /// Lays down the logs that are read now, after their lines were printed, and notes their cursors.
    ///
    /// # Errors
    /// A log exists and cannot be looked at.
    pub(crate) fn lay_down(&mut self) -> Result<()> {
        if self.saves {
            self.done.extend(self.cursors_now()?);
        }
        self.logs.clear();
        Ok(())
    }

    /// Saves the cursor of each log: behind the line that decided, or where judging goes on. A run that failed to read or to
    /// print saves only those of the logs that were done before: a later run judges the other lines again.
    ///
    /// # Errors
    /// The file cannot be written; a log exists and cannot be looked at.
    pub(crate) fn note_in(self, file: CursorFile, succeeded: bool) -> Result<()> {
        let mut cursors = self.done.clone();
        if succeeded {
            cursors.extend(self.cursors.clone().map_or_else(|| self.cursors_now(), Ok)?);
        }
        if cursors.is_empty() { Ok(()) } else { file.note(cursors) }
    }

    /// The cursor of each log for where judging goes on now.
    ///
    /// # Errors
    /// A log exists and cannot be looked at.
    pub(crate) fn cursors_now(&self) -> Result<Vec<(PathBuf, Cursor)>> {
        self.logs.iter().map(|log| Ok((log.path().to_owned(), log.cursor()?))).collect()
    }

    /// Says of each log that it does not exist and never did while it was watched.
    pub(crate) fn say_what_never_came(&self) {
        for log in self.logs.iter().filter(|log| !log.was_there()) {
            output::error(&format!("{} is not there", log.path().display()));
        }
    }

    /// Prints the last lines that the logs have gained.
    pub(crate) fn show_gained(&self) {
        for (log, gained) in self.logs.iter().zip(&self.tails) {
            gained.show(&log.path().display().to_string());
        }
    }
}
