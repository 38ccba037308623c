//! A TARGET means what it says: its path byte for byte, its host and port again when they are printed. No password is shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use waitfor::fuzzed::{Meaning, target};

fuzz_target!(|word: &[u8]| {
    means_what_it_says(word);
    hides_the_password(word);
});

fn means_what_it_says(word: &[u8]) {
    let Ok((_, meaning)) = target(OsStr::from_bytes(word)) else { return };
    let colon = word.iter().position(|&b| b == b':').expect("a target has a colon");
    let (scheme, rest) = (&word[..colon], &word[colon + 1..]);
    match meaning {
        Meaning::Port(host, port) => port_is_read(scheme, rest, host, port),
        Meaning::Http(host, port, authorization) => {
            assert!(matches!(scheme, b"http" | b"https") && !host.is_empty() && port > 0);
            let authority = rest[2..].split(|b| b"/?#".contains(b)).next().unwrap_or_default();
            assert_eq!(authorization.is_some(), authority.contains(&b'@'));
        }
        Meaning::Path(path) => {
            assert!([&b"unix"[..], b"file", b"nonempty", b"pidfile", b"lock"].contains(&scheme));
            assert!(!rest.is_empty() && path.as_os_str().as_bytes() == rest);
        }
        Meaning::Pid(number) => {
            assert!(scheme == b"pid" && number > 0);
            assert_eq!(str::from_utf8(rest).ok().and_then(|rest| rest.trim().parse().ok()), Some(number));
        }
        Meaning::Command(line) => assert!(scheme == b"exec" && line.as_bytes() == rest),
        Meaning::Name(name) => assert!(scheme == b"dns" && !name.is_empty() && name.as_bytes() == rest),
    }
}

/// The port is the number at the end of the word, or the name of a service; the host is the text before it.
fn port_is_read(scheme: &[u8], rest: &[u8], host: Option<String>, port: u16) {
    let rest = str::from_utf8(rest).expect("a host is text");
    let typed = rest.rsplit(':').next().unwrap_or_default();
    assert!(port > 0 && (typed.parse() == Ok(port) || typed.starts_with(|c: char| c.is_ascii_alphabetic())));
    let Some(host) = host else {
        return assert!(!rest.contains(':') || rest.starts_with("*:") || rest.starts_with("[*]:"));
    };
    let again =
        |host: &str| target(OsStr::new(&format!("{}:{host}:{port}", scheme_of(scheme)))).map(|(_, meaning)| meaning);
    let printed = if host.contains([':', '/', '[', ']', '@']) { again(&format!("[{host}]")) } else { again(&host) };
    assert_eq!(printed, Ok(Meaning::Port(Some(host), port)));
}

/// `HOST:PORT` is the same as `tcp:HOST:PORT`.
fn scheme_of(scheme: &[u8]) -> &str {
    str::from_utf8(scheme).ok().filter(|scheme| ["listen", "udp", "free"].contains(scheme)).unwrap_or("tcp")
}

/// The password of a URL ends at an @, and no message shows it.
fn hides_the_password(rest: &[u8]) {
    // The text after the password is shown, and may be anything else.
    if !rest.contains(&b'@') || rest.windows(6).any(|six| six == b"SeCrEt") {
        return;
    }
    for scheme in ["http", "https"] {
        let word = OsString::from_vec([scheme.as_bytes(), b"://me:SeCrEt", rest].concat());
        let shown = match target(&word) {
            Ok((shown, _)) => shown,
            Err(why) => why,
        };
        assert!(!shown.contains("SeCrEt"), "{shown}");
    }
}
