//! Judging what is there, once, to its end: as fast as the machine can.

use crate::report::Origin;
use crate::session::Session;
use crate::waiting::Woken;
use crate::window::ends_of_lines;
use racefree_core::cli::output;
use racefree_core::error::Result;
use racefree_core::event::Arrived;
use racefree_core::event::time::Deadline;
use racefree_core::signal::Signal;
use std::ops::ControlFlow;
use std::time::Duration;

impl Session<'_> {
    /// Reads each log to its end as it is now, and stdin to its end. Unless a signal comes.
    ///
    /// # Errors
    /// As [`Session::finish`].
    pub(crate) fn read_all(&mut self) -> Result<Option<Arrived>> {
        for log in self.logs.iter().filter(|log| !log.is_there()) {
            output::notice(&format!("{} is not there", log.path().display()));
        }
        loop {
            if let Some(arrived) = self.judge_ahead()? {
                return Ok(Some(arrived));
            }
            let busy = self.look()?;
            if self.decided.is_some() || !busy && self.logs.iter().all(|log| log.pipe().is_none()) {
                return Ok(None);
            }
            let until = if busy { Deadline::after(Duration::ZERO) } else { Deadline::NEVER };
            match self.waiting.wait(None, &self.logs, until)? {
                Woken::Signal(arrived) if arrived.signal != Signal::CHLD => return Ok(Some(arrived)),
                _ => {}
            }
        }
    }

    /// Judges what is long enough for it on all processors. Lines that belong together, or are to be shown as the
    /// surroundings of others, are judged in order. Unless a signal comes.
    fn judge_ahead(&mut self) -> Result<Option<Arrived>> {
        if self.judge.has_records() || self.report.has_context() {
            return Ok(None);
        }
        let mut signal = None;
        for log in &mut self.logs {
            let name = log.path().to_owned();
            log.files_mut().judge_ahead(self.judge, &mut |stream, block| {
                signal = self.waiting.signal()?.filter(|arrived| arrived.signal != Signal::CHLD);
                if signal.is_some() || self.first_decides && !block.hits.is_empty() {
                    return Ok(ControlFlow::Break(()));
                }
                if block.hits.is_empty() {
                    return Ok(ControlFlow::Continue(()));
                }
                let (text, mut from) = (block.text(), block.first());
                let mut origin = Origin { log: &name, file: stream.path(), offset: block.offset(), number: None };
                let mut lines = stream.window.lines();
                for hit in &block.hits {
                    lines = lines.map(|count| count + ends_of_lines(&text[from..hit.line.start]));
                    from = hit.line.start;
                    origin.number = lines.map(|count| count + 1);
                    self.report.found(origin, text, hit)?;
                    self.error_seen = true;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(signal)
    }
}
