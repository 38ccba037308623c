//! The words of a command line, and how to show them, for the answer to a line that was typed wrong.

use clap::Command;
use std::ffi::{OsStr, OsString};

/// The places of the words that are neither options nor values of options, without the name of the program. The search
/// ends at `--`.
pub fn operands(command: &Command, words: &[OsString]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut place = 1;
    while let Some(word) = words.get(place).map(|word| word.to_string_lossy()) {
        match word.strip_prefix("--") {
            Some("") => break,
            Some(long) => place += usize::from(takes_value(command, |arg| arg.get_long() == Some(long))),
            None if word.len() > 1 && word.starts_with('-') => {
                let last = word.chars().next_back();
                place += usize::from(takes_value(command, |arg| arg.get_short() == last));
            }
            None => found.push(place),
        }
        place += 1;
    }
    found
}

fn takes_value(command: &Command, is_meant: impl Fn(&clap::Arg) -> bool) -> bool {
    command.get_arguments().filter(|arg| is_meant(arg)).any(|arg| arg.get_action().takes_values())
}

/// The words as a user types them in a shell.
pub fn line<'a>(words: impl IntoIterator<Item = &'a OsStr>) -> String {
    let quoted = |word: &OsStr| {
        let word = word.to_string_lossy();
        let plain = |c: char| c.is_alphanumeric() || "-_./:=,+@%".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word.into_owned()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    words.into_iter().map(quoted).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, ArgAction};

    #[test]
    fn operands_are_told_from_options_and_their_values() {
        let command = Command::new("t")
            .arg(Arg::new("time").short('t').long("time"))
            .arg(Arg::new("quiet").short('q').long("quiet").action(ArgAction::SetTrue));
        let words: Vec<OsString> =
            "t -t 5 a -q b --time 6 c --time=7 d -qt 8 - -- e".split(' ').map(Into::into).collect();
        let found: Vec<_> = operands(&command, &words).into_iter().map(|place| words[place].to_str()).collect();
        assert_eq!(found, ["a", "b", "c", "d", "-"].map(Some));
    }

    #[test]
    fn a_line_can_be_typed_as_it_is_shown() {
        assert_eq!(line(["a", "b c", "", "it's", "x=/y:1"].map(OsStr::new)), "a 'b c' '' 'it'\\''s' x=/y:1");
    }
}
