//! The escapes of C in a string: `PING\r\n`.

/// Reads `\r`, `\n`, `\t`, `\\`, `\"`, `\'`, `\a`, `\b`, `\e`, `\f`, `\v`, `\0`, `\033` and `\x1b`.
pub(crate) fn unescape(text: &str) -> Result<Vec<u8>, String> {
    let mut rest = text.as_bytes();
    let mut plain = vec![];
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        let (escaped, length) = match rest {
            [b'x', digits @ ..] => number(digits, 2, 16).map(|(value, length)| (value, length + 1)),
            [b'0'..=b'7', ..] => number(rest, 3, 8),
            [letter, ..] => meaning(*letter).map(|value| (value, 1)),
            [] => None,
        }
        .ok_or_else(|| {
            format!("'{text}': a backslash begins one of \\r \\n \\t \\0 \\\\ \\x1b, and their like in C")
        })?;
        plain.push(escaped);
        rest = &rest[length..];
    }
    Ok(plain)
}

fn number(digits: &[u8], most: usize, radix: u32) -> Option<(u8, usize)> {
    let length = digits.iter().take(most).take_while(|&&b| char::from(b).is_digit(radix)).count();
    let digits = std::str::from_utf8(&digits[..length]).ok()?;
    Some((u8::from_str_radix(digits, radix).ok()?, length))
}

fn meaning(letter: u8) -> Option<u8> {
    Some(match letter {
        b'r' => b'\r',
        b'n' => b'\n',
        b't' => b'\t',
        b'a' => 7,
        b'b' => 8,
        b'e' => 27,
        b'f' => 12,
        b'v' => 11,
        b'\\' | b'"' | b'\'' => letter,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escape_is_the_byte_that_c_takes_it_for() {
        assert_eq!(unescape(r"PING\r\n"), Ok(b"PING\r\n".to_vec()));
        assert_eq!(unescape(r"\x1b\033\0\1011\\\x7"), Ok(b"\x1b\x1b\0A1\\\x07".to_vec()));
        assert_eq!(unescape("\u{e9}"), Ok("\u{e9}".as_bytes().to_vec()));
    }

    #[test]
    fn what_c_does_not_know_is_refused() {
        for text in ["\\", "\\q", "\\x", "\\xg", "\\777"] {
            assert!(unescape(text).is_err(), "{text}");
        }
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_escaped_is_what_it_was(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(unescape(&bytes.escape_ascii().to_string()), Ok(bytes));
        }

        #[test]
        fn text_without_a_backslash_stays_as_it_is(text in "[^\\\\]{0,20}") {
            prop_assert_eq!(unescape(&text), Ok(text.into_bytes()));
        }

        #[test]
        fn no_text_is_longer_without_its_escapes(text in "(\\\\[0-9a-fxrnt\\\\'\"]?|\\PC){0,20}") {
            if let Ok(bytes) = unescape(&text) {
                prop_assert!(bytes.len() <= text.len());
            }
        }
    }
}
