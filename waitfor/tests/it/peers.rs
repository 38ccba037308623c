//! The rows of the cookbook for wait-for-it and wait-on, run side by side with the real tools: the same answers.
//!
//! No registry package ships dockerize or wait4x: the `dockerize` of npm and that of PyPI are other programs.

use crate::common::place;
use std::os::unix::net::UnixListener;
use tests::{Place, Port, web_server};

/// Whether each line succeeds, in one shell after the other.
fn answers(place: &Place, lines: [&str; 2]) -> [bool; 2] {
    lines.map(|line| place.sh(&format!("{line} >said 2>&1")).code == 0)
}

#[test]
fn wait_for_it_and_waitfor_give_the_same_answers() {
    if !tests::needs("wait-for-it", "wait-for-it") {
        return;
    }
    let (place, there, refused) = (place(), Port::listening(), Port::reserved());
    for (port, is_ready) in [(&there, true), (&refused, false)] {
        for [theirs, ours] in [
            [format!("wait-for-it -t 1 {port}"), format!("waitfor -t 1s {port}")],
            [format!("wait-for-it -s -t 1 {port} -- true"), format!("waitfor -t 1s {port} -- true")],
        ] {
            assert_eq!(answers(&place, [&theirs, &ours]), [is_ready; 2], "{theirs} | {ours}");
        }
    }
    let ended = ["wait-for-it -s -t 5", "waitfor -t 5s"]
        .map(|wait| place.sh(&format!("{wait} {there} -- sh -c 'exit 7'")).code);
    assert_eq!(ended, [7, 7]);
    let late =
        ["wait-for-it -q -s -t 1", "waitfor -q -t 1s"].map(|wait| place.sh(&format!("{wait} {refused} -- true")).code);
    assert_eq!(late, [124, 124]);
}

#[test]
fn wait_on_and_waitfor_give_the_same_answers() {
    if !tests::needs("wait-on", "npm") {
        return;
    }
    let (place, there, refused) = (place(), Port::listening(), Port::reserved());
    let (fine, broken) = (
        web_server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        web_server("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"),
    );
    let socket = UnixListener::bind(place.file("socket")).unwrap();
    place.write("ready", "");
    let (there, refused) = (there.number(), refused.number());
    let line = |theirs: &str, ours: &str| [format!("wait-on -t 4000 {theirs}"), format!("waitfor -t 4s {ours}")];
    for ([theirs, ours], is_ready) in [
        (line(&format!("file:ready tcp:127.0.0.1:{there}"), &format!("file:ready tcp:127.0.0.1:{there}")), true),
        (line(&format!("http-get://127.0.0.1:{fine}/x"), &format!("http://127.0.0.1:{fine}/x")), true),
        (line("socket:socket", "unix:socket"), true),
        (
            line(
                &format!("-r file:absent tcp:127.0.0.1:{refused}"),
                &format!("--down file:absent tcp:127.0.0.1:{refused}"),
            ),
            true,
        ),
        (line("-w 500 file:ready", "--stable 500ms file:ready"), true),
        (line(&format!("tcp:127.0.0.1:{refused}"), &format!("tcp:127.0.0.1:{refused}")), false),
        (line(&format!("http-get://127.0.0.1:{broken}/"), &format!("http://127.0.0.1:{broken}/")), false),
        (line("file:ready file:absent", "file:ready file:absent"), false),
    ] {
        assert_eq!(answers(&place, [&theirs, &ours]), [is_ready; 2], "{theirs} | {ours}\n{}", place.content("said"));
    }
    drop(socket);
}
