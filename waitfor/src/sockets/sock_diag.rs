//! What the kernel answers when it is asked for sockets (sock_diag(7)).

use super::Listener;
use rustix::io::Errno;
use rustix::net::netlink::{SOCK_DIAG, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};
use std::fs::Metadata;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

type Answered<T> = Result<T, Errno>;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST: u16 = 0x1;
const REQUEST_AND_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const AF_UNIX: u8 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const IPPROTO_TCP: u8 = 6;
const TCP_LISTEN: u8 = 10;
const LISTENING: u32 = 1 << TCP_LISTEN;
const ANY_STATE: u32 = u32::MAX;
const INET_DIAG_SKV6ONLY: u16 = 11;
const UDIAG_SHOW_NAME_AND_FILE: u32 = 3;
const UNIX_DIAG_NAME: u16 = 0;
const UNIX_DIAG_VFS: u16 = 1;
const HEADER: usize = 16;

/// Those that listen on a port, of IPv4 and IPv6.
pub(crate) fn on_port(port: u16) -> Answered<Vec<Listener>> {
    let mut listeners = vec![];
    for family in [AF_INET, AF_INET6] {
        let mut request = vec![family, IPPROTO_TCP, 0, 0];
        request.extend(LISTENING.to_ne_bytes());
        request.extend(port.to_be_bytes());
        request.resize(56, 0);
        ask(REQUEST_AND_DUMP, &request, |reply| {
            // The kernel has looked for the port itself; one too old to do so lists them all.
            if reply.get(4..6) == Some(&port.to_be_bytes()) {
                listeners.extend(listener(reply));
            }
        })?;
    }
    Ok(listeners)
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

/// The socket at the end `near` of the connection to `far`, unless nobody has it: not yet accepted, or closed.
pub(crate) fn of_connection(near: SocketAddr, far: SocketAddr) -> Answered<Option<u64>> {
    let mut request = vec![if near.is_ipv4() { AF_INET } else { AF_INET6 }, IPPROTO_TCP, 0, 0];
    request.extend(ANY_STATE.to_ne_bytes());
    request.extend(near.port().to_be_bytes());
    request.extend(far.port().to_be_bytes());
    for end in [near, far] {
        let mut address = match end.ip() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        address.resize(16, 0);
        request.extend(address);
    }
    // Any interface, and no cookie known.
    request.extend(0u32.to_ne_bytes());
    request.extend([0xff; 8]);
    let mut socket = None;
    let answered = ask(REQUEST, &request, |reply| {
        // Where there is no such connection the kernel names who listens.
        if reply.get(1) != Some(&TCP_LISTEN) {
            socket = number(reply, 68).filter(|&socket| socket != 0).map(u64::from);
        }
    });
    match answered {
        Ok(()) | Err(Errno::NOENT) => Ok(socket),
        Err(e) => Err(e),
    }
}

/// The sockets that listen behind a path, or under the abstract name that `@` begins.
pub(crate) fn on_path(path: &Path) -> Answered<Vec<u64>> {
    use std::os::unix::ffi::OsStrExt;
    let name = path.as_os_str().as_bytes().strip_prefix(b"@").map(|name| [b"\0", name].concat());
    let file = std::fs::metadata(path).ok().filter(|_| name.is_none());
    let mut request = vec![AF_UNIX, 0, 0, 0];
    request.extend(LISTENING.to_ne_bytes());
    request.extend(0u32.to_ne_bytes());
    request.extend(UDIAG_SHOW_NAME_AND_FILE.to_ne_bytes());
    request.resize(24, 0);
    let mut sockets = vec![];
    ask(REQUEST_AND_DUMP, &request, |reply| {
        let attributes = reply.get(16..).unwrap_or_default();
        let file = file.as_ref().and_then(|file| likeness(attribute(attributes, UNIX_DIAG_VFS)?, file));
        let name = name.as_deref().filter(|&name| attribute(attributes, UNIX_DIAG_NAME) == Some(name));
        let alike = if name.is_some() { Some(true) } else { file };
        sockets.extend(alike.zip(number(reply, 4).map(u64::from)));
    })?;
    // The device is not told as stat(2) tells it everywhere (btrfs, overlays): it counts where it makes a difference.
    let surely = sockets.iter().any(|&(surely, _)| surely);
    Ok(sockets.into_iter().filter(|&(sure, _)| sure || !surely).map(|(_, socket)| socket).collect())
}

/// Whether this is (`true`), or may be, the file. The kernel tells the lower half of an inode's number only.
fn likeness(unix_diag_vfs: &[u8], file: &Metadata) -> Option<bool> {
    let (inode, device) = (number(unix_diag_vfs, 0)?, number(unix_diag_vfs, 4)?);
    let (major, minor) = (rustix::fs::major(file.dev()), rustix::fs::minor(file.dev()));
    (inode == file.ino() as u32).then_some(device == major << 20 | minor)
}

/// Asks, and takes every part of the answer.
fn ask(flags: u16, request: &[u8], mut take: impl FnMut(&[u8])) -> Answered<()> {
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, Some(SOCK_DIAG))?;
    let mut message = ((HEADER + request.len()) as u32).to_ne_bytes().to_vec();
    message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
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
        // What was asked for alone comes alone.
        if flags == REQUEST {
            return Ok(());
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
