//! What was meant by a line that other tools would understand: `waitfor h:1 echo hi`, `waitfor tcp://h:1`, `waitfor /path`.

use crate::target::parse::NamedTarget;
use clap::CommandFactory;
use racefree_core::cli::meant::{line, operands};
use std::ffi::{OsStr, OsString};

/// The line that was meant, if it can be told: each TARGET is one then, and COMMAND stands behind `--`.
pub(crate) fn meant(typed: &[OsString]) -> Option<String> {
    let mut words = typed.to_vec();
    let places = operands(&crate::Cli::command(), &words);
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
    Some(line(words.iter().map(OsString::as_os_str))).filter(|_| words[1..] != typed[1..])
}

/// The word, or what it says in another spelling.
fn as_target(word: &OsStr) -> Option<OsString> {
    let is_one = |word: &OsString| NamedTarget::parse(word.clone()).is_ok();
    let text = word.to_str()?;
    let spelt = match text.split_once("://") {
        Some((scheme @ ("tcp" | "unix" | "file"), rest)) => format!("{scheme}:{rest}"),
        None if text.starts_with(['/', '.']) => format!("file:{text}"),
        _ => text.to_owned(),
    };
    Some(OsString::from(spelt)).filter(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_tools_would_understand_is_answered_with_the_line_that_was_meant() {
        for (typed, meant_line) in [
            ("waitfor h:1 echo hi", Some("waitfor h:1 -- echo hi")),
            ("waitfor -t 5 h:1 h:2 ./run h:3", Some("waitfor -t 5 h:1 h:2 file:./run h:3")),
            ("waitfor tcp://h:1", Some("waitfor tcp:h:1")),
            ("waitfor -q file:///a/b unix:///c", Some("waitfor -q file:/a/b unix:/c")),
            ("waitfor /path -- echo hi", Some("waitfor file:/path -- echo hi")),
            ("waitfor tcp://h:1 echo hi", Some("waitfor tcp:h:1 -- echo hi")),
            ("waitfor --nonsense h:1", None),
            ("waitfor nonsense", None),
            ("waitfor nonsense -- echo", None),
            ("waitfor", None),
        ] {
            let words: Vec<OsString> = typed.split(' ').map(Into::into).collect();
            assert_eq!(meant(&words).as_deref(), meant_line, "{typed}");
        }
    }
}
