//! `--plain`: a text without its escape sequences (ECMA-48), and the way back to the places in the text itself.

use memchr::memchr;
use std::borrow::Cow;

const ESCAPE: u8 = 0x1b;

/// A text without its escape sequences.
#[derive(Debug)]
pub(crate) struct Plain {
    pub(crate) text: Vec<u8>,
    /// Where a sequence was cut out, and how many bytes were cut out up to there.
    cuts: Vec<(usize, usize)>,
}

impl Plain {
    /// The text without its escape sequences.
    pub(crate) fn of(text: &[u8]) -> Plain {
        let mut plain = Plain { text: Vec::with_capacity(text.len()), cuts: vec![] };
        let (mut rest, mut removed) = (text, 0);
        while let Some(at) = memchr(ESCAPE, rest) {
            plain.text.extend_from_slice(&rest[..at]);
            let length = length_of_sequence(&rest[at..]);
            removed += length;
            plain.cuts.push((plain.text.len(), removed));
            rest = &rest[at + length..];
        }
        plain.text.extend_from_slice(rest);
        plain
    }

    /// The place in the text itself where what begins here begins, with the sequences before it.
    pub(crate) fn begin(&self, place: usize) -> usize {
        place + self.removed_before(self.cuts.partition_point(|&(cut, _)| cut < place))
    }

    /// The place in the text itself where what ends here ends, with the sequences after it.
    pub(crate) fn end(&self, place: usize) -> usize {
        place + self.removed_before(self.cuts.partition_point(|&(cut, _)| cut <= place))
    }

    fn removed_before(&self, cut: usize) -> usize {
        cut.checked_sub(1).map_or(0, |last| self.cuts[last].1)
    }
}

/// The bytes without their escape sequences.
pub(crate) fn plain(bytes: &[u8]) -> Cow<'_, [u8]> {
    match memchr(ESCAPE, bytes) {
        Some(_) => Cow::Owned(Plain::of(bytes).text),
        None => Cow::Borrowed(bytes),
    }
}

/// True if the text has an escape sequence.
pub(crate) fn has_sequence(text: &[u8]) -> bool {
    memchr(ESCAPE, text).is_some()
}

/// The length of the sequence that the text begins with. A sequence ends with its line at the latest.
fn length_of_sequence(text: &[u8]) -> usize {
    let line = memchr(b'\n', text).unwrap_or(text.len());
    let line = &text[..line];
    let count = |from: usize, is: fn(&u8) -> bool| line[from.min(line.len())..].iter().take_while(|b| is(b)).count();
    let length = match line.get(1) {
        // CSI: parameters, intermediate bytes, a final byte.
        Some(b'[') => {
            let parameters = 2 + count(2, |b| (0x30..=0x3f).contains(b));
            parameters + count(parameters, |b| (0x20..=0x2f).contains(b)) + 1
        }
        // OSC, DCS, PM, APC, SOS: up to BEL or ST.
        Some(b']' | b'P' | b'^' | b'_' | b'X') => {
            let end = line[2..].iter().position(|&b| b == 0x07 || b == ESCAPE);
            match end {
                Some(at) if line[2 + at] == ESCAPE => 2 + at + 2,
                Some(at) => 2 + at + 1,
                None => line.len(),
            }
        }
        // Intermediate bytes, such as those that choose a character set, and a final byte.
        _ => 1 + count(1, |b| (0x20..=0x2f).contains(b)) + 1,
    };
    length.min(line.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_are_cut_out_and_places_are_found_again() {
        let text = b"\x1b[1;31mERROR\x1b[0m here\n\x1b]0;title\x07next\x1b(B line\n\x1b[unfinished\nlast\x1b";
        let plain = Plain::of(text);
        assert_eq!(String::from_utf8_lossy(&plain.text), "ERROR here\nnext line\nnfinished\nlast");
        let next = plain.text.iter().position(|&b| b == b'\n').unwrap_or_default() + 1;
        assert!(text[plain.begin(next)..].starts_with(b"\x1b]0;title"));
        assert_eq!(text[plain.end(next - 1)], b'\n');
        assert_eq!(plain.begin(0), 0);
    }
}
