//! A cursor: the places where reading goes on, in a form that a shell variable can hold.
//!
//! The kernel reuses an inode number at once, and an offset means nothing after the log was truncated. So a place carries
//! a fingerprint of the bytes just before it. A cursor has a version and ends with a checksum, because it passes through
//! shell variables and editors.

use crate::input::inode::Inode;
use crate::input::line_buffer::PROOF;
use crate::input::reader::Reader;
use std::fmt;
use std::str::FromStr;

const VERSION: &str = "lw2";

/// The version before: its places have no birth and no modification time.
const BEFORE: &str = "lw1";

/// The offset of a place behind a whole compressed archive.
const WHOLE: u64 = u64::MAX;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) inode: Inode,
    /// When the file was last written to, in nanoseconds since the epoch.
    pub(crate) modified: u64,
    pub(crate) offset: u64,
    fingerprint: u64,
}

/// The places where reading goes on, and the time when they were noted. The last place is in the newest file; the places
/// before it are in older files, into which a daemon may still write. No place: the log did not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// In nanoseconds since the epoch, by the clock of file timestamps.
    pub(crate) taken: u64,
    pub(crate) places: Vec<Place>,
}

impl Place {
    /// The place where judging goes on. None for stdin.
    pub(crate) fn of(reader: &Reader) -> Option<Place> {
        let inode = reader.inode()?;
        let offset = reader.buffer.position();
        Some(Place { inode, modified: reader.modified(), offset, fingerprint: fingerprint(reader.buffer.proof()) })
    }

    /// The place where reading goes on: what is unfinished has been read, but not judged. None for stdin.
    pub(crate) fn read_to(reader: &Reader) -> Option<Place> {
        let (offset, fingerprint) = (reader.buffer.end(), fingerprint(reader.buffer.proof_of_end()));
        Some(Place { offset, fingerprint, ..Place::of(reader)? })
    }

    /// The place behind the last byte of a compressed archive. It is valid while the archive is not written to.
    pub(crate) fn behind(inode: Inode, modified: u64) -> Place {
        Place { inode, modified, offset: WHOLE, fingerprint: 0 }
    }

    /// True if nothing behind the place can be read.
    pub(crate) fn is_behind_all(&self) -> bool {
        self.offset == WHOLE
    }

    /// True if `bytes` are the bytes before the place, all of them that a proof needs.
    pub(crate) fn is_proven_by(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.offset.min(PROOF as u64) && fingerprint(bytes) == self.fingerprint
    }

    /// True if the bytes before the place are so many that equality is no coincidence.
    pub(crate) fn is_well_proven(&self) -> bool {
        self.offset >= PROOF as u64
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{VERSION}-{:x}", self.taken);
        for place in &self.places {
            let Place { inode, modified, offset, fingerprint } = place;
            let Inode { device, number, born } = inode;
            text.push_str(&format!("-{device:x}.{number:x}.{offset:x}.{fingerprint:x}.{born:x}.{modified:x}"));
        }
        write!(f, "{text}-{:08x}", checksum(&text))
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Cursor, String> {
        let damaged = || format!("the cursor '{text}' is damaged; take a new one with --mark");
        let text = text.trim();
        // A cursor is shorter; what is none may be anything.
        let shown: String = text.chars().take(100).collect();
        match text.split_once('-') {
            Some((VERSION | BEFORE, _)) => {}
            Some((other, _)) if other.strip_prefix("lw").is_some_and(|n| n.parse::<u32>().is_ok()) => {
                return Err(format!("the cursor '{shown}' is of version {other}, this is {VERSION}"));
            }
            _ => return Err(format!("'{shown}' is no cursor; --mark prints one")),
        }
        let (body, sum) = text.rsplit_once('-').ok_or_else(damaged)?;
        if u32::from_str_radix(sum, 16) != Ok(checksum(body)) {
            return Err(damaged());
        }
        let mut words = body.split('-').skip(1);
        let taken = words.next().and_then(hexadecimal).ok_or_else(damaged)?;
        let places = words.map(|word| place(word).ok_or_else(damaged)).collect::<Result<_, _>>()?;
        Ok(Cursor { taken, places })
    }
}

fn place(word: &str) -> Option<Place> {
    let numbers: Vec<u64> = word.split('.').map(hexadecimal).collect::<Option<_>>()?;
    let (device, number, offset, fingerprint, born, modified) = match numbers[..] {
        [device, number, offset, fingerprint] => (device, number, offset, fingerprint, 0, 0),
        [device, number, offset, fingerprint, born, modified] => (device, number, offset, fingerprint, born, modified),
        _ => return None,
    };
    Some(Place { inode: Inode { device, number, born }, modified, offset, fingerprint })
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

/// FNV-1a. The hash protects no secret, and every later version must compute the same value.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

pub(crate) fn checksum(text: &str) -> u32 {
    let hash = fingerprint(text.as_bytes());
    (hash ^ (hash >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_printed() {
        let inode = |number| Inode { device: 0xfd01, number, born: 1 << 60 };
        let place = |number| Place { inode: inode(number), modified: 7, offset: 1 << 40, fingerprint: u64::MAX };
        for places in [vec![], vec![place(1)], vec![place(2), place(3)]] {
            let cursor = Cursor { taken: 1 << 60, places };
            assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
            assert!(cursor.to_string().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'));
        }
    }

    #[test]
    fn a_cursor_of_the_version_before_is_read() {
        let body = "lw1-5-1.2.3.4";
        let cursor: Cursor = format!("{body}-{:08x}", checksum(body)).parse().unwrap();
        let inode = Inode { device: 1, number: 2, born: 0 };
        assert_eq!(cursor, Cursor { taken: 5, places: vec![Place { inode, modified: 0, offset: 3, fingerprint: 4 }] });
    }

    #[test]
    fn what_was_edited_or_is_of_another_version_is_refused() {
        let inode = Inode { device: 1, number: 2, born: 5 };
        let place = Place { inode, modified: 6, offset: 3, fingerprint: 4 };
        let text = Cursor { taken: 1, places: vec![place] }.to_string();
        for wrong in [
            text.replace(".3.", ".30."),
            text[..text.len() - 1].to_owned(),
            text.replace("lw2", "lw3"),
            String::new(),
            "12:345".to_owned(),
        ] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    fn cursors() -> impl Strategy<Value = Cursor> {
        let place = any::<[u64; 6]>().prop_map(|[device, number, born, modified, offset, fingerprint]| Place {
            inode: Inode { device, number, born },
            modified,
            offset,
            fingerprint,
        });
        (any::<u64>(), proptest::collection::vec(place, 0..4)).prop_map(|(taken, places)| Cursor { taken, places })
    }

    proptest! {
        #[test]
        fn whatever_cursor_is_printed_is_read(cursor in cursors(), before in "[ \t\n]{0,2}", after in "[ \t\r\n]{0,2}") {
            prop_assert_eq!(format!("{before}{cursor}{after}").parse(), Ok(cursor));
        }

        #[test]
        fn a_cursor_with_one_byte_changed_is_no_other(cursor in cursors(), at in any::<prop::sample::Index>(), byte in 33..127u8) {
            let text = cursor.to_string();
            let mut damaged = text.clone().into_bytes();
            let at = at.index(damaged.len());
            damaged[at] = byte;
            let read = String::from_utf8(damaged).expect("ASCII").parse::<Cursor>();
            prop_assert!(read.is_err() || read == Ok(cursor), "{}", text);
        }

        #[test]
        fn whatever_is_typed_is_a_cursor_or_refused(text in "(lw[0-9]{0,11}|[-.0-9a-f]|\\PC){0,30}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
        }
    }
}
