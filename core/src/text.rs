//! Text from outside that is made safe to show: names, paths, command lines, output of a daemon.
//!
//! The author of such a text could write lines that look like messages of a utility, move the cursor of a terminal, or
//! reverse the order in which a reader sees the text. So each character that does not show as itself is shown by its
//! number.

use std::fmt::Write;

/// Shows a text on one line. Each line feed, tab, control and invisible format character is shown as `\n`, `\x1b` or
/// `\u{202e}`.
pub fn one_line(text: &str) -> String {
    shown(text, |_| false)
}

/// Shows a text with its line feeds and tabs. Every other control or invisible format character is shown by its number.
pub fn lines(text: &str) -> String {
    shown(text, |c| matches!(c, '\n' | '\t'))
}

/// Shows a message on one line. Quotes in it keep their lines, which begin with four spaces.
pub fn message(text: &str) -> String {
    text.split("\n    ").map(|line| shown(line, |c| c == '\t')).collect::<Vec<_>>().join("\n    ")
}

/// Escapes the invisible characters in the strings of a JSON text.
pub fn json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Outside of strings, JSON has only ASCII characters, and only these control characters.
            '\n' | '\t' | '\r' => safe.push(c),
            c if is_invisible(c) => {
                c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                    // Writing to a string cannot fail.
                    let _ = write!(safe, "\\u{unit:04x}");
                });
            }
            c => safe.push(c),
        }
    }
    safe
}

fn shown(text: &str, kept: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if kept(c) || !is_invisible(c) => shown.push(c),
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            c if u32::from(c) < 0x100 => drop(write!(shown, "\\x{:02x}", u32::from(c))),
            c => drop(write!(shown, "\\u{{{:x}}}", u32::from(c))),
        }
    }
    shown
}

/// Whether the character is invisible: C0, C1, and the format characters of Unicode (directions, zero width, line and
/// paragraph separators, tags).
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_as_itself_is_shown_by_its_number() {
        let text = "a\x1b[31mb\u{9b}c\r\n\td\u{202e}e\u{200b}\u{e0041} \u{e9}\u{1f600}";
        let rest = "d\\u{202e}e\\u{200b}\\u{e0041} \u{e9}\u{1f600}";
        assert_eq!(one_line(text), format!("a\\x1b[31mb\\x9bc\\x0d\\n\\t{rest}"));
        assert_eq!(lines(text), format!("a\\x1b[31mb\\x9bc\\x0d\n\t{rest}"));
    }

    #[test]
    fn no_text_can_begin_a_line_as_we_do() {
        assert_eq!(message("open x\npidfile: done: a:\n    b\n    c"), "open x\\npidfile: done: a:\n    b\n    c");
    }

    #[test]
    fn json_stays_what_it_says() {
        assert_eq!(
            json("{\"a\":\"\u{202e}\u{9b}\u{e0041}\u{e9}\"}\n"),
            "{\"a\":\"\\u202e\\u009b\\udb40\\udc41\u{e9}\"}\n"
        );
    }
}
