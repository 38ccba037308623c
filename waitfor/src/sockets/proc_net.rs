//! The tables of sockets in /proc/net, for where the kernel may not be asked through sock_diag(7).
//!
//! /proc/net/tcp6 does not tell whether a listener on all addresses of IPv6 accepts IPv4 too. It is taken to do so, as
//! is the default.

use super::listener::{Listener, Transport};
use racefree::open::read_proc;
use std::ffi::OsStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const LISTENING: &str = "0A";
/// The state of a UDP socket that is not connected.
const UNCONNECTED: &str = "07";
const SO_ACCEPTCON: u32 = 1 << 16;

/// A line of /proc/net/tcp.
struct Row {
    near: SocketAddr,
    far: SocketAddr,
    state: String,
    socket: u64,
}

/// The sockets that listen (TCP) or are bound (UDP) on a port, or on any port.
pub(crate) fn on_port(transport: Transport, port: Option<u16>) -> io::Result<Vec<Listener>> {
    let state = match transport {
        Transport::Tcp => LISTENING,
        Transport::Udp => UNCONNECTED,
    };
    let wanted = |row: &Row| row.state == state && port.is_none_or(|port| row.near.port() == port);
    Ok(rows(transport)?.into_iter().filter(wanted).map(Listener::from).collect())
}

/// The TCP sockets of any state with this local port.
pub(crate) fn of_any_state(port: u16) -> io::Result<Vec<Listener>> {
    let wanted = |row: &Row| row.near.port() == port;
    Ok(rows(Transport::Tcp)?.into_iter().filter(wanted).map(Listener::from).collect())
}

impl From<Row> for Listener {
    fn from(row: Row) -> Listener {
        Listener { address: row.near.ip(), port: row.near.port(), only_ipv6: false, socket: row.socket }
    }
}

/// The socket at the end `near` of the connection to `far`. `None`: no process has the socket, because it is not
/// accepted yet, or closed.
pub(crate) fn of_connection(near: SocketAddr, far: SocketAddr) -> io::Result<Option<u64>> {
    let ends = |row: &Row| (row.near.ip().to_canonical(), row.near.port(), row.far.ip().to_canonical(), row.far.port());
    let wanted = (near.ip(), near.port(), far.ip(), far.port());
    let found = rows(Transport::Tcp)?.into_iter().find(|row| row.state != LISTENING && ends(row) == wanted);
    Ok(found.map(|row| row.socket).filter(|&socket| socket != 0))
}

/// The tables of 50,000 sockets are no longer. How many there are is a stranger's choice.
const LONGEST: u64 = 8 << 20;

fn rows(transport: Transport) -> io::Result<Vec<Row>> {
    let (v4, v6) = match transport {
        Transport::Tcp => ("/proc/net/tcp", "/proc/net/tcp6"),
        Transport::Udp => ("/proc/net/udp", "/proc/net/udp6"),
    };
    let mut table = read_proc(v4, LONGEST)?;
    // Absent where there is no IPv6.
    table.extend(read_proc(v6, LONGEST).unwrap_or_default());
    Ok(String::from_utf8_lossy(&table).lines().filter_map(row).collect())
}

fn row(line: &str) -> Option<Row> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, near, far, state, ..] = fields[..] else { return None };
    let socket = fields.get(9)?.parse().ok()?;
    Some(Row { near: address(near)?, far: address(far)?, state: state.to_owned(), socket })
}

/// Reads `0100007F:0050`: the words of an address as this machine orders their bytes, and a port.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| Some(u32::from_str_radix(address.get(at * 8..at * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match address.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        _ => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
            IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?))
        }
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// The sockets that listen behind a path, or under the abstract name that `@` begins. A socket that was bound by a
/// relative path is found by that relative path only.
pub(crate) fn on_path(path: &Path) -> io::Result<Vec<u64>> {
    let table = read_proc("/proc/net/unix", LONGEST)?;
    let file = std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let is_it = |bound: &[u8]| {
        let bound = Path::new(OsStr::from_bytes(bound));
        let there = || std::fs::metadata(bound).ok().map(|found| (found.dev(), found.ino()));
        bound == path || bound.is_absolute() && file.is_some() && there() == file
    };
    let listening = table.split(|&b| b == b'\n').filter_map(listening_unix);
    Ok(listening.filter(|(_, bound)| is_it(bound)).map(|(socket, _)| socket).collect())
}

/// Reads a line of /proc/net/unix, `Num RefCount Protocol Flags Type St Inode Path`: the inode and the path of a socket
/// that listens. Only the inode is padded with blanks.
fn listening_unix(line: &[u8]) -> Option<(u64, &[u8])> {
    let mut fields = line.splitn(7, |&b| b == b' ');
    let flags = u32::from_str_radix(std::str::from_utf8(fields.nth(3)?).ok()?, 16).ok()?;
    let rest = fields.nth(2)?.trim_ascii_start();
    let digits = rest.iter().position(|&b| b == b' ')?;
    let socket = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    (flags & SO_ACCEPTCON != 0).then_some((socket, &rest[digits + 1..]))
}
