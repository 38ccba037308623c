//! Judging what was read: the pieces in their order, and at the end, or after a silence, what is unfinished.

use crate::input::piece::{Piece, ends_of_lines};
use crate::matching::matcher::Verdict;
use crate::output::origin::Origin;
use crate::run::session::Session;
use racefree::error::Result;

impl Session<'_> {
    /// Judges a piece of a file of a log, until a line decides.
    pub(crate) fn judge_piece(&mut self, at: usize, file: usize, piece: &Piece) -> Result<()> {
        let log = &self.logs[at];
        let reader = log.files().reader(file);
        let (base, text) = reader.buffer.lines_of(piece);
        let mut origin =
            Origin { log: log.path(), file: reader.path(), offset: reader.buffer.offset_of(base), number: None };
        let mut lines = reader.buffer.lines();
        let (begin, end) = (piece.range.start - base, piece.range.end - base);
        let (mut counted, mut shown, mut from) = (begin, begin, begin);
        while self.decided.is_none()
            && let Some(hit) = self.matcher.next(text, from)
        {
            lines = lines.map(|count| count + ends_of_lines(&text[counted..hit.line.start]));
            counted = hit.line.start;
            origin.number = lines.map(|count| count + 1);
            from = (hit.line.end + 1).min(end);
            let decides = self.threshold.is_reached_by(hit.verdict);
            // A ready line before the N-th is a line like any other.
            if hit.verdict == Verdict::Ready && !decides {
                continue;
            }
            self.printer.pass(origin, &text[shown..hit.line.start]);
            self.printer.found(origin, &text[..end], &hit.clone().within(end))?;
            shown = from;
            self.error_seen |= decides && hit.verdict != Verdict::Ready;
            self.decided = (decides && self.first_decides).then_some(hit.verdict);
        }
        let decided_here = self.decided.is_some() && self.cursors.is_none();
        let judged_to = if decided_here { from } else { end };
        self.printer.pass(origin, &text[shown..judged_to]);
        self.tails[at].note(&text[begin..judged_to]);
        let reader = self.logs[at].files_mut().reader_mut(file);
        match piece.whole || from > begin {
            true => reader.buffer.judged_to(base + judged_to),
            false => reader.buffer.judged_part(piece),
        }
        if decided_here {
            self.cursors = Some(if self.saves { self.cursors_now()? } else { vec![] });
        }
        Ok(())
    }

    /// Judges the unfinished lines and records after a silence, as they are now. Those that do not decide are judged again, as
    /// a whole, when they have grown: so each is printed and counted once. In an old file nothing is expected to grow.
    pub(crate) fn judge_silent(&mut self) -> Result<()> {
        let (mut threshold, mut found, mut decides) = (self.threshold.clone(), vec![], self.decided.is_some());
        for (at, log) in self.logs.iter().enumerate() {
            for (file, rest) in log.files().rests() {
                let is_old = file + 1 < log.files().count();
                let (base, text) = log.files().reader(file).buffer.lines_of(&rest);
                let mut from = rest.range.start - base;
                while !decides && let Some(hit) = self.matcher.next(text, from) {
                    decides = threshold.is_reached_by(hit.verdict);
                    found.push((at, file, rest.clone(), is_old));
                    from = hit.line.end + 1;
                }
            }
        }
        found.dedup();
        for (at, file, rest, _) in found.iter().filter(|(.., is_old)| decides || *is_old) {
            self.judge_piece(*at, *file, rest)?;
        }
        Ok(())
    }

    /// Judges the unfinished last lines, because this run will not see the rest of them.
    pub(crate) fn judge_rests(&mut self) -> Result<()> {
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
        Ok(())
    }
}
