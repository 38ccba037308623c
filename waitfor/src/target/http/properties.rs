//! Whatever a server says, only an answer with a good status is one.

use super::client::HttpClient;
use super::request::answer;
use super::url::Url;
use crate::target::Answer;
use clap::Parser;
use proptest::prelude::*;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

/// The answer of a server, or of a program that is none.
fn answers() -> impl Strategy<Value = Vec<u8>> {
    let line = "(HTTP/1\\.[01] [0-9]{3} ?[a-zA-Z ]{0,6}\r\n)?";
    let header = "((Content-Length|Transfer-Encoding|Location|X): ?([0-9]{1,20}|chunked|/x|[ -~]{0,8})\r?\n){0,3}";
    let text = format!("{line}{header}(\r\n)?");
    let noise = proptest::collection::vec(any::<u8>(), 0..60);
    (proptest::string::string_regex(&text).expect("a pattern"), noise)
        .prop_map(|(text, noise)| [text.into_bytes(), noise].concat())
}

/// A server that says what it is told to, once to each, and hangs up.
fn server() -> (u16, mpsc::Sender<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("our own").port();
    let (say, said) = mpsc::channel::<Vec<u8>>();
    std::thread::spawn(move || {
        for answer in said {
            let Ok((mut caller, _)) = listener.accept() else { return };
            // Who hangs up early has heard enough.
            let _ = caller.read(&mut [0; 4096]);
            let _ = caller.write_all(&answer);
        }
    });
    (port, say)
}

#[test]
fn only_an_answer_with_a_good_status_is_one() {
    let (port, say) = server();
    let url = Url::parse(&format!("http://127.0.0.1:{port}/")).expect("a URL");
    let cli = crate::Cli::parse_from(["waitfor", "http://127.0.0.1/"]);
    let client = HttpClient::new(&cli.http, Duration::from_secs(5), false).expect("no file is read");
    // Each answer is for one connection: none is tried over HTTP/2 as well.
    client.has_spoken_http1();
    let config = ProptestConfig::default();
    // Each is a connection.
    let config = ProptestConfig { cases: config.cases.min(20_000), ..config };
    proptest!(config, |(bytes in answers())| {
        say.send(bytes.clone()).expect("the server");
        if answer(&url, &client, None) == Answer::YES {
            let shown = bytes.escape_ascii().to_string();
            // Informational answers may come before the one that counts.
            let lines: Vec<&[u8]> = bytes.split(|&b| b == b'\n').filter(|line| line.starts_with(b"HTTP/1.")).collect();
            prop_assert!(lines.iter().any(|line| matches!(line.get(9), Some(b'2' | b'3'))), "{}", shown);
        }
    });
}
