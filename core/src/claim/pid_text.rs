//! The text of a PID file: which texts name a PID, and which are refused.
//!
//! The FHS asks readers to ignore blanks, leading zeros, a missing newline and further lines. Other readers take more
//! texts for a PID (`-1`: every process; `0`: one's own group; 4294967297: init). This one refuses them.

use crate::pid;
use nix::unistd::Pid;

/// A longer file cannot have been a PID file.
pub const LONGEST: usize = 4096;

/// The highest PID of any Linux (PID_MAX_LIMIT, proc_sys_kernel(5)).
const HIGHEST_PID: i32 = 4_194_304;

/// The text of a PID file, parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    /// No text, or only zero bytes, as a crash of the machine leaves them.
    Empty,
    /// The PID of a process.
    Names(Pid),
    /// A text that is no PID, and the reason.
    Garbage(&'static str),
}

/// Parses the text of a PID file. The caller gives the first [`LONGEST`] bytes and, if the file is longer, at least one
/// more.
pub fn parse(text: &[u8]) -> Text {
    if text.len() > LONGEST {
        return Text::Garbage("it is too long");
    }
    if text.iter().all(|&b| b == 0) {
        return Text::Empty;
    }
    let line = text.split(|&b| b == b'\n').next().unwrap_or_default().trim_ascii();
    if line.is_empty() {
        return if text.trim_ascii().is_empty() { Text::Empty } else { Text::Garbage("its first line is empty") };
    }
    if !line.iter().all(u8::is_ascii_digit) {
        return Text::Garbage("its first line is not a number");
    }
    let number = line.iter().try_fold(0i32, |n, digit| {
        let n = n * 10 + i32::from(digit - b'0');
        (n <= HIGHEST_PID).then_some(n)
    });
    match number.map(pid::numbered) {
        Some(Some(pid)) => Text::Names(pid),
        Some(None) => Text::Garbage("0 is no process"),
        None => Text::Garbage("its number is higher than any PID"),
    }
}

/// The rule once more, by other means: the first line, without blanks, has only digits, and they are a PID.
#[cfg(any(test, fuzzing))]
pub(crate) fn by_other_means(text: &[u8]) -> Option<i32> {
    let line = std::str::from_utf8(text.split(|&b| b == b'\n').next()?).ok()?;
    let digits = line.trim_matches([' ', '\t', '\r', '\x0c']);
    let number: u128 = digits.chars().all(|c| c.is_ascii_digit()).then(|| digits.parse().ok())??;
    (text.len() <= LONGEST && (1..=4_194_304).contains(&number)).then_some(number as i32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::steps::PidLine;

    fn names(number: i32) -> Text {
        Text::Names(pid::numbered(number).expect("not 0"))
    }

    #[test]
    fn what_the_fhs_allows_is_read() {
        for (text, pid) in [
            ("123\n", 123),
            ("123", 123),
            ("  123  \n", 123),
            ("\t00123\r\n", 123),
            ("123\nmore\nlines\n", 123),
            ("4194304\n", 4_194_304),
            ("1", 1),
        ] {
            assert_eq!(parse(text.as_bytes()), names(pid), "{text:?}");
        }
    }

    #[test]
    fn what_could_hit_a_stranger_is_garbage() {
        for text in [
            "0",
            "-1",
            "+1",
            "0x10",
            "4294967297",
            "4194305",
            "12345678901234567890",
            "12abc",
            "1 2",
            "\n12",
            "1\0",
            "\u{661}",
            "root:x:0:0",
        ] {
            assert!(matches!(parse(text.as_bytes()), Text::Garbage(_)), "{text:?}");
        }
        assert!(matches!(parse(&[b'1'; 1 << 20]), Text::Garbage(_)));
        assert!(matches!(parse(b"\xff\xfe"), Text::Garbage(_)));
        let long_but_small = [&b"0".repeat(LONGEST - 1)[..], b"7"].concat();
        assert_eq!(parse(&long_but_small), names(7));
    }

    #[test]
    fn nothing_is_empty() {
        for text in ["", "\0\0\0\0", "\n", "  \n\n"] {
            assert_eq!(parse(text.as_bytes()), Text::Empty, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for number in [1, 9, 10, 4_194_304, i32::MAX] {
            let pid = pid::numbered(number).expect("not 0");
            assert_eq!(PidLine::of(pid).as_bytes(), format!("{number}\n").as_bytes());
        }
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use crate::sys::steps::PidLine;
    use proptest::prelude::*;

    /// The content of a PID file, or nearly so: a number among the texts that other programs, crashes and attackers leave.
    fn near_pid_file() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            "[ \t]{0,3}[+-]?[0-9]{0,12}[ \t\r]{0,3}(\n[ -~\n]{0,20})?".prop_map(String::into_bytes),
            "\\PC{0,8}[0-9]{0,8}\\PC{0,8}".prop_map(String::into_bytes),
            proptest::collection::vec(prop_oneof![Just(0), Just(b'\n'), Just(b' '), b'0'..=b'9', any::<u8>()], 0..40),
        ]
    }

    proptest! {
        #[test]
        fn a_number_is_read_only_where_the_first_line_is_one(text in near_pid_file()) {
            let read = match parse(&text) {
                Text::Names(pid) => Some(pid.as_raw()),
                Text::Empty | Text::Garbage(_) => None,
            };
            prop_assert_eq!(read, by_other_means(&text));
        }

        #[test]
        fn whatever_is_written_is_read_as_it_was(number in 1..=HIGHEST_PID, rest in "(\n[ -~\n]{0,20})?") {
            let pid = pid::numbered(number).expect("not 0");
            let line = PidLine::of(pid);
            prop_assert_eq!(parse(line.as_bytes()), Text::Names(pid));
            // One write over a longer text leaves its end behind until the cut.
            prop_assert_eq!(parse(&[line.as_bytes(), rest.as_bytes()].concat()), Text::Names(pid));
        }

        #[test]
        fn what_cannot_have_been_a_pid_file_is_told_from_what_is_empty(text in near_pid_file()) {
            let empty = text.iter().all(|&b| b == 0) || text.iter().all(u8::is_ascii_whitespace);
            prop_assert_eq!(parse(&text) == Text::Empty, empty);
        }
    }
}
