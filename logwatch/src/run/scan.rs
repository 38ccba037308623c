//! `--no-follow`: one pass over the logs, on all processors where the logs are long.

use crate::input::line_buffer::ends_of_lines;
use crate::output::origin::Origin;
use crate::run::session::Session;
use crate::run::wait::Woken;
use racefree_core::cli::exit::Exit;
use racefree_core::cli::output;
use racefree_core::error::Result;
use racefree_core::event::Arrived;
use racefree_core::event::time::Deadline;
use racefree_core::signal::Signal;
use std::ops::ControlFlow;
use std::time::Duration;

/// Judges the logs to their ends.
///
/// # Errors
/// The read fails; stdout cannot be written.
pub(crate) fn scan(session: &mut Session<'_>, ready_wanted: bool) -> Result<Exit> {
    if let Some(arrived) = session.read_all()? {
        return Ok(Exit::Signalled(arrived.signal));
    }
    session.finish()?;
    Ok(session.judgement(ready_wanted))
}

impl Session<'_> {
    /// Reads each log and stdin to the end. Returns the signal that ended the scan, if one did.
    ///
    /// # Errors
    /// As [`Session::finish`].
    pub(crate) fn read_all(&mut self) -> Result<Option<Arrived>> {
        for log in self.logs.iter().filter(|log| !log.is_there()) {
            output::notice(&format!("{} is not there", log.path().display()));
        }
        loop {
            if let Some(arrived) = self.scan_parallel()? {
                return Ok(Some(arrived));
            }
            let busy = self.poll()?;
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

    /// Scans long files on all processors. Records and context need the lines in order, so they exclude the parallel scan.
    /// Returns the signal that ended the scan, if one did.
    fn scan_parallel(&mut self) -> Result<Option<Arrived>> {
        if self.matcher.has_records() || self.printer.has_context() {
            return Ok(None);
        }
        let mut signal = None;
        for log in &mut self.logs {
            let name = log.path().to_owned();
            log.files_mut().scan_parallel(self.matcher, &mut |reader, block| {
                signal = self.waiting.signal()?.filter(|arrived| arrived.signal != Signal::CHLD);
                if signal.is_some() || self.first_decides && !block.hits.is_empty() {
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
                    self.error_seen = true;
                }
                Ok(ControlFlow::Continue(()))
            })?;
        }
        Ok(signal)
    }
}
