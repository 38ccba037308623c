//! Finds out, on all processors, which parts of a long log need not be judged, for there is nothing in them.
//!
//! What is left is judged in order, in one thread, as if there were no sieve. It only ever skips what one search has
//! shown to be clean.

use crate::stream::{Look, Stream};
use racefree_core::error::{Doing, Result};
use regex::bytes::Regex;
use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::thread;

/// So much is sieved at once: long enough to make threads worth it, short enough for a signal to be seen soon.
const WINDOW: u64 = 64 << 20;

/// Less than this is not worth a thread.
const WORTHWHILE: u64 = 8 << 20;

/// More threads than this only wait for memory.
const THREADS: usize = 8;

/// What is known of a file beyond the place where it is being judged.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    /// The parts in which something was found, in order; all else before `known_to` is clean.
    dirty: VecDeque<Range<u64>>,
    known_to: u64,
    /// Where most is dirty the sieve only costs: not before this place again.
    not_before: u64,
}

impl Sieve {
    /// Skips what holds nothing, if something is known or can be found out.
    ///
    /// # Errors
    /// A failed read.
    pub(crate) fn skip_clean(&mut self, stream: &mut Stream, any: &Regex) -> Result<()> {
        // In the middle of a line longer than any buffer the rest of it is still to be judged.
        if !stream.is_at_start_of_line() {
            return Ok(());
        }
        let at = stream.position();
        while self.dirty.front().is_some_and(|part| part.end <= at) {
            self.dirty.pop_front();
        }
        if at >= self.known_to {
            self.look_ahead(stream, any)?;
        }
        let next = self.dirty.front().map_or(self.known_to, |part| part.start);
        if next > at { stream.jump_to(next) } else { Ok(()) }
    }

    fn look_ahead(&mut self, stream: &Stream, any: &Regex) -> Result<()> {
        let at = stream.position();
        let Some(file) = stream.file().filter(|_| at >= self.not_before) else {
            return Ok(());
        };
        let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
        let ahead = file.metadata().doing("look at", stream.path().display())?.len().saturating_sub(at).min(WINDOW);
        if threads == 1 || ahead < WORTHWHILE {
            return Ok(());
        }
        let share = ahead.div_ceil(threads as u64);
        let shares = (0..threads as u64).map(|n| at + n * share..(at + (n + 1) * share).min(at + ahead));
        let path = stream.path();
        let sieved: Vec<Result<Sieved>> = thread::scope(|scope| {
            let sieve = |share: Range<u64>| scope.spawn(|| sieve(file, path, share, any.clone()));
            let running: Vec<_> = shares.map(sieve).collect();
            running.into_iter().map(|thread| thread.join().unwrap_or_else(|p| std::panic::resume_unwind(p))).collect()
        });
        self.dirty.clear();
        for part in sieved {
            let part = part?;
            self.dirty.extend(part.dirty);
            self.known_to = part.known_to;
        }
        let dirty: u64 = self.dirty.iter().map(|part| part.end - part.start).sum();
        if dirty > ahead / 2 {
            self.not_before = at + 4 * WINDOW;
        }
        Ok(())
    }
}

struct Sieved {
    dirty: Vec<Range<u64>>,
    known_to: u64,
}

/// Searches the lines that begin in `share`; the one that it begins within belongs to the share before.
fn sieve(file: &File, path: &Path, share: Range<u64>, any: Regex) -> Result<Sieved> {
    let mut stream = Stream::of_file(file.try_clone().doing("share", path.display())?, path, share.start)?;
    let mut dirty = vec![];
    while stream.position() < share.end {
        match stream.look(None)? {
            Look::Piece(piece) if piece.whole => {
                let end = stream.offset_of(piece.range.end);
                if any.is_match_at(stream.text(&piece), piece.range.start) {
                    dirty.push(stream.offset_of(piece.range.start)..end);
                }
                stream.judged_to(piece.range.end);
            }
            Look::Unfinished => {}
            Look::End => break,
            // Whatever it is, judging it in order knows what to do.
            Look::Piece(_) | Look::Later | Look::Truncated => {
                dirty.push(stream.position()..share.end);
                break;
            }
        }
    }
    Ok(Sieved { dirty, known_to: stream.position().min(share.end).max(share.start) })
}
