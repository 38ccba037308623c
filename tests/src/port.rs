//! A port that no other test has, and who answers on it.

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn};
use nix::sys::socket::{bind, listen, socket};
use std::fmt;
use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// The ports that tests have: below those from which the kernel picks one for a socket that names none (ip(7),
/// `ip_local_port_range`), so that no connection has one of them by chance.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// A port that nobody uses on any address, by TCP or by UDP, and that no other test gets until this process has ended.
///
/// # Panics
/// There is none.
pub fn free_port() -> u16 {
    // Tests that start at the same time look in different places first.
    let first = std::process::id() as usize * 64 % PORTS.len();
    let mut ports = PORTS.cycle().skip(first).take(PORTS.len());
    ports.find(|port| is_ours(*port) && is_unused(*port)).expect("a free port")
}

/// Whether this process is the one that has taken this number. An abstract socket lives as long as its process, and its
/// name is as wide as its ports: it is of the network namespace (unix(7)).
fn is_ours(port: u16) -> bool {
    let name = SocketAddr::from_abstract_name(format!("racefree test port {port}")).expect("a short name");
    // It is never closed: a port is given out once.
    UnixListener::bind_addr(&name).map(IntoRawFd::into_raw_fd).is_ok()
}

/// On both families at once: an IPv6 socket of all addresses takes the IPv4 port, too (ipv6(7)).
fn is_unused(port: u16) -> bool {
    let everywhere = (Ipv6Addr::UNSPECIFIED, port);
    TcpListener::bind(everywhere).is_ok() && UdpSocket::bind(everywhere).is_ok()
}

/// A port of 127.0.0.1 that is ours, and refuses until it is told to listen. It is written as `127.0.0.1:PORT`.
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
        let number = free_port();
        bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, number)).expect("a free port");
        Port { socket, number }
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
