//! The memory of a buffer. The memory of a buffer that is dropped is kept for the next one: with many small files, new pages
//! for each file would cost more than its lines.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

/// More than this is given back at once.
const KEPT_AT_MOST: usize = 512 << 10;

thread_local! {
    static KEPT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A vector whose memory is kept when it is dropped.
#[derive(Debug)]
pub(super) struct Bytes(Vec<u8>);

impl Bytes {
    /// An empty vector, with the memory that is kept.
    pub(super) fn new() -> Bytes {
        Bytes(KEPT.take())
    }

    /// These bytes, in memory of their own.
    pub(super) fn of(bytes: &[u8]) -> Bytes {
        Bytes(bytes.to_vec())
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        let kept = KEPT.take();
        let mut larger = if kept.capacity() > self.0.capacity() { kept } else { std::mem::take(&mut self.0) };
        if larger.capacity() <= KEPT_AT_MOST {
            larger.clear();
            KEPT.set(larger);
        }
    }
}

impl Deref for Bytes {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_memory_is_kept_without_its_bytes_and_too_large_a_one_is_not() {
        let of_capacity = |capacity| {
            let mut bytes = Bytes::of(b"x");
            bytes.reserve_exact(capacity);
            bytes
        };
        drop(of_capacity(5000));
        drop(of_capacity(100));
        let kept = Bytes::new();
        assert!(kept.capacity() >= 5000 && kept.is_empty());
        drop(kept);
        drop(of_capacity(KEPT_AT_MOST + 1));
        assert_eq!(Bytes::new().capacity(), 0);
    }
}
