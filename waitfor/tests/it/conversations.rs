//! `--send`, `--expect` and `--stable`: what is said over a connection, and how long it lasts.

use crate::common::{place, said, waitfor, waiting_for};
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Linger;
use predicates::prelude::predicate;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};
use tests::{Said, talker};

#[test]
fn a_banner_is_awaited() {
    let place = place();
    let mail = format!("127.0.0.1:{}", talker(b"220 mail\r\n", true));
    let shell = format!("127.0.0.1:{}", talker(b"SSH-2.0-x\r\n", false));
    waitfor(&place, &["--expect", "^220 ", &mail]).success().stdout("").stderr("");
    for (address, why) in [
        (&mail, r#"it says "220 mail\r\n", which /^250 / does not match (1 try in "#),
        (&shell, r#"it says "SSH-2.0-x\r\n", which /^250 / does not match, and hangs up (1 try in "#),
    ] {
        waitfor(&place, &["-t0", "--attempt", "100ms", "--expect", "^250 ", address])
            .code(124)
            .stderr(predicate::str::starts_with(format!("waitfor: {address}: {why}")));
    }
}

#[test]
fn one_that_resets_the_connection_is_not_ready() {
    let place = place();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            setsockopt(&connection, Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 }).unwrap();
        }
    });
    for arguments in [["-t", "0", "--expect", "^220 "], ["-t", "300ms", "--stable", "200ms"]] {
        waitfor(&place, &[&arguments[..], &["--attempt", "10s", &address]].concat())
            .code(124)
            .stderr(predicate::str::contains("Connection reset by peer ("));
    }
}

#[test]
fn one_that_talks_on_and_on_is_heard_for_64_kib() {
    let place = place();
    let address = format!("127.0.0.1:{}", talker(b"na ".repeat(100_000).leak(), true));
    let ask = |regex: &str| said(&place, &["-t", "0", "--attempt", "10m", "--expect", regex, &address]);
    assert_eq!(ask("^(na ){20000}"), Said::SILENT_SUCCESS);
    let said = ask("batman");
    assert_eq!(said.code, 124, "{said:?}");
    assert!(said.stderr.contains(r#" na n...", which /batman/ does not match (1 try in "#), "{said:?}");
}

#[test]
fn a_question_is_asked_over_a_unix_socket_too() {
    let place = place();
    let listener = UnixListener::bind(place.file("s")).unwrap();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut room = [0; 64];
            let length = connection.read(&mut room).unwrap_or(0);
            let answer = if &room[..length] == b"PING\r\n" { "+PONG\r\n" } else { "-ERR\r\n" };
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    waitfor(&place, &["--send", r"PING\r\n", "--expect", r"^\+PONG", "unix:s"]).success().stdout("").stderr("");
    let said = said(&place, &["-t0", "--send", "x", "--expect", r"^\+PONG", "unix:s"]);
    assert_eq!(said.code, 124);
    assert!(said.stderr.contains(r#"it says "-ERR\r\n", which /^\+PONG/ does not match"#), "{said:?}");
}

#[test]
fn one_that_said_something_else_is_asked_again_before_the_attempt_is_over() {
    let place = place();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let loaded = place.file("loaded");
    // As redis: it answers at once, and keeps the connection open for more.
    let daemon = std::thread::spawn(move || {
        let mut kept = vec![];
        for mut connection in listener.incoming().flatten() {
            let answer = if loaded.exists() { "+PONG\r\n" } else { "-LOADING\r\n" };
            let _ = connection.write_all(answer.as_bytes());
            kept.push(connection);
        }
    });
    let arguments = ["--attempt", "10m", "--send", r"PING\r\n", "--expect", r"^\+PONG", &address];
    let waiting = waiting_for(&place, &arguments).until_it_says(r#"it says "-LOADING\r\n", which"#);
    place.write("loaded", "");
    assert_eq!(waiting.ended(), 0);
    drop(daemon);
}

#[test]
fn one_that_accepts_and_closes_is_not_stable() {
    let place = place();
    let forwarder = format!("127.0.0.1:{}", talker(b"", false));
    waitfor(&place, &["-t0", &forwarder]).success().stdout("").stderr("");
    let said = said(&place, &["-v", "-t", "300ms", "--stable", "200ms", &forwarder]);
    assert_eq!(said.code, 124);
    let why = format!("waitfor: {forwarder}: it accepts, but closes the connection (");
    assert!(said.stderr.starts_with(&why), "{said:?}");
}

#[test]
fn one_that_goes_on_answering_is_stable() {
    let place = place();
    place.write("f", "");
    for target in [
        format!("127.0.0.1:{}", talker(b"", true)),
        format!("127.0.0.1:{}", talker(b"daytime\n", false)),
        "file:f".into(),
        "exec:true".into(),
    ] {
        let begun = Instant::now();
        assert_eq!(said(&place, &["--stable", "100ms", &target]), Said::SILENT_SUCCESS, "{target}");
        assert!(begun.elapsed() >= Duration::from_millis(100), "{target}");
    }
}

#[test]
fn an_answer_that_does_not_last_begins_anew() {
    let place = place();
    place.write("f", "");
    let waiting = waiting_for(&place, &["--stable", "1s", "file:f"]).until_it_says("it is there");
    std::fs::remove_file(place.file("f")).unwrap();
    let waiting = waiting.until_it_says("No such file");
    let begun = Instant::now();
    place.write("f", "");
    assert_eq!(waiting.ended(), 0);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

/// Whoever sends without end chooses how much there is to read, and not how long it is read.
#[test]
fn a_flood_does_not_keep_the_wait_from_its_deadline() {
    let place = place();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            std::thread::spawn(move || while connection.write_all(&[b'x'; 1 << 20]).is_ok() {});
        }
    });
    let began = Instant::now();
    waitfor(&place, &["-t", "20s", "--stable", "300ms", &address]).success();
    let said = said(&place, &["-t", "300ms", "--expect", "never", &address]);
    assert!(said.code == 124 && said.stderr.contains("it says \"xxx"), "{said:?}");
    waitfor(&place, &["-t", "300ms", "exec:yes; false"]).code(124);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
