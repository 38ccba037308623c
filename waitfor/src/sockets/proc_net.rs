//! What /proc/net tells of sockets: the second way, where the kernel may not be asked (sock_diag(7)).
//!
//! A listener on all of IPv6 is taken to accept IPv4 too, as it does by default: /proc/net/tcp6 does not tell.

use super::Listener;
use std::ffi::OsStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const LISTENING: &str = "0A";
const SO_ACCEPTCON: u32 = 1 << 16;

/// A line of /proc/net/tcp.
struct Row {
    near: SocketAddr,
    far: SocketAddr,
    listens: bool,
    socket: u64,
}

/// Those that listen on a port, of IPv4 and IPv6.
pub(crate) fn on_port(port: u16) -> io::Result<Vec<Listener>> {
    let listening = rows()?.into_iter().filter(|row| row.listens && row.near.port() == port);
    Ok(listening.map(|row| Listener { address: row.near.ip(), only_ipv6: false, socket: row.socket }).collect())
}

/// The socket at the end `near` of the connection to `far`, unless nobody has it: not yet accepted, or closed.
pub(crate) fn of_connection(near: SocketAddr, far: SocketAddr) -> io::Result<Option<u64>> {
    let ends = |row: &Row| (row.near.ip().to_canonical(), row.near.port(), row.far.ip().to_canonical(), row.far.port());
    let wanted = (near.ip(), near.port(), far.ip(), far.port());
    let found = rows()?.into_iter().find(|row| !row.listens && ends(row) == wanted);
    Ok(found.map(|row| row.socket).filter(|&socket| socket != 0))
}

fn rows() -> io::Result<Vec<Row>> {
    let mut table = std::fs::read_to_string("/proc/net/tcp")?;
    // Absent where there is no IPv6.
    table.push_str(&std::fs::read_to_string("/proc/net/tcp6").unwrap_or_default());
    Ok(table.lines().filter_map(row).collect())
}

fn row(line: &str) -> Option<Row> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, near, far, state, ..] = fields[..] else { return None };
    let socket = fields.get(9)?.parse().ok()?;
    Some(Row { near: address(near)?, far: address(far)?, listens: state == LISTENING, socket })
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

/// The sockets that listen behind a path, or under the abstract name that `@` begins. One bound by a relative path is
/// found by the same path only.
pub(crate) fn on_path(path: &Path) -> io::Result<Vec<u64>> {
    let table = std::fs::read("/proc/net/unix")?;
    let file = std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let is_it = |bound: &[u8]| {
        let bound = Path::new(OsStr::from_bytes(bound));
        let there = || std::fs::metadata(bound).ok().map(|found| (found.dev(), found.ino()));
        bound == path || bound.is_absolute() && file.is_some() && there() == file
    };
    let listening = table.split(|&b| b == b'\n').filter_map(listening_unix);
    Ok(listening.filter(|(_, bound)| is_it(bound)).map(|(socket, _)| socket).collect())
}

/// Reads a line of /proc/net/unix, where it is one of a socket that listens: `Num RefCount Protocol Flags Type St Inode
/// Path`, of which the inode alone is padded with blanks.
fn listening_unix(line: &[u8]) -> Option<(u64, &[u8])> {
    let mut fields = line.splitn(7, |&b| b == b' ');
    let flags = u32::from_str_radix(std::str::from_utf8(fields.nth(3)?).ok()?, 16).ok()?;
    let rest = fields.nth(2)?.trim_ascii_start();
    let digits = rest.iter().position(|&b| b == b' ')?;
    let socket = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
    (flags & SO_ACCEPTCON != 0).then_some((socket, &rest[digits + 1..]))
}
