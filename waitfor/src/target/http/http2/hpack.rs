//! As much of the compression of headers as one request needs (RFC 7541).

/// A field whose name is new, and which is not indexed.
pub(crate) fn literal(block: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    block.push(0);
    for text in [name, value] {
        integer(block, text.len());
        block.extend_from_slice(text);
    }
}

/// An integer with a prefix of 7 bits (RFC 7541, 5.1).
fn integer(block: &mut Vec<u8>, mut value: usize) {
    if value < 0x7f {
        return block.push(value as u8);
    }
    block.push(0x7f);
    value -= 0x7f;
    while value >= 0x80 {
        block.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    block.push(value as u8);
}

/// The value of `:status`, the first field of an answer's header block (RFC 9113, 8.3.2). Trailers have none.
pub(crate) fn status(mut block: &[u8]) -> Option<u16> {
    // Updates of the dynamic table's size come first.
    while let [0x20..=0x3f, rest @ ..] = block {
        block = rest;
    }
    match *block {
        // The static table has the common ones.
        [0x88..=0x8e, ..] => Some([200, 204, 206, 304, 400, 404, 500][usize::from(block[0] - 0x88)]),
        // A literal whose name is one of these entries, indexed from now on or not.
        [0x48..=0x4e | 0x08..=0x0e | 0x18..=0x1e, length, ref value @ ..] => {
            let value = value.get(..usize::from(length & 0x7f))?;
            let digits = if length & 0x80 == 0 { value.to_vec() } else { huffman_digits(value)? };
            std::str::from_utf8(&digits).ok()?.parse().ok()
        }
        _ => None,
    }
}

/// Three digits in the Huffman code of RFC 7541, appendix B: 0 to 2 have 5 bits, 3 to 9 have 6.
fn huffman_digits(bytes: &[u8]) -> Option<Vec<u8>> {
    let bits = bytes.iter().fold(0u64, |bits, &byte| bits << 8 | u64::from(byte));
    let (mut left, mut digits) = (8 * u32::try_from(bytes.len()).ok().filter(|&length| length <= 3)?, vec![]);
    while digits.len() < 3 {
        let five = bits >> left.checked_sub(5)? & 0x1f;
        if five <= 2 {
            left -= 5;
            digits.push(b'0' + five as u8);
        } else {
            left = left.checked_sub(6)?;
            let six = bits >> left & 0x3f;
            digits.push(b'3' + u8::try_from(six.checked_sub(0x19)?).ok().filter(|&digit| digit <= 6)?);
        }
    }
    Some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_in_each_of_its_forms() {
        // Indexed; a literal; one in the Huffman code, as in RFC 7541, C.6.1; after an update of the table's size.
        assert_eq!(status(&[0x88]), Some(200));
        assert_eq!(status(&[0x8d, 0x00]), Some(404));
        assert_eq!(status(b"\x48\x03503"), Some(503));
        assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), Some(302));
        assert_eq!(status(&[0x20, 0x88]), Some(200));
        assert_eq!(status(&[0x40, 0x01, b'x', 0x01, b'y']), None);
        assert_eq!(status(&[]), None);
    }
}
