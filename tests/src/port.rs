//! A port of 127.0.0.1, and who answers on it.

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn};
use nix::sys::socket::{bind, getsockname, listen, socket};
use std::fmt;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};

/// A port that is ours, and refuses until it is told to listen. It is written as `127.0.0.1:PORT`.
#[derive(Debug)]
pub struct Port {
    socket: OwnedFd,
    number: u16,
}

impl Port {
    /// One that refuses.
    ///
    /// # Panics
    /// There is no free port.
    pub fn reserved() -> Port {
        // Not to be inherited: what other tests start would keep it open.
        let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None);
        let socket = socket.expect("a socket");
        bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 0)).expect("a free port");
        let address: SockaddrIn = getsockname(socket.as_raw_fd()).expect("its name");
        Port { socket, number: address.port() }
    }

    /// One that accepts.
    ///
    /// # Panics
    /// There is no free port.
    pub fn listening() -> Port {
        let port = Port::reserved();
        port.listen();
        port
    }

    /// Accepts from now on.
    ///
    /// # Panics
    /// It is refused.
    pub fn listen(&self) {
        listen(&self.socket, Backlog::new(4096).expect("a length")).expect("a socket of our own");
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "127.0.0.1:{}", self.number)
    }
}

impl From<Port> for TcpListener {
    fn from(port: Port) -> TcpListener {
        port.socket.into()
    }
}

/// The port of one who says something to each connection, then hears it out, or closes it at once.
///
/// # Panics
/// There is no free port.
pub fn talker(greeting: &'static [u8], hears_out: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("our own socket").port();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            // Whoever only knocks has gone by now.
            let _ = connection.write_all(greeting);
            if hears_out {
                std::thread::spawn(move || std::io::copy(&mut connection, &mut std::io::sink()));
            }
        }
    });
    port
}

/// The port of one who answers each request over http with these bytes.
///
/// # Panics
/// There is no free port.
pub fn web_server(answer: &'static str) -> u16 {
    web_server_of(vec![answer])
}

/// The port of one who answers the first request of a connection with the first of these, the second with the second,
/// and closes it.
///
/// # Panics
/// There is no free port.
pub fn web_server_of(answers: Vec<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("our own socket").port();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            for answer in &answers {
                let mut request = vec![];
                let mut room = [0; 4096];
                while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
                    match connection.read(&mut room) {
                        Ok(length) if length > 0 => request.extend_from_slice(&room[..length]),
                        _ => break,
                    }
                }
                // Whoever only knocks has gone by now.
                let _ = connection.write_all(answer.as_bytes());
            }
        }
    });
    port
}
