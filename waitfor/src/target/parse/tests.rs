//! The words that are read as a TARGET, and the words that are refused.

use super::*;
use proptest::prelude::*;

fn spec(word: &str) -> std::result::Result<Spec, String> {
    spec_of(OsStr::new(word))
}

#[test]
fn a_host_and_port_need_no_scheme() {
    for word in ["tcp:db:80", "db:80"] {
        assert_eq!(spec(word), Ok(Spec::Tcp { host: "db".into(), port: 80 }), "{word}");
    }
    for word in ["tcp:[::1]:80", "[::1]:80"] {
        assert_eq!(spec(word), Ok(Spec::Tcp { host: "::1".into(), port: 80 }), "{word}");
    }
}

#[test]
fn a_path_is_taken_as_it_is() {
    assert_eq!(spec("unix:/run/a:b"), Ok(Spec::Unix("/run/a:b".into())));
    let odd = OsStr::from_bytes(b"file:/\xff");
    assert_eq!(spec_of(odd), Ok(Spec::File(OsStr::from_bytes(b"/\xff").into())));
}

#[test]
fn the_password_of_a_url_that_is_not_utf_8_is_not_shown() {
    let refused = spec_of(OsStr::from_bytes(b"http://me:secret\xff@db/"));
    assert_eq!(refused, Err("'http://me:***@db/' is no host".into()));
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
        "db:no-such-service",
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
        "udp:",
        "udp:53:",
        "free:localhost:80",
        "free:0",
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
        assert!(spec(word).is_err(), "{word}");
    }
}

const SCHEMES: &str = "(tcp|listen|http|https|unix|file|nonempty|pidfile|pid|lock|exec|dns|TCP|)";

proptest! {
    #[test]
    fn a_host_and_port_are_read_as_they_were_printed(host in "[a-z0-9][a-z0-9.-]{0,20}", port in 1..=u16::MAX) {
        let kind = spec_of(OsStr::new(&format!("tcp:{host}:{port}")));
        prop_assert_eq!(kind, Ok(Spec::Tcp { host, port }));
    }

    #[test]
    fn no_port_is_beyond_what_a_port_can_be(scheme in SCHEMES, host in "[a-z]{1,4}|\\[::1\\]", port in "[-+]?[0-9]{1,8}") {
        let number = port.parse::<u32>().ok().filter(|_| port.bytes().all(|b| b.is_ascii_digit()));
        let right = number.is_some_and(|number| (1..=65535).contains(&number));
        for word in [format!("tcp:{host}:{port}"), format!("listen:{port}"), format!("{scheme}://{host}:{port}/")] {
            let says_port = matches!(
                spec_of(OsStr::new(&word)),
                Ok(Spec::Tcp { .. } | Spec::Listen { .. } | Spec::Http(_))
            );
            prop_assert!(!says_port || right, "{:?}", word);
        }
    }

    #[test]
    fn a_path_is_taken_byte_for_byte(path in proptest::collection::vec(1..=255u8, 1..30)) {
        let word = OsString::from_vec([b"unix:", &path[..]].concat());
        prop_assert_eq!(spec_of(&word), Ok(Spec::Unix(OsString::from_vec(path).into())));
    }

    #[test]
    fn whatever_is_typed_is_a_target_or_refused(scheme in SCHEMES, rest in proptest::collection::vec(any::<u8>(), 0..30)) {
        let word = OsString::from_vec([scheme.as_bytes(), b":", &rest[..]].concat());
        if let Ok(Spec::Pid(pid)) = spec_of(&word) {
            prop_assert!(pid.as_raw() > 0);
        }
    }
}
