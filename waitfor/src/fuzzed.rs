//! What a fuzzer reads that is private otherwise (fuzz/), with plain results.

use crate::cli::Cli;
use crate::target::Answer;
use crate::target::http::client::HttpClient;
use crate::target::http::url::Url;
use crate::target::http::{http2, request};
use crate::target::parse::{NamedTarget, Spec};
use clap::Parser;
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

/// The meaning of a TARGET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A host, if it was named, and a port.
    Port(Option<String>, u16),
    /// A host and a port, to be asked over HTTP, with this header Authorization.
    Http(String, u16, Option<Vec<u8>>),
    /// A file.
    Path(PathBuf),
    /// A process.
    Pid(i32),
    /// A command.
    Command(std::ffi::OsString),
    /// A name.
    Name(String),
}

/// Reads a TARGET: as it is shown, and its meaning.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn target(word: &OsStr) -> Result<(String, Meaning), String> {
    let named = NamedTarget::parse(word)?;
    let meaning = match named.spec.clone() {
        Spec::Tcp { host, port } => Meaning::Port(Some(host), port),
        Spec::Listen { host, port, .. } => Meaning::Port(host, port),
        Spec::Free { address, port } => Meaning::Port(address.map(|address| address.to_string()), port),
        Spec::Http(url) => {
            let authorization = url.authorization.as_ref().map(|value| value.as_bytes().to_vec());
            Meaning::Http(url.host().to_owned(), url.port(), authorization)
        }
        Spec::Unix(path) | Spec::File(path) | Spec::Nonempty(path) | Spec::Pidfile(path) | Spec::Lock(path) => {
            Meaning::Path(path)
        }
        Spec::Pid(pid) => Meaning::Pid(pid.as_raw()),
        Spec::Exec(line) => Meaning::Command(line),
        Spec::Dns(name) => Meaning::Name(name),
    };
    Ok((named.to_string(), meaning))
}

/// A page to ask for, and the rules for its answers.
#[derive(Debug)]
pub struct Page {
    url: Url,
    client: HttpClient,
}

impl Page {
    /// A page of a server on this port of the loopback, with these options of the command line.
    ///
    /// # Panics
    /// The options are wrong.
    pub fn new(port: u16, options: &[&str]) -> Page {
        let url = Url::parse(&format!("http://127.0.0.1:{port}/")).expect("a URL");
        let cli = Cli::parse_from([&["waitfor"], options, &["http://127.0.0.1/"]].concat());
        let client = HttpClient::new(&cli.http, Duration::from_secs(5), false).expect("no file is read");
        // Each answer is for one connection: none is tried over HTTP/2 as well.
        client.has_spoken_http1();
        Page { url, client }
    }

    /// Whether the page is ready, by the answer over this connection.
    pub fn is_ready(&self, connected: TcpStream) -> bool {
        request::answer(&self.url, &self.client, Some(connected)) == Answer::YES
    }

    /// Whether the page is ready, by the answer over this stream, which speaks HTTP/2.
    pub fn is_ready_over_http2(&self, stream: impl Read + Write) -> bool {
        http2::over(stream, &self.url, &self.client).is_ok_and(|answer| answer == Answer::YES)
    }
}
