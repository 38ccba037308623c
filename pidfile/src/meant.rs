//! The line that the user meant, for a line that other tools understand: `pidfile stop -9 P`, `pidfile status P`.

use racefree::cli::meant::line;
use racefree::signal::Signal;
use std::ffi::{OsStr, OsString};

/// The line that the user meant, if that is clear.
pub(crate) fn meant(words: &[OsString]) -> Option<String> {
    let verb = words.get(1)?.to_str()?;
    let rest: Vec<&OsStr> = words[2..].iter().map(OsString::as_os_str).collect();
    let signal = rest.iter().find_map(|word| dashed_signal(word));
    let others = rest.iter().copied().filter(|word| dashed_signal(word).is_none()).collect::<Vec<_>>();
    let start: &[&str] = match (verb, &signal) {
        ("status" | "check" | "show" | "get" | "pid" | "is-running", _) => &["read"],
        ("start" | "run" | "exec" | "daemon", _) => &["claim", "--background"],
        ("restart" | "reexec", _) => &["claim", "--replace"],
        ("reload", None) => &["signal", "HUP"],
        ("signal" | "kill", Some(signal)) => &["signal", signal],
        ("stop", Some(signal)) => &["stop", "--signal", signal],
        ("kill" | "end" | "terminate" | "quit", None) => &["stop"],
        _ => return None,
    };
    Some(line(["pidfile"].iter().chain(start).map(OsStr::new).chain(others)))
}

/// `-9`, `-KILL` or `-SIGKILL`, as kill(1) takes it.
fn dashed_signal(word: &OsStr) -> Option<String> {
    let name = word.to_str()?.strip_prefix('-')?;
    name.parse::<Signal>().ok().map(|signal| signal.to_string().trim_start_matches("SIG").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_tools_would_understand_is_answered_with_the_line_that_was_meant() {
        for (typed, meant_line) in [
            ("pidfile stop -9 p", Some("pidfile stop --signal KILL p")),
            ("pidfile stop -SIGINT p q", Some("pidfile stop --signal INT p q")),
            ("pidfile signal -HUP p", Some("pidfile signal HUP p")),
            ("pidfile kill p", Some("pidfile stop p")),
            ("pidfile kill -USR1 p", Some("pidfile signal USR1 p")),
            ("pidfile status p", Some("pidfile read p")),
            ("pidfile start p redis-server --port 1", Some("pidfile claim --background p redis-server --port 1")),
            ("pidfile restart p d", Some("pidfile claim --replace p d")),
            ("pidfile reload p", Some("pidfile signal HUP p")),
            ("pidfile stop --nonsense p", None),
            ("pidfile frobnicate p", None),
            ("pidfile", None),
        ] {
            let words: Vec<OsString> = typed.split(' ').map(Into::into).collect();
            assert_eq!(meant(&words).as_deref(), meant_line, "{typed}");
        }
    }
}
