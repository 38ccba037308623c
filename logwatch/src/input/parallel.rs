//! Judges a long file on several processors, in blocks of whole lines. The caller receives the blocks in their order.
//!
//! Each thread takes every N-th block and runs at most a few blocks ahead of the caller. A line that fills a block or a file
//! that became shorter ends the parallel scan; the caller then reads on in order.

use crate::input::line_buffer::PROOF;
use crate::input::piece::ends_of_lines;
use crate::input::reader::Reader;
use crate::input::source::proof_of;
use crate::matching::matcher::{Hit, Matcher};
use memchr::memchr;
use racefree::error::{Context, Result};
use std::fs::File;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// The length of a block: few system calls, and the block is still in the processor's cache when it is searched.
const BLOCK: u64 = 256 << 10;

/// The search for the end of the last line reads this much at a time,
const MORE: usize = 4 << 10;

/// and at most this many times.
const AT_MOST: usize = 16;

/// The number of blocks of one thread that may wait for the caller.
const WAITING: usize = 4;

/// A shorter rest of a file is not worth the threads.
const WORTHWHILE: u64 = 8 << 20;

/// More threads only wait for memory.
const THREADS: u64 = 8;

/// Lines that were judged.
#[derive(Debug)]
pub(crate) struct Block {
    /// The offsets of the lines in the file.
    pub(crate) lines: Range<u64>,
    room: Vec<u8>,
    length: usize,
    /// The number of lines, if lines are counted.
    pub(crate) ends: u64,
    /// The lines that were found, by their places in the text.
    pub(crate) hits: Vec<Hit>,
}

/// The parallel scan of one file.
#[derive(Debug, Default)]
pub(crate) struct ParallelScan {
    /// No new scan before this offset: the last scan met something there that it cannot judge.
    not_before: u64,
}

impl ParallelScan {
    /// Judges the rest of the file, if it is long enough, and moves the reader behind the lines that were judged. `each`
    /// receives each block; if it breaks, the reader stays before that block.
    ///
    /// # Errors
    /// The read fails; `each` fails.
    pub(crate) fn scan(
        &mut self,
        reader: &mut Reader,
        matcher: &Matcher,
        each: &mut dyn FnMut(&Reader, &Block) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let left = reader.left().act("look at", reader.path().display())?;
        let begin = reader.buffer.position();
        if left < WORTHWHILE || begin < self.not_before || !reader.buffer.is_at_start_of_line() {
            return Ok(());
        }
        let threads = thread::available_parallelism().map_or(1, |n| n.get() as u64).min(THREADS);
        // What stands before the first line is passed when the file is read in order.
        let begins_plainly = |file: &&File| {
            begin > 0 || proof_of(Some(file), 1).is_ok_and(|first| first.first().is_some_and(|&b| b > 0 && b < 0x80))
        };
        let Some(file) = reader.file().filter(|_| threads > 1).filter(begins_plainly) else { return Ok(()) };
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
        // A worker that has ended has met the end of the file, or something that it cannot judge.
        let Ok(block) = blocks.recv() else { break };
        // Race: log-truncated (docs/races.md)
        // Compare the bytes before the place after the block was read.
        if block.lines.start != reader.buffer.position()
            || !reader.is_still_the_same()?
            || each(reader, &block)?.is_break()
        {
            break;
        }
        reader.buffer.pass_to(block.lines.end, &block.text()[block.length - PROOF..], block.ends);
        // If the worker has ended it needs no room.
        let _ = if block.hits.is_empty() { Ok(()) } else { spares.send(block.room) };
    }
    Ok(())
}

struct Worker<'a> {
    file: &'a File,
    matcher: Matcher,
    begin: u64,
    /// True if lines are counted.
    counts: bool,
    /// Receives room that the caller does not need any more.
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

    /// Judges the lines that begin in a block. None if the block cannot be judged by itself.
    fn block(&mut self, number: u64) -> Option<Block> {
        let start = self.begin + number * BLOCK;
        // Include the byte before the block: it tells if a line begins with the block.
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
            // Nothing was found: the bytes that prove the place are enough.
            true => Block { lines, room: text[end - PROOF..].to_vec(), length: PROOF, ends, hits },
            false => Block { lines, room: std::mem::take(&mut self.room), length: end, ends, hits },
        })
    }

    /// The place behind the line in which the block ends.
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
    /// The lines; only their last bytes, if nothing was found in them.
    pub(crate) fn text(&self) -> &[u8] {
        &self.room[..self.length]
    }

    /// The place in the text where the lines begin, if something was found.
    pub(crate) fn first(&self) -> usize {
        (self.lines.start - self.offset()) as usize
    }

    /// The offset in the file where the text begins.
    pub(crate) fn offset(&self) -> u64 {
        self.lines.end - self.length as u64
    }
}
