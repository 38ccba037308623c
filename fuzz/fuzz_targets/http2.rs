//! An answer over HTTP/2 is good exactly where a second reader of the frames says so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::{self, Read, Write};
use std::sync::LazyLock;
use waitfor::fuzzed::Page;

/// A page whose status must be good, and a page whose body must be, too.
static PAGES: LazyLock<[Page; 2]> = LazyLock::new(|| {
    let good_body = ["--status", "200,404", "--match", "ok", "--not-match", "no"];
    [Page::new(80, &["--status", "200,404"]), Page::new(80, &good_body)]
});

fuzz_target!(|bytes: &[u8]| {
    let (status, body) = understood(bytes);
    let is_good = |body: &[u8]| body.windows(2).any(|two| two == b"ok") && !body.windows(2).any(|two| two == b"no");
    let status = status.is_some_and(|status| [200, 404].contains(&status));
    assert_eq!(PAGES[0].is_ready_over_http2(Server(bytes)), status);
    assert_eq!(PAGES[1].is_ready_over_http2(Server(bytes)), status && body.is_some_and(|body| is_good(&body)));
});

/// A server that says what it is told to, and hears nothing.
struct Server<'a>(&'a [u8]);

impl Read for Server<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Server<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The status, if there is one, and the body, if it is whole.
fn understood(mut bytes: &[u8]) -> (Option<u16>, Option<Vec<u8>>) {
    let (mut status, mut body, mut is_first) = (None, vec![], true);
    while let [a, b, c, kind, flags, s, t, u, v, rest @ ..] = bytes {
        let length = usize::from(*a) * 65_536 + usize::from(*b) * 256 + usize::from(*c);
        if length > 16_384 || is_first && *kind != 4 || rest.len() < length {
            break;
        }
        (is_first, bytes) = (false, &rest[length..]);
        let (is_ours, ends) = ([*s, *t, *u, *v] == [0, 0, 0, 1], flags % 2 == 1);
        let payload = without_padding(&rest[..length], *flags);
        match kind {
            0 if is_ours => body.extend_from_slice(payload),
            1 if is_ours && status.is_none() => match status_in(payload) {
                None => break,
                Some(said) => status = Some(said).filter(|&said| said >= 200),
            },
            1 if is_ours => {}
            3 if is_ours => break,
            7 if status.is_none() => break,
            _ => continue,
        }
        if is_ours && kind < &2 && ends && status.is_some() {
            return (status, Some(body));
        }
    }
    (status, None)
}

fn without_padding(payload: &[u8], flags: u8) -> &[u8] {
    let (padding, payload) = match payload.split_first() {
        Some((length, rest)) if flags & 8 != 0 => (usize::from(*length), rest),
        _ => (0, payload),
    };
    let payload = if flags & 32 == 0 { payload } else { payload.get(5..).unwrap_or(&[]) };
    payload.get(..payload.len().wrapping_sub(padding)).unwrap_or(&[])
}

/// The status in a block of headers: an entry of the static table, or a literal in digits or in Huffman's code.
fn status_in(block: &[u8]) -> Option<u16> {
    let from = block.iter().position(|b| !(0x20..0x40).contains(b))?;
    let (first, rest) = block[from..].split_first()?;
    let index = match first {
        0x80.. => first & 0x7f,
        0x40.. => first & 0x3f,
        _ => first & 0x0f,
    };
    let known = [(8, 200), (9, 204), (10, 206), (11, 304), (12, 400), (13, 404), (14, 500)];
    let in_table = known.iter().find(|(number, _)| *number == index)?.1;
    if *first >= 0x80 {
        return Some(in_table);
    }
    let (length, text) = rest.split_first()?;
    let text = text.get(..usize::from(length & 0x7f))?;
    let digits = if *length >= 0x80 { digits_in_code(text)? } else { str::from_utf8(text).ok()?.to_owned() };
    digits.parse().ok()
}

/// The digits whose codes begin with these bits (RFC 7541, appendix B).
fn digits_in_code(text: &[u8]) -> Option<String> {
    const CODES: [&str; 10] =
        ["00000", "00001", "00010", "011001", "011010", "011011", "011100", "011101", "011110", "011111"];
    if text.len() > 3 {
        return None;
    }
    let bits: String = text.iter().map(|byte| format!("{byte:08b}")).collect();
    let (mut rest, mut digits) = (&bits[..], String::new());
    for _ in 0..3 {
        let digit = CODES.iter().position(|code| rest.starts_with(code))?;
        rest = &rest[CODES[digit].len()..];
        digits.push_str(&digit.to_string());
    }
    Some(digits)
}
