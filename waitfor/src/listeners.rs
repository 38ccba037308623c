//! The sockets that listen on this machine, as the kernel lists them (sock_diag(7)): asked for, not connected to.

use racefree_core::error::{Doing, Result};
use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A TCP socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    address: IpAddr,
    only_ipv6: bool,
    /// The number of the socket, as /proc/PID/fd has it.
    pub(crate) socket: u64,
}

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST_AND_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const AF_UNIX: u8 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const LISTENING: u32 = 1 << 10;
const INET_DIAG_SKV6ONLY: u16 = 11;
const UDIAG_SHOW_NAME_AND_FILE: u32 = 3;
const UNIX_DIAG_NAME: u16 = 0;
const UNIX_DIAG_VFS: u16 = 1;
const HEADER: usize = 16;

impl Listener {
    /// Whether a connection to this address comes to it.
    fn accepts_for(&self, address: IpAddr) -> bool {
        let anywhere = match self.address {
            IpAddr::V4(own) => own.is_unspecified() && address.is_ipv4(),
            IpAddr::V6(own) => own.is_unspecified() && (address.is_ipv6() || !self.only_ipv6),
        };
        anywhere || self.address == address
    }
}

/// Those that listen on a port, of IPv4 and IPv6.
pub(crate) fn on_port(port: u16) -> Result<Vec<Listener>> {
    let mut listeners = vec![];
    for family in [AF_INET, AF_INET6] {
        let mut request = vec![family, IPPROTO_TCP, 0, 0];
        request.extend(LISTENING.to_ne_bytes());
        request.extend(port.to_be_bytes());
        request.resize(56, 0);
        dump(&request, |reply| {
            // The kernel has looked for the port itself; one too old to do so lists them all.
            if reply.get(4..6) == Some(&port.to_be_bytes()) {
                listeners.extend(listener(reply));
            }
        })
        .doing("ask the kernel who listens on port", port)?;
    }
    Ok(listeners)
}

/// Those of them to which a connection to `address` comes: who listens on just this one goes before who listens on all.
pub(crate) fn at(address: IpAddr, listeners: &[Listener]) -> Vec<Listener> {
    let exact: Vec<Listener> = listeners.iter().copied().filter(|listener| listener.address == address).collect();
    if !exact.is_empty() {
        return exact;
    }
    listeners.iter().copied().filter(|listener| listener.accepts_for(address)).collect()
}

/// Reads an inet_diag_msg.
fn listener(reply: &[u8]) -> Option<Listener> {
    let address = reply.get(8..24)?;
    let address = match *reply.first()? {
        AF_INET => IpAddr::from(<[u8; 4]>::try_from(&address[..4]).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
    };
    let only_ipv6 = attribute(reply.get(72..)?, INET_DIAG_SKV6ONLY).is_some_and(|value| value.first() == Some(&1));
    Some(Listener { address, only_ipv6, socket: u64::from(number(reply, 68)?) })
}

/// The sockets that listen behind a path, or under the abstract name that `@` begins.
pub(crate) fn on_path(path: &Path) -> Result<Vec<u64>> {
    use std::os::unix::ffi::OsStrExt;
    let name = path.as_os_str().as_bytes().strip_prefix(b"@").map(|name| [b"\0", name].concat());
    // The kernel tells the lower half of the inode's number only.
    let file = std::fs::metadata(path).map(|found| found.ino() as u32).ok().filter(|_| name.is_none());
    let mut request = vec![AF_UNIX, 0, 0, 0];
    request.extend(LISTENING.to_ne_bytes());
    request.extend(0u32.to_ne_bytes());
    request.extend(UDIAG_SHOW_NAME_AND_FILE.to_ne_bytes());
    request.resize(24, 0);
    let mut sockets = vec![];
    dump(&request, |reply| {
        let attributes = reply.get(16..).unwrap_or_default();
        let theirs = attribute(attributes, UNIX_DIAG_VFS).and_then(|value| number(value, 0));
        let same_name = name.is_some() && attribute(attributes, UNIX_DIAG_NAME) == name.as_deref();
        if same_name || file.is_some() && theirs == file {
            sockets.extend(number(reply, 4).map(u64::from));
        }
    })
    .doing("ask the kernel who listens on", path.display())?;
    Ok(sockets)
}

/// Asks, and takes every part of the answer.
fn dump(request: &[u8], mut take: impl FnMut(&[u8])) -> std::result::Result<(), Errno> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?;
    let mut message = ((HEADER + request.len()) as u32).to_ne_bytes().to_vec();
    message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message.extend(REQUEST_AND_DUMP.to_ne_bytes());
    message.resize(HEADER, 0);
    message.extend(request);
    sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut room = vec![0; 32 * 1024];
    loop {
        let (length, _) = match recv(&socket, &mut room[..], RecvFlags::empty()) {
            Err(Errno::INTR) => continue,
            received => received?,
        };
        let mut rest = &room[..length];
        while let Some((kind, reply, after)) = first_message(rest) {
            match kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => {
                    let error = number(reply, 0).map_or(0, |error| (error as i32).unsigned_abs());
                    return Err(Errno::from_raw_os_error(error as i32));
                }
                _ => take(reply),
            }
            rest = after;
        }
    }
}

/// The type and the content of the first message, and what follows it.
fn first_message(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = number(bytes, 0)? as usize;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    Some((kind, bytes.get(HEADER..length)?, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// The value of an attribute (rtnetlink(7), struct rtattr).
fn attribute(mut attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let length = usize::from(u16::from_ne_bytes(attributes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(attributes.get(2..4)?.try_into().ok()?);
        if kind == wanted {
            return attributes.get(4..length);
        }
        attributes = attributes.get(length.max(4).next_multiple_of(4)..)?;
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixListener;

    fn socket_of(descriptor: &impl AsRawFd) -> u64 {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd())).unwrap();
        link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap()
    }

    #[test]
    fn a_port_has_the_sockets_that_listen_on_it() {
        let any = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = any.local_addr().unwrap().port();
        let six = TcpListener::bind(("::1", port)).unwrap();
        let listeners = on_port(port).unwrap();
        let mut sockets: Vec<u64> = listeners.iter().map(|listener| listener.socket).collect();
        sockets.sort_unstable();
        let mut expected = vec![socket_of(&any), socket_of(&six)];
        expected.sort_unstable();
        assert_eq!(sockets, expected);
        let one = |address: &str| at(address.parse().unwrap(), &listeners).iter().map(|l| l.socket).collect::<Vec<_>>();
        assert_eq!(one("127.0.0.1"), [socket_of(&any)]);
        assert_eq!(one("::1"), [socket_of(&six)]);
        assert_eq!(one("::2"), []);
        drop((any, six));
        assert_eq!(on_port(port).unwrap(), []);
    }

    #[test]
    fn a_listener_on_all_of_ipv6_accepts_ipv4_too() {
        let any = TcpListener::bind("[::]:0").unwrap();
        let listeners = on_port(any.local_addr().unwrap().port()).unwrap();
        assert_eq!(at(Ipv4Addr::LOCALHOST.into(), &listeners).len(), 1);
        assert_eq!(at(Ipv6Addr::LOCALHOST.into(), &listeners).len(), 1);
    }

    #[test]
    fn a_path_has_the_sockets_that_listen_on_it() {
        let place = tempfile::tempdir().unwrap();
        let (path, other) = (place.path().join("s"), place.path().join("other"));
        let listener = UnixListener::bind(&path).unwrap();
        let _other = UnixListener::bind(&other).unwrap();
        assert_eq!(on_path(&path).unwrap(), [socket_of(&listener)]);
        drop(listener);
        assert_eq!(on_path(&path).unwrap(), []);
    }
}
