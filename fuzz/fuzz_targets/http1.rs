//! Only an answer with a good status is one, and its framing does not change what its body says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt::Linger};
use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::LazyLock;
use waitfor::fuzzed::Page;

struct Server {
    listener: TcpListener,
    status: Page,
    body: Page,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("our own").port();
    let body = Page::new(port, &["--match", "ok", "--not-match", "no"]);
    Server { listener, status: Page::new(port, &[]), body }
});

impl Server {
    /// Whether the page is ready for a client that gets this answer.
    fn is_ready(&self, page: &Page, answer: &[u8]) -> bool {
        let address = self.listener.local_addr().expect("our own");
        let client = TcpStream::connect(address).expect("a connection");
        let (mut server, _) = self.listener.accept().expect("a connection");
        server.write_all(answer).expect("room for a short answer");
        server.shutdown(Shutdown::Write).expect("a connection");
        let ready = page.is_ready(client);
        // A reset leaves no port in TIME_WAIT.
        setsockopt(&server, Linger, &libc::linger { l_onoff: 1, l_linger: 0 }).expect("a socket");
        ready
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [kind, bytes @ ..] = bytes else { return };
    match kind % 2 {
        0 => has_a_good_status(bytes),
        _ => is_judged_by_its_body(*kind, bytes),
    }
});

/// Whatever a server says, its last status line before the body is what counts.
fn has_a_good_status(bytes: &[u8]) {
    if SERVER.is_ready(&SERVER.status, bytes) {
        let status = status_of(bytes).unwrap_or_default();
        assert!((200..400).contains(&status), "{}", bytes.escape_ascii());
    }
}

/// The first status that is not informational.
fn status_of(mut bytes: &[u8]) -> Option<u16> {
    loop {
        let start = bytes.iter().position(|b| !b"\r\n".contains(b))?;
        let head = &bytes[start..];
        let status = head.strip_prefix(b"HTTP/1.")?.get(1..5)?.strip_prefix(b" ")?;
        let status = str::from_utf8(status).ok()?.parse().ok()?;
        if !(100..200).contains(&status) || status == 101 {
            return Some(status);
        }
        let end = |mark: &[u8]| head.windows(mark.len()).position(|window| window == mark).map(|at| at + mark.len());
        bytes = &head[[end(b"\r\n\r\n"), end(b"\n\n"), end(b"\n\r\n")].into_iter().flatten().min()?..];
    }
}

/// A body has the same verdict whole, in chunks, and where only the end of the connection ends it.
fn is_judged_by_its_body(kind: u8, body: &[u8]) {
    let has = |word: &[u8]| body.windows(2).any(|two| two == word);
    let size = usize::from(kind / 2) + 1;
    let chunks: Vec<u8> = body
        .chunks(size)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
        .collect();
    let head = "HTTP/1.1 200 OK\r\n";
    for answer in [
        [format!("{head}Content-Length: {}\r\n\r\n", body.len()).as_bytes(), body, b"ok"].concat(),
        [format!("{head}Transfer-Encoding: chunked\r\n\r\n").as_bytes(), &chunks, b"0\r\n\r\n"].concat(),
        [format!("{head}Connection: close\r\n\r\n").as_bytes(), body].concat(),
    ] {
        let ready = SERVER.is_ready(&SERVER.body, &answer);
        assert_eq!(ready, has(b"ok") && !has(b"no"), "{}", answer.escape_ascii());
    }
}
