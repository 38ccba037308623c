//! The watch loop: read, judge, print, wait for more.

use crate::input::cursor::Cursor;
use crate::input::follower::{Follower, Step};
use crate::input::line_buffer::{Piece, ends_of_lines};
use crate::matching::matcher::{Matcher, Verdict};
use crate::output::origin::Origin;
use crate::output::printer::Printer;
use crate::output::tail::Tail;
use crate::run::wait::{Waiting, Woken};
use racefree_core::cli::exit::Exit;
use racefree_core::cli::status_line::StatusLine;
use racefree_core::error::Result;
use racefree_core::event::time::Deadline;
use racefree_core::event::{Arrived, Events};
use racefree_core::process::pidfd::PidFd;
use std::time::Duration;

/// After this much silence the last record is taken for finished.
const RECORD_IS_OVER: Duration = Duration::from_millis(200);

/// What ended a watch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Found,
    /// The process that was watched has ended.
    ProcessGone,
    /// No log can grow any more: stdin has ended.
    NoMore,
    /// The deadline has passed.
    Deadline,
    /// No log has grown for too long.
    Idle,
    /// A signal came.
    Signal(Arrived),
}

/// The limits of a watch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch<'a> {
    /// A process whose end ends the watch.
    pub(crate) process: Option<&'a PidFd>,
    /// The process is COMMAND: a ready line does not end the watch.
    pub(crate) is_command: bool,
    pub(crate) until: Deadline,
    pub(crate) idle: Option<Duration>,
    /// What the status line says.
    pub(crate) awaited: &'a str,
}

/// The logs, the patterns, and the result so far.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) matcher: &'a Matcher,
    pub(crate) printer: Printer<'a>,
    pub(crate) logs: Vec<Follower>,
    tails: Vec<Tail>,
    pub(crate) waiting: Waiting,
    /// The first line that is found decides; otherwise all lines are judged.
    pub(crate) first_decides: bool,
    /// The verdict that decided; later lines are not judged.
    pub(crate) decided: Option<Verdict>,
    /// An error line was seen.
    pub(crate) error_seen: bool,
    /// The places right behind the line that decided.
    cursors: Option<Vec<Cursor>>,
}

impl<'a> Session<'a> {
    /// Prepares the loop. Nothing is read yet.
    pub(crate) fn new(
        matcher: &'a Matcher,
        mut printer: Printer<'a>,
        mut logs: Vec<Follower>,
        show: usize,
        first_decides: bool,
    ) -> Result<Session<'a>> {
        logs.iter().filter(|log| log.gap).for_each(|log| printer.gap(log.path()));
        if printer.counts_lines() {
            logs.iter_mut().for_each(|log| log.files_mut().count_lines());
        }
        let tails = logs.iter().map(|_| Tail::at_most(show)).collect();
        let (waiting, decided, cursors) = (Waiting::armed(&logs)?, None, None);
        Ok(Session { matcher, printer, logs, tails, waiting, first_decides, decided, error_seen: false, cursors })
    }

    /// The event loop, for the caller that starts a child.
    pub(crate) fn events(&self) -> &Events {
        self.waiting.events()
    }

    /// Watches the logs until something ends the watch.
    pub(crate) fn watch(&mut self, stretch: Stretch<'_>) -> Result<End> {
        let mut status = StatusLine::begin();
        let silence = |length: Option<Duration>| length.map_or(Deadline::NEVER, Deadline::after);
        let mut idle = silence(stretch.idle);
        let mut record_over = Deadline::NEVER;
        self.waiting.watch(&self.logs);
        loop {
            status.show(|| stretch.awaited.to_owned());
            self.waiting.forget_hints();
            let busy = self.poll()?;
            self.printer.flush()?;
            if self.decided.is_some_and(|verdict| !stretch.is_command || verdict != Verdict::Ready) {
                return Ok(End::Found);
            }
            if busy {
                idle = silence(stretch.idle);
                record_over = silence(self.matcher.has_records().then_some(RECORD_IS_OVER));
            } else if self.logs.iter().all(Follower::has_ended_for_good) {
                return Ok(End::NoMore);
            } else if record_over.passed() {
                record_over = Deadline::NEVER;
                self.judge_silent_records()?;
                continue;
            } else if self.waiting.watch(&self.logs) {
                continue;
            }
            let again = if busy { Deadline::after(Duration::ZERO) } else { record_over.or(status.due()) };
            match self.waiting.wait(stretch.process, &self.logs, stretch.until.or(idle).or(again))? {
                Woken::Signal(arrived) => return Ok(End::Signal(arrived)),
                Woken::ProcessGone => return Ok(End::ProcessGone),
                Woken::Look if stretch.until.passed() => return Ok(End::Deadline),
                Woken::Look if idle.passed() && !self.poll()? => return Ok(End::Idle),
                Woken::Look => {}
            }
        }
    }

    /// Reads once from each log. True if there may be more to read at once.
    pub(crate) fn poll(&mut self) -> Result<bool> {
        let matcher = self.matcher;
        let last_start = |text: &[u8], from: usize| matcher.last_start(text, from);
        let mut busy = false;
        let undecided = self.decided.is_none();
        for at in 0..self.logs.len() {
            match self.logs[at].step(matcher.has_records().then_some(&last_start))? {
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

    fn judge_piece(&mut self, at: usize, file: usize, piece: &Piece) -> Result<()> {
        let log = &self.logs[at];
        let reader = log.files().reader(file);
        let text = reader.buffer.text_of(piece);
        let mut origin =
            Origin { log: log.path(), file: reader.path(), offset: reader.buffer.offset_of(0), number: None };
        let mut lines = reader.buffer.lines();
        let mut counted = piece.range.start;
        let end = piece.range.end;
        let mut from = piece.range.start;
        while self.decided.is_none()
            && let Some(hit) = self.matcher.next(text, from)
        {
            lines = lines.map(|count| count + ends_of_lines(&text[counted..hit.line.start]));
            counted = hit.line.start;
            origin.number = lines.map(|count| count + 1);
            self.printer.pass(origin, &text[from..hit.line.start]);
            self.printer.found(origin, &text[..end], &hit.clone().within(end))?;
            self.error_seen |= hit.verdict != Verdict::Ready;
            self.decided = self.first_decides.then_some(hit.verdict);
            from = (hit.line.end + 1).min(end);
        }
        let decided_here = self.decided.is_some() && self.cursors.is_none();
        let judged_to = if decided_here { from } else { end };
        self.printer.pass(origin, &text[from..judged_to]);
        self.tails[at].note(&text[piece.range.start..judged_to]);
        let reader = self.logs[at].files_mut().reader_mut(file);
        match piece.whole || from > piece.range.start {
            true => reader.buffer.judged_to(judged_to),
            false => reader.buffer.judged_part(piece),
        }
        if decided_here {
            self.cursors = Some(self.logs.iter().map(|log| log.files().cursor()).collect());
        }
        Ok(())
    }

    fn judge_silent_records(&mut self) -> Result<()> {
        for at in 0..self.logs.len() {
            while let Some((file, record)) = self.logs[at].files().silent_record().filter(|_| self.decided.is_none()) {
                self.judge_piece(at, file, &record)?;
            }
        }
        Ok(())
    }

    /// Reads every log to its end. A last line without newline is judged too, because this run will not see the rest.
    ///
    /// # Errors
    /// The read fails; stdout cannot be written.
    pub(crate) fn finish(&mut self) -> Result<()> {
        // Behind the line that decided only its context is of interest, and the log may be long.
        while !matches!(self.decided, Some(Verdict::Error)) || self.printer.wants_more() {
            if !self.poll()? {
                break;
            }
        }
        for at in 0..self.logs.len() {
            for (file, rest) in self.logs[at].files().rests() {
                let found = self.printer.found_so_far();
                self.judge_piece(at, file, &rest)?;
                if self.printer.found_so_far() == found {
                    // The next run judges the finished line. A line that was found now is not judged again.
                    self.logs[at].files_mut().reader_mut(file).buffer.judged_to(rest.range.start);
                }
            }
        }
        self.printer.count_rest();
        self.printer.flush()
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

    /// The cursor of each log.
    pub(crate) fn cursors(&self) -> Vec<Cursor> {
        self.cursors.clone().unwrap_or_else(|| self.logs.iter().map(|log| log.files().cursor()).collect())
    }

    /// Prints the last lines that the logs have gained.
    pub(crate) fn show_gained(&self) {
        for (log, gained) in self.logs.iter().zip(&self.tails) {
            gained.show(&log.path().display().to_string());
        }
    }
}
