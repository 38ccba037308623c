//! A cursor: the places where reading goes on, in a form that a shell variable can hold.
//!
//! The kernel reuses an inode number at once, and an offset means nothing after the log was truncated. So a place carries
//! a fingerprint of the bytes just before it. A cursor has a version and ends with a checksum, because it passes through
//! shell variables and editors.

use crate::input::line_buffer::PROOF;
use crate::input::reader::Reader;
use crate::input::source::proof_of;
use rustix::time::{ClockId, clock_gettime};
use std::fmt;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const VERSION: &str = "lw1";

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) offset: u64,
    fingerprint: u64,
}

/// The places where reading goes on, and the time when they were noted. The last place is in the newest file; the places
/// before it are in older files, into which a daemon may still write. No place: the log did not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    taken: u64,
    pub(crate) places: Vec<Place>,
}

impl Place {
    /// The place where judging goes on. In a compressed file only the fingerprint finds the place again.
    pub(crate) fn of(reader: &Reader) -> Place {
        let metadata = reader.file().and_then(|file| file.metadata().ok());
        let (device, inode) = metadata.map_or((0, 0), |m| (m.dev(), m.ino()));
        Place { device, inode, offset: reader.buffer.position(), fingerprint: fingerprint(reader.buffer.proof()) }
    }

    /// True if `file` is the file of the place and the bytes before the place are unchanged.
    pub(crate) fn is_in_same(&self, file: &File) -> bool {
        let same = file.metadata().is_ok_and(|there| (there.dev(), there.ino()) == (self.device, self.inode));
        same && self.is_in(file)
    }

    /// True if the bytes before the place are in `file`: the file of the place, or a copy of it.
    pub(crate) fn is_in(&self, file: &File) -> bool {
        let wanted = self.offset.min(PROOF as u64) as usize;
        proof_of(Some(file), self.offset).is_ok_and(|bytes| bytes.len() == wanted && self.is_proven_by(&bytes))
    }

    /// True if `bytes` are the bytes before the place.
    pub(crate) fn is_proven_by(&self, bytes: &[u8]) -> bool {
        fingerprint(bytes) == self.fingerprint
    }
}

impl Cursor {
    /// The places, with the current time.
    pub(crate) fn now(places: Vec<Place>) -> Cursor {
        // The clock of file timestamps: no later write gets an earlier timestamp.
        let now = clock_gettime(ClockId::RealtimeCoarse);
        Cursor { taken: now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64, places }
    }

    /// True if a file with the modification time `changed` may have grown since the cursor was taken.
    pub(crate) fn is_before(&self, changed: SystemTime) -> bool {
        changed >= UNIX_EPOCH + Duration::from_nanos(self.taken)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = format!("{VERSION}-{:x}", self.taken);
        for place in &self.places {
            let Place { device, inode, offset, fingerprint } = place;
            text.push_str(&format!("-{device:x}.{inode:x}.{offset:x}.{fingerprint:x}"));
        }
        write!(f, "{text}-{:08x}", checksum(&text))
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Cursor, String> {
        let damaged = || format!("the cursor '{text}' is damaged; take a new one with --mark");
        let text = text.trim();
        match text.split_once('-') {
            Some((VERSION, _)) => {}
            Some((other, _)) if other.strip_prefix("lw").is_some_and(|n| n.parse::<u32>().is_ok()) => {
                return Err(format!("the cursor '{text}' is of version {other}, this is {VERSION}"));
            }
            _ => return Err(format!("'{text}' is no cursor; --mark prints one")),
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
    let [device, inode, offset, fingerprint] = numbers[..] else { return None };
    Some(Place { device, inode, offset, fingerprint })
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

/// FNV-1a. The hash protects no secret, and every later version must compute the same value.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

fn checksum(text: &str) -> u32 {
    let hash = fingerprint(text.as_bytes());
    (hash ^ (hash >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_printed() {
        let place = |inode| Place { device: 0xfd01, inode, offset: 1 << 40, fingerprint: u64::MAX };
        for places in [vec![], vec![place(1)], vec![place(2), place(3)]] {
            let cursor = Cursor::now(places);
            assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
            assert!(cursor.to_string().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.'));
        }
    }

    #[test]
    fn what_was_edited_or_is_of_another_version_is_refused() {
        let text = Cursor::now(vec![Place { device: 1, inode: 2, offset: 3, fingerprint: 4 }]).to_string();
        for wrong in [
            text.replace(".3.", ".30."),
            text[..text.len() - 1].to_owned(),
            text.replace("lw1", "lw2"),
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
        let place = any::<[u64; 4]>().prop_map(|[device, inode, offset, fingerprint]| Place {
            device,
            inode,
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
