//! The line that the user meant, for a line that other tools understand: `pidfile stop -9 P`, `pidfile status P`.

use racefree::cli::meant::line;
use racefree::signal::Signal;
use std::ffi::{OsStr, OsString};

/// The line that the user meant, if that is clear.
pub(crate) fn meant(words: &[OsString]) -> Option<String> {
    let verb = words.get(1)?.to_str()?;
    let rest: Vec<&OsStr> = words[2..].iter().map(OsString::as_os_str).collect();
    let (signal, mut others) = signal_and_others(&rest);
    let last = others.last().and_then(|word| signal_name(word.to_str()?));
    let swapped = last.filter(|_| verb == "signal" && signal.is_none() && others.len() == 2);
    others.truncate(if swapped.is_some() { 1 } else { others.len() });
    let signal = signal.or(swapped);
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

/// The signal as kill(1) takes it, `-9`, `-KILL` or `-s KILL`, and the other words.
fn signal_and_others<'a>(words: &[&'a OsStr]) -> (Option<String>, Vec<&'a OsStr>) {
    let (mut signal, mut others) = (None, Vec::new());
    let mut words = words.iter().copied().peekable();
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        let next = words.peek().and_then(|next| signal_name(next.to_str()?));
        let named = next.filter(|_| ["-s", "-n", "--signal"].contains(&text));
        if named.is_some() {
            words.next();
        }
        match named.or_else(|| signal_name(text.strip_prefix('-')?)) {
            Some(name) => signal = Some(name),
            None => others.push(word),
        }
    }
    (signal, others)
}

/// The name of a signal without SIG.
fn signal_name(text: &str) -> Option<String> {
    text.parse::<Signal>().ok().map(|signal| signal.to_string().trim_start_matches("SIG").to_owned())
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
            ("pidfile signal -s 9 p", Some("pidfile signal KILL p")),
            ("pidfile signal p HUP", Some("pidfile signal HUP p")),
            ("pidfile stop -s INT p q", Some("pidfile stop --signal INT p q")),
            ("pidfile kill --signal USR1 p", Some("pidfile signal USR1 p")),
            ("pidfile kill p", Some("pidfile stop p")),
            ("pidfile kill -USR1 p", Some("pidfile signal USR1 p")),
            ("pidfile status p", Some("pidfile read p")),
            ("pidfile start p redis-server --port 1", Some("pidfile claim --background p redis-server --port 1")),
            ("pidfile restart p d", Some("pidfile claim --replace p d")),
            ("pidfile reload p", Some("pidfile signal HUP p")),
            ("pidfile stop --nonsense p", None),
            ("pidfile stop -s nonsense p", None),
            ("pidfile signal p nonsense", None),
            ("pidfile frobnicate p", None),
            ("pidfile", None),
        ] {
            let words: Vec<OsString> = typed.split(' ').map(Into::into).collect();
            assert_eq!(meant(&words).as_deref(), meant_line, "{typed}");
        }
    }
}
