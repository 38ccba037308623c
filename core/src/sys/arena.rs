//! The allocator for a process that soon ends or becomes COMMAND. The first memory comes from zeroed pages of the
//! program, by an increment of one number. The block that was given last, and the largest of the others, can be given
//! back.
//!
//! A small utility makes a few hundred allocations in all. The C library's allocator costs it a tenth of its start-up
//! time with glibc and a third with musl (docs/performance.md). A block that does not fit comes from the C library.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The size of the memory: enough for the command line, its parsed form and the work on one file. Only pages that are
/// used cost memory.
const SIZE: usize = 192 * 1024;

/// The part that a plain command line uses. Its pages come one by one, each by a page fault.
const PLAIN: usize = 16 * 1024;

/// The part that the definition of the options uses. One system call makes it present.
const DEFINITION: usize = 64 * 1024;

/// The size of a block that may come from the hole. Larger blocks are vectors, which grow and leave holes themselves.
const SMALL: usize = 1024;

#[derive(Debug)]
#[repr(align(4096))]
struct Memory(UnsafeCell<[u8; SIZE]>);

/// The allocator. One static of it is the `#[global_allocator]` of a program.
#[derive(Debug)]
pub struct Arena {
    memory: Memory,
    /// The end of the memory that is given. Everything from here on is free.
    end: AtomicUsize,
    /// The largest block below `end` that was given back: its beginning, and 32 bits higher its end. Small blocks come
    /// from it first, because each page that is not touched saves a microsecond.
    hole: AtomicU64,
    /// Whether the pages of the definition are present.
    is_present: AtomicBool,
}

// SAFETY: `memory` is only reached through blocks that `alloc` gives, and the atomic `end` gives each byte to one
// owner at a time.
unsafe impl Sync for Arena {}

impl Default for Arena {
    fn default() -> Arena {
        Arena::new()
    }
}

impl Arena {
    /// Makes an empty arena.
    pub const fn new() -> Arena {
        let memory = Memory(UnsafeCell::new([0; SIZE]));
        Arena { memory, end: AtomicUsize::new(0), hole: AtomicU64::new(0), is_present: AtomicBool::new(false) }
    }

    fn base(&self) -> *mut u8 {
        self.memory.0.get().cast()
    }

    /// The offset of a block from the base; `None` for a block of the C library.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        (block as usize).checked_sub(self.base() as usize).filter(|offset| *offset < SIZE)
    }

    /// Moves the end from `from` to `to`, if no other thread has moved it.
    fn moved(&self, from: usize, to: usize) -> bool {
        self.end.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Takes a block from `memory`, if there is room for its size.
    fn carve(&self, layout: Layout) -> Option<*mut u8> {
        if layout.size() <= SMALL
            && let Some(start) = self.fill_hole(layout)
        {
            return Some(self.base().wrapping_add(start));
        }
        loop {
            let end = self.end.load(Ordering::Acquire);
            let start = aligned(end, layout);
            let after = start.checked_add(layout.size()).filter(|after| *after <= SIZE)?;
            if layout.align() > 4096 {
                return None;
            }
            if self.moved(end, after) {
                if after > PLAIN && !self.is_present.swap(true, Ordering::Relaxed) {
                    self.populate();
                }
                return Some(self.base().wrapping_add(start));
            }
        }
    }

    /// Takes the first bytes of the hole. The thread whose exchange succeeds owns them, however often other threads
    /// owned the hole meanwhile.
    fn fill_hole(&self, layout: Layout) -> Option<usize> {
        let hole = self.hole.load(Ordering::Acquire);
        let (begin, end) = bounds(hole);
        let start = aligned(begin, layout);
        let after = start + layout.size();
        let fits = after <= end && layout.align() <= 4096;
        (fits && self.hole.compare_exchange(hole, packed(after, end), Ordering::AcqRel, Ordering::Acquire).is_ok())
            .then_some(start)
    }

    /// Remembers a block that was given back, if it is larger than the hole. The smaller of the two stays unused.
    fn leave_hole(&self, begin: usize, end: usize) {
        let hole = self.hole.load(Ordering::Acquire);
        let (other, other_end) = bounds(hole);
        if end - begin > other_end - other {
            // Another thread was faster. Its hole stays.
            let _ = self.hole.compare_exchange(hole, packed(begin, end), Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// Makes the pages of the definition present (madvise(2), MADV_POPULATE_WRITE).
    fn populate(&self) {
        // SAFETY: the range is the program's own; the call makes its pages present and changes no byte. Before Linux
        // 5.14 it is EINVAL, and the pages come one by one.
        unsafe {
            let rest = self.base().add(PLAIN);
            nix::libc::madvise(rest.cast(), DEFINITION - PLAIN, nix::libc::MADV_POPULATE_WRITE);
        }
    }
}

/// The first offset from here on that suits the layout. An alignment is a power of two: no division.
fn aligned(offset: usize, layout: Layout) -> usize {
    let mask = layout.align() - 1;
    (offset + mask) & !mask
}

fn packed(begin: usize, end: usize) -> u64 {
    (end as u64) << 32 | begin as u64
}

fn bounds(hole: u64) -> (usize, usize) {
    ((hole & u64::from(u32::MAX)) as usize, (hole >> 32) as usize)
}

// SAFETY: a block lies in `memory`, and is aligned: the base to 4096, an offset to what was asked, up to that. No other
// block overlaps it: each of its bytes has left `end` or the hole by one successful exchange, and comes back to one of
// them when its owner gives it back. Any other block is System's, and given back to System.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises about `layout` are System's too.
        self.carve(layout).unwrap_or_else(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.carve(layout) {
            Some(block) => {
                // SAFETY: the block is ours and that long. It may have been another's before.
                unsafe { block.write_bytes(0, layout.size()) };
                block
            }
            // SAFETY: the caller's promises about `layout` are System's too.
            None => unsafe { System.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(offset) => {
                if !self.moved(offset + layout.size(), offset) {
                    self.leave_hole(offset, offset + layout.size());
                }
            }
            // SAFETY: it is not in `memory`, so System gave it.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(offset) = self.offset(block) else {
            // SAFETY: it is not in `memory`, so System gave it.
            return unsafe { System.realloc(block, layout, size) };
        };
        let is_last = size <= SIZE - offset && self.moved(offset + layout.size(), offset + size);
        if is_last || size <= layout.size() {
            return block;
        }
        // SAFETY: the caller promises that `size` makes a layout with this alignment; the new block is another one, and
        // as long as what is copied.
        unsafe {
            let grown = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !grown.is_null() {
                grown.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
            grown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a layout")
    }

    /// Allocates, writes, grows, frees some, and looks at the end whether every byte is still its owner's.
    fn works(arena: &Arena, mark: u8) {
        let mut kept = vec![];
        for number in 0..2000_usize {
            let (size, align) = (1 + number * 7 % 300, 1 << (number % 5));
            // SAFETY: each block is written within its size, and given back with the layout it has.
            unsafe {
                let block = arena.alloc_zeroed(layout(size, align));
                assert_eq!(block as usize % align, 0);
                assert!((0..size).all(|at| block.add(at).read() == 0), "not zeroed");
                block.write_bytes(mark, size);
                let block = arena.realloc(block, layout(size, align), size * 2);
                block.add(size).write_bytes(mark, size);
                if number % 3 == 0 {
                    arena.dealloc(block, layout(size * 2, align))
                } else {
                    kept.push((block, size * 2, align))
                }
            }
        }
        for (block, size, align) in kept {
            // SAFETY: as above.
            unsafe {
                assert!((0..size).all(|at| block.add(at).read() == mark), "another block lies over it");
                arena.dealloc(block, layout(size, align));
            }
        }
    }

    #[test]
    fn every_block_is_its_owners_alone_and_what_does_not_fit_is_the_c_librarys() {
        static ARENA: Arena = Arena::new();
        std::thread::scope(|threads| {
            for mark in 1..=4 {
                threads.spawn(move || works(&ARENA, mark));
            }
        });
        assert!(ARENA.carve(layout(SIZE, 1)).is_none(), "the arena was to be used up");
    }

    #[test]
    fn the_last_block_grows_in_place_and_is_taken_back() {
        static ARENA: Arena = Arena::new();
        // SAFETY: the blocks are given back with the layout they have.
        unsafe {
            let first = ARENA.alloc(layout(10, 1));
            let grown = ARENA.realloc(first, layout(10, 1), 100);
            assert_eq!(first, grown);
            ARENA.dealloc(grown, layout(100, 1));
            assert_eq!(ARENA.alloc(layout(20, 1)), first);
        }
    }
}
