//! A long log, judged on all processors at once, in blocks of whole lines that are handed over in the order of the log.
//!
//! Each processor has its own share of the blocks, and is never more than a few of them ahead. What is not plain (a line
//! that fills a block, a file that has become shorter) ends the reading ahead: judging in order knows what to do.

use crate::input::line_buffer::PROOF;
use crate::input::line_buffer::ends_of_lines;
use crate::input::reader::Reader;
use crate::matching::matcher::{Hit, Matcher};
use memchr::memchr;
use racefree_core::error::{Context, Result};
use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// So much is read at once: few calls, and still in the processor's cache when it is searched.
const BLOCK: u64 = 256 << 10;

/// How much more is read at a time to have the end of the last line.
const MORE: usize = 4 << 10;

/// A last line that needs more of it than this is not plain.
const AT_MOST: usize = 16;

/// How many blocks may wait to be handed over, for each processor.
const WAITING: usize = 4;

/// Less than this is not worth a thread.
const WORTHWHILE: u64 = 8 << 20;

/// More threads than this only wait for memory.
const THREADS: u64 = 8;

/// Lines that were judged.
#[derive(Debug)]
pub(crate) struct Block {
    /// Where they are in the file.
    pub(crate) lines: Range<u64>,
    room: Vec<u8>,
    length: usize,
    /// How many lines end in them, where they are counted.
    pub(crate) ends: u64,
    /// What was found, by its place in the text.
    pub(crate) hits: Vec<Hit>,
}

/// A parallel scan of one file.
#[derive(Debug, Default)]
pub(crate) struct ParallelScan {
    /// What comes before this place was not plain.
    not_before: u64,
}

impl ParallelScan {
    /// Judges the rest of a file as far as it is long and plain, and takes the reader there. `each` sees what was judged,
    /// and may end it before that is passed.
    ///
    /// # Errors
    /// A failed read, and those of `each`.
    pub(crate) fn scan(
        &mut self,
        reader: &mut Reader,
        matcher: &Matcher,
        each: &mut dyn FnMut(&Reader, &Block) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64).min(THREADS);
        let left = reader.left().act("look at", reader.path().display())?;
        let begin = reader.buffer.position();
        let worthwhile =
            threads > 1 && left >= WORTHWHILE && begin >= self.not_before && reader.buffer.is_at_start_of_line();
        let Some(file) = reader.file().filter(|_| worthwhile) else { return Ok(()) };
        let file = &file.try_clone().act("share", reader.path().display())?;
        self.not_before = begin + WORTHWHILE;
        let counts = reader.buffer.lines().is_some();
        thread::scope(|scope| {
            let start = |number| {
                let (blocks, spares) = (sync_channel(WAITING), channel());
                let (matcher, room) = (matcher.clone(), vec![]);
                let worker = Worker { file, matcher, begin, counts, spares: spares.1, room };
                scope.spawn(move || worker.work((number..left / BLOCK).step_by(threads as usize), &blocks.0));
                (blocks.1, spares.0)
            };
            let workers: Vec<_> = (0..threads).map(start).collect();
            hand_over(&workers, reader, each)
        })
    }
}

type Handed = (Receiver<Block>, Sender<Vec<u8>>);

fn hand_over(
    workers: &[Handed],
    reader: &mut Reader,
    each: &mut dyn FnMut(&Reader, &Block) -> Result<ControlFlow<()>>,
) -> Result<()> {
    for (blocks, spares) in workers.iter().cycle() {
        // A worker that has gone has come to the end, or to what is not plain.
        let Ok(block) = blocks.recv() else { break };
        // Asked after the block was read: had the file been truncated before, it would not be what it was.
        if block.lines.start != reader.buffer.position()
            || !reader.is_still_the_same()?
            || each(reader, &block)?.is_break()
        {
            break;
        }
        reader.buffer.pass_to(block.lines.end, &block.text()[block.length - PROOF..], block.ends);
        // The worker may have ended; then it needs no room any more.
        let _ = if block.hits.is_empty() { Ok(()) } else { spares.send(block.room) };
    }
    Ok(())
}

struct Worker<'a> {
    file: &'a File,
    matcher: Matcher,
    begin: u64,
    /// Whether lines are counted.
    counts: bool,
    /// Room that is not needed any more.
    spares: Receiver<Vec<u8>>,
    room: Vec<u8>,
}

impl Worker<'_> {
    fn work(mut self, numbers: impl Iterator<Item = u64>, blocks: &SyncSender<Block>) {
        for number in numbers {
            let Some(block) = self.block(number) else { return };
            if blocks.send(block).is_err() {
                return;
            }
        }
    }

    /// Judges the lines that begin in this block; nothing, where it is not plain.
    fn block(&mut self, number: u64) -> Option<Block> {
        let start = self.begin + number * BLOCK;
        // With the byte before, which tells whether a line begins here.
        let from = start - u64::from(number > 0);
        let length = (start + BLOCK - from) as usize;
        let room = BLOCK as usize + 1 + AT_MOST * MORE;
        if self.room.is_empty() {
            self.room = self.spares.try_recv().unwrap_or_else(|_| vec![0; room]);
        }
        self.file.read_exact_at(&mut self.room[..length], from).ok()?;
        let first = if number > 0 { memchr(b'\n', &self.room[..length - 1])? + 1 } else { 0 };
        let end = self.end_of_line(from, length)?;
        let text = &self.room[..end];
        let mut hits = vec![];
        let mut next = first;
        while let Some(hit) = self.matcher.next(text, next) {
            next = hit.line.end + 1;
            hits.push(hit);
        }
        let lines = from + first as u64..from + end as u64;
        let ends = if self.counts { ends_of_lines(&text[first..]) } else { 0 };
        Some(match hits.is_empty() {
            // The bytes that prove the place, wherever the first line begins.
            true => Block { lines, room: text[end - PROOF..].to_vec(), length: PROOF, ends, hits },
            false => Block { lines, room: std::mem::take(&mut self.room), length: end, ends, hits },
        })
    }

    /// The end of the line in which the block ends.
    fn end_of_line(&mut self, from: u64, length: usize) -> Option<usize> {
        if self.room[length - 1] == b'\n' {
            return Some(length);
        }
        (0..AT_MOST).map(|step| length + step * MORE).find_map(|at| {
            let count = self.file.read_at(&mut self.room[at..at + MORE], from + at as u64).ok()?;
            memchr(b'\n', &self.room[at..at + count]).map(|newline| at + newline + 1)
        })
    }
}

impl Block {
    /// The lines; only the last bytes of them, where nothing was found.
    pub(crate) fn text(&self) -> &[u8] {
        &self.room[..self.length]
    }

    /// Where in the text the lines begin, where something was found.
    pub(crate) fn first(&self) -> usize {
        (self.lines.start - self.offset()) as usize
    }

    /// Where in the file the text begins.
    pub(crate) fn offset(&self) -> u64 {
        self.lines.end - self.length as u64
    }
}
