//! A target as it is named on the command line.

use crate::target::{self, Means, Target};
use racefree_core::error::Result;
use rustix::process::Pid;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use ureq::http::Uri;

/// What the user wrote, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamedTarget {
    word: OsString,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Tcp { host: String, port: u16 },
    Listen { host: Option<String>, port: u16 },
    Http(Uri),
    Unix(PathBuf),
    File(PathBuf),
    Nonempty(PathBuf),
    Pidfile(PathBuf),
    Pid(Pid),
    Lock(PathBuf),
    Exec(OsString),
    Dns(String),
}

impl fmt::Display for NamedTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.word.display().fmt(f)
    }
}

impl NamedTarget {
    /// Reads a TARGET.
    pub(crate) fn parse(word: OsString) -> std::result::Result<NamedTarget, String> {
        let kind = kind_of(&word)?;
        Ok(NamedTarget { word, kind })
    }

    /// The target itself, not yet looked at.
    pub(crate) fn target(&self, means: &Means) -> Result<Box<dyn Target>> {
        Ok(match self.kind.clone() {
            Kind::Tcp { host, port } => Box::new(target::tcp::Tcp::new(host, port, means)),
            Kind::Listen { host, port } => Box::new(target::listen::Listen::new(host, port, means)),
            Kind::Http(uri) => Box::new(target::http::Http::new(uri, means)?),
            Kind::Unix(path) => Box::new(target::unix::Unix::new(path, means)),
            Kind::File(path) => Box::new(target::file::File::existing(path, means)),
            Kind::Nonempty(path) => Box::new(target::file::File::nonempty(path, means)),
            Kind::Lock(path) => Box::new(target::lock::Lock::new(path, means)),
            Kind::Dns(name) => Box::new(target::dns::Dns::new(name)),
            Kind::Pidfile(path) => Box::new(target::pidfile::Pidfile::new(path, means)),
            Kind::Pid(pid) => Box::new(target::pid::Lives::new(pid)),
            Kind::Exec(line) => Box::new(target::exec::Exec::new(line)),
        })
    }
}

fn kind_of(word: &OsStr) -> std::result::Result<Kind, String> {
    let shown = word.display();
    let Some(colon) = word.as_bytes().iter().position(|&b| b == b':') else {
        return Err(format!("'{shown}' is no target (write tcp:HOST:PORT, unix:PATH, file:PATH, ...; see --help)"));
    };
    let (scheme, rest) = (&word.as_bytes()[..colon], &word.as_bytes()[colon + 1..]);
    let path = || match rest {
        [] => Err(format!("'{shown}' names no file")),
        path => Ok(PathBuf::from(OsString::from_vec(path.to_vec()))),
    };
    match scheme {
        b"tcp" => host_and_port(&text(rest)?, &shown.to_string()),
        b"listen" => listening(&text(rest)?, &shown.to_string()),
        b"http" | b"https" if rest.starts_with(b"//") => url(&text(word.as_bytes())?),
        b"unix" => path().map(Kind::Unix),
        b"file" => path().map(Kind::File),
        b"nonempty" => path().map(Kind::Nonempty),
        b"lock" => path().map(Kind::Lock),
        b"dns" if rest.is_empty() || rest.contains(&b':') => Err(format!("'{shown}' is no name (write dns:NAME)")),
        b"dns" => text(rest).map(Kind::Dns),
        b"pidfile" => path().map(Kind::Pidfile),
        b"pid" => pid(rest).map(Kind::Pid).ok_or_else(|| format!("'{shown}' names no process (write pid:N)")),
        b"exec" if rest.trim_ascii().is_empty() => Err(format!("'{shown}' names no command")),
        b"exec" => Ok(Kind::Exec(OsString::from_vec(rest.to_vec()))),
        _ => host_and_port(&text(word.as_bytes())?, &shown.to_string()),
    }
}

/// Reads `[HOST:]PORT`.
fn listening(text: &str, shown: &str) -> std::result::Result<Kind, String> {
    if !text.contains(':') {
        let digits = Some(text).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let port = digits.and_then(|digits| digits.parse().ok()).filter(|&port| port > 0);
        return port.map(|port| Kind::Listen { host: None, port }).ok_or_else(|| no_port(shown));
    }
    match host_and_port(text, shown)? {
        Kind::Tcp { host, port } => Ok(Kind::Listen { host: Some(host).filter(|host| host != "*"), port }),
        other => Ok(other),
    }
}

fn url(text: &str) -> std::result::Result<Kind, String> {
    let uri: Uri = text.parse().map_err(|e| format!("'{text}' is no URL: {e}"))?;
    let host = uri.host().unwrap_or_default();
    // A port that is no port stays in the authority as it is.
    let has_port = uri.authority().is_some_and(|authority| !authority.as_str().ends_with(host));
    match uri.port_u16() {
        _ if matches!(host, "" | "[]") => Err(format!("'{text}' names no host")),
        Some(0) => Err(no_port(text)),
        // A number with a sign is one to the parser.
        _ if uri.port().is_some_and(|port| !port.as_str().bytes().all(|b| b.is_ascii_digit())) => Err(no_port(text)),
        None if has_port => Err(no_port(text)),
        _ => Ok(Kind::Http(uri)),
    }
}

fn no_port(shown: &str) -> String {
    format!("'{shown}': a port is a number from 1 to 65535")
}

fn text(bytes: &[u8]) -> std::result::Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| format!("'{}' is no host", String::from_utf8_lossy(bytes)))
}

fn pid(digits: &[u8]) -> Option<Pid> {
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    Pid::from_raw(digits.parse().ok()?)
}

/// Reads `HOST:PORT`; an IPv6 address stands in brackets.
fn host_and_port(text: &str, shown: &str) -> std::result::Result<Kind, String> {
    let unknown = || format!("'{shown}' is no target (write tcp:HOST:PORT, unix:PATH, file:PATH, ...; see --help)");
    let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("'{shown}' has no port (write tcp:HOST:PORT)"))?;
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match bracketed {
        Some(host) => host,
        None if host.contains(':') && host.parse::<std::net::Ipv6Addr>().is_ok() => {
            return Err(format!("'{shown}': put an IPv6 address in brackets, as in [::1]:80"));
        }
        None if host.contains([':', '/', '[', ']']) => return Err(unknown()),
        None => host,
    };
    if host.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(unknown());
    }
    match port.parse() {
        Ok(0) | Err(_) => Err(no_port(shown)),
        Ok(port) => Ok(Kind::Tcp { host: host.into(), port }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(word: &str) -> std::result::Result<Kind, String> {
        kind_of(OsStr::new(word))
    }

    #[test]
    fn a_host_and_port_need_no_scheme() {
        for word in ["tcp:db:80", "db:80"] {
            assert_eq!(kind(word), Ok(Kind::Tcp { host: "db".into(), port: 80 }), "{word}");
        }
        for word in ["tcp:[::1]:80", "[::1]:80"] {
            assert_eq!(kind(word), Ok(Kind::Tcp { host: "::1".into(), port: 80 }), "{word}");
        }
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        assert_eq!(kind("unix:/run/a:b"), Ok(Kind::Unix("/run/a:b".into())));
        let odd = OsStr::from_bytes(b"file:/\xff");
        assert_eq!(kind_of(odd), Ok(Kind::File(OsStr::from_bytes(b"/\xff").into())));
    }

    #[test]
    fn what_is_no_target_is_refused() {
        for word in [
            "",
            "x",
            "80",
            ":80",
            "db:",
            "db:0",
            "db:65536",
            "db:99999",
            "db:-1",
            "db:+1",
            "db:http",
            "tcp:80",
            "tcp:",
            "listen:",
            "listen:0",
            "listen:x",
            "listen::80",
            "::1:80",
            "ftp://db/",
            "http://",
            "http:///x",
            "http://db:0/",
            "http://db:99999/",
            "http://a b/",
            "udp:db:53",
            "[::1:80",
            "unix:",
            "file:",
            "pidfile:",
            "pid:",
            "pid:0",
            "pid:-1",
            "pid:1x",
            "exec:",
            "exec: ",
        ] {
            assert!(kind(word).is_err(), "{word}");
        }
    }
}

#[cfg(test)]
mod properties {
    use super::*;
    use proptest::prelude::*;

    const SCHEMES: &str = "(tcp|listen|http|https|unix|file|nonempty|pidfile|pid|lock|exec|dns|TCP|)";

    proptest! {
        #[test]
        fn a_host_and_port_are_read_as_they_were_printed(host in "[a-z0-9][a-z0-9.-]{0,20}", port in 1..=u16::MAX) {
            let kind = kind_of(OsStr::new(&format!("tcp:{host}:{port}")));
            prop_assert_eq!(kind, Ok(Kind::Tcp { host, port }));
        }

        #[test]
        fn no_port_is_beyond_what_a_port_can_be(scheme in SCHEMES, host in "[a-z]{1,4}|\\[::1\\]", port in "[-+]?[0-9]{1,8}") {
            let number = port.parse::<u32>().ok().filter(|_| port.bytes().all(|b| b.is_ascii_digit()));
            let right = number.is_some_and(|number| (1..=65535).contains(&number));
            for word in [format!("tcp:{host}:{port}"), format!("listen:{port}"), format!("{scheme}://{host}:{port}/")] {
                let says_port = matches!(
                    kind_of(OsStr::new(&word)),
                    Ok(Kind::Tcp { .. } | Kind::Listen { .. } | Kind::Http(_))
                );
                prop_assert!(!says_port || right, "{:?}", word);
            }
        }

        #[test]
        fn a_path_is_taken_byte_for_byte(path in proptest::collection::vec(1..=255u8, 1..30)) {
            let word = OsString::from_vec([b"unix:", &path[..]].concat());
            prop_assert_eq!(kind_of(&word), Ok(Kind::Unix(OsString::from_vec(path).into())));
        }

        #[test]
        fn whatever_is_typed_is_a_target_or_refused(scheme in SCHEMES, rest in proptest::collection::vec(any::<u8>(), 0..30)) {
            let word = OsString::from_vec([scheme.as_bytes(), b":", &rest[..]].concat());
            if let Ok(Kind::Pid(pid)) = kind_of(&word) {
                prop_assert!(pid.as_raw_pid() > 0);
            }
        }
    }
}
