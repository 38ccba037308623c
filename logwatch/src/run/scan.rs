//! `--no-follow`: one pass over the logs, on all processors where the logs are long.

use crate::input::budget::Budget;
use crate::input::inode;
use crate::input::piece::ends_of_lines;
use crate::input::reader::Reader;
use crate::output::origin::Origin;
use crate::run::begin::Beginnings;
use crate::run::session::Session;
use crate::run::watch_loop::SILENCE;
use racefree::cli::exit::Exit;
use racefree::error::Result;
use racefree::event::deadline::Deadline;
use std::ops::ControlFlow;
use std::time::Duration;

/// A log may be written to so often that its last line is never silent.
const PATIENCE: Duration = Duration::from_secs(1);

/// Judges the logs to their ends, one after the other, so that one file is open at a time.
///
/// # Errors
/// A log cannot be read; stdout cannot be written.
pub(crate) fn scan(session: &mut Session<'_>, begin: &Beginnings<'_>, ready_wanted: bool) -> Result<Exit> {
    for at in 0..begin.count() {
        session.take_up(begin.follow(at, &Budget::until(Deadline::NEVER))?);
        session.read_all()?;
        session.finish(Deadline::NEVER)?;
        if session.decided.is_some() {
            break;
        }
        session.lay_down()?;
    }
    Ok(session.judgement(ready_wanted))
}

impl Session<'_> {
    /// Reads each log and stdin to the end.
    ///
    /// # Errors
    /// As [`Session::finish`].
    pub(crate) fn read_all(&mut self) -> Result<()> {
        self.say_what_never_came();
        let patience = Deadline::after(PATIENCE);
        loop {
            self.scan_parallel()?;
            let busy = self.poll(Deadline::NEVER)?;
            if self.decided.is_some() {
                return Ok(());
            }
            let silent_at = self.last_lines_are_silent_at();
            if !busy && self.logs.iter().all(|log| log.pipe().is_none()) && (silent_at.passed() || patience.passed()) {
                return Ok(());
            }
            if !busy {
                self.waiting.wait(None, &self.logs, silent_at)?;
            }
        }
    }

    /// When the last record of each log, or its unfinished last line in which something is found, has been silent for so long
    /// that it is taken for finished.
    fn last_lines_are_silent_at(&self) -> Deadline {
        let unfinished = |reader: &&Reader| match reader.buffer.rest() {
            Some(rest) if reader.file().is_some() => {
                let (base, text) = reader.buffer.lines_of(&rest);
                self.matcher.has_records() || self.matcher.next(text, rest.range.start - base).is_some()
            }
            _ => false,
        };
        let age = |reader: &Reader| Duration::from_nanos(inode::now().saturating_sub(reader.modified()));
        let readers = self.logs.iter().flat_map(|log| log.files().readers());
        let youngest = readers.filter(unfinished).map(age).min().unwrap_or(SILENCE);
        Deadline::after(SILENCE.saturating_sub(youngest))
    }

    /// Scans long files on all processors. Records and context need the lines in order, so they exclude the parallel scan.
    fn scan_parallel(&mut self) -> Result<()> {
        if self.matcher.has_records() || self.printer.has_context() {
            return Ok(());
        }
        for log in &mut self.logs {
            let name = log.path().to_owned();
            log.files_mut().scan_parallel(self.matcher, &mut |reader, block| {
                if self.first_decides && !block.hits.is_empty() {
                    return Ok(ControlFlow::Break(()));
                }
                if block.hits.is_empty() {
                    return Ok(ControlFlow::Continue(()));
                }
                let (text, mut from) = (block.text(), block.first());
                let mut origin = Origin { log: &name, file: reader.path(), offset: block.offset(), number: None };
                let mut lines = reader.buffer.lines();
                for hit in &block.hits {
                    lines = lines.map(|count| count + ends_of_lines(&text[from..hit.line.start]));
                    from = hit.line.start;
                    origin.number = lines.map(|count| count + 1);
                    self.printer.found(origin, text, hit)?;
                    self.error_seen |= self.threshold.is_reached_by(hit.verdict);
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(())
    }
}
