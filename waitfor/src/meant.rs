//! The meaning of a line that other tools would understand: `waitfor h:1 echo hi`, `waitfor unix:///p`, `waitfor
//! /path`.

use crate::target::http::url::masked;
use crate::target::parse::NamedTarget;
use clap::Command;
use racefree::cli::meant::{line, operands};
use std::ffi::{OsStr, OsString};

/// The line that was meant, if it can be told: each TARGET is one then, and COMMAND stands behind `--`.
pub(crate) fn meant(command: &Command, typed: &[OsString]) -> Option<String> {
    let mut words = typed.to_vec();
    let places = operands(command, &words);
    for (nth, &place) in places.iter().enumerate() {
        match as_target(&words[place]) {
            Some(target) => words[place] = target,
            // The first that cannot be a TARGET begins COMMAND, if one is not given already.
            None if nth > 0 && !words.iter().any(|word| word == "--") => {
                words.insert(place, "--".into());
                break;
            }
            None => return None,
        }
    }
    words[0] = "waitfor".into();
    let shown: Vec<OsString> = words.iter().map(|word| masked(&word.to_string_lossy()).into()).collect();
    Some(line(shown.iter().map(OsString::as_os_str))).filter(|_| words[1..] != typed[1..])
}

/// The word, or what it says in another spelling.
fn as_target(word: &OsStr) -> Option<OsString> {
    let is_one = |word: &OsString| NamedTarget::parse(word).is_ok();
    let text = word.to_str()?;
    let spelt = match text.split_once("://") {
        Some((scheme @ ("unix" | "file"), rest)) => format!("{scheme}:{rest}"),
        None if text.starts_with(['/', '.']) => format!("file:{text}"),
        _ => text.to_owned(),
    };
    Some(OsString::from(spelt)).filter(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn what_other_tools_would_understand_is_answered_with_the_line_that_was_meant() {
        for (typed, meant_line) in [
            ("waitfor h:1 echo hi", Some("waitfor h:1 -- echo hi")),
            ("waitfor -t 5 h:1 h:2 ./run h:3", Some("waitfor -t 5 h:1 h:2 file:./run h:3")),
            ("waitfor tcp://h:1", None),
            ("waitfor http://me:secret@h echo", Some("waitfor 'http://me:***@h' -- echo")),
            ("waitfor -q file:///a/b unix:///c", Some("waitfor -q file:/a/b unix:/c")),
            ("waitfor /path -- echo hi", Some("waitfor file:/path -- echo hi")),
            ("waitfor tcp://h:1 echo hi", Some("waitfor tcp://h:1 -- echo hi")),
            ("waitfor --nonsense h:1", None),
            ("waitfor nonsense", None),
            ("waitfor nonsense -- echo", None),
            ("waitfor", None),
        ] {
            let words: Vec<OsString> = typed.split(' ').map(Into::into).collect();
            assert_eq!(meant(&crate::Cli::command(), &words).as_deref(), meant_line, "{typed}");
        }
    }
}
