//! The kernel's own table of sockets, asked through one netlink socket that stays open (sock_diag(7)).

use super::listener::{Listener, Transport};
use super::netlink::{Attributes, Netlink, number};
use nix::errno::Errno;
use std::cell::RefCell;
use std::fs::Metadata;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const AF_UNIX: u8 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const TCP_CLOSE: u8 = 7;
const TCP_LISTEN: u8 = 10;
const ANY_STATE: u32 = u32::MAX;
const INET_DIAG_SKV6ONLY: u16 = 11;
const UDIAG_SHOW_NAME_AND_FILE: u32 = 3;
const UNIX_DIAG_NAME: u16 = 0;
const UNIX_DIAG_VFS: u16 = 1;
/// The length of an inet_diag_msg, after which its attributes begin.
const INET_DIAG_MSG: usize = 72;

/// The kernel, ready to be asked.
pub(crate) struct SockDiag {
    netlink: RefCell<Netlink>,
}

impl SockDiag {
    /// # Errors
    /// The kernel may not be asked, or was built without the answers. A question for one socket would not tell: ENOENT means
    /// both "no such socket" and "no such question".
    pub(crate) fn open() -> Result<SockDiag, Errno> {
        let diag = SockDiag { netlink: RefCell::new(Netlink::open()?) };
        diag.on_port(Transport::Tcp, Some(1))?;
        Ok(diag)
    }

    /// The sockets that listen (TCP) or are bound (UDP) on a port, or on any port.
    pub(crate) fn on_port(&self, transport: Transport, port: Option<u16>) -> Result<Vec<Listener>, Errno> {
        let state = match transport {
            Transport::Tcp => TCP_LISTEN,
            // A socket that is connected serves one peer only.
            Transport::Udp => TCP_CLOSE,
        };
        self.dump(transport, 1 << state, port)
    }

    /// The TCP sockets of any state with this local port: those that listen, are connected, or wait (TIME_WAIT).
    pub(crate) fn of_any_state(&self, port: u16) -> Result<Vec<Listener>, Errno> {
        self.dump(Transport::Tcp, ANY_STATE, Some(port))
    }

    fn dump(&self, transport: Transport, states: u32, port: Option<u16>) -> Result<Vec<Listener>, Errno> {
        let mut listeners = vec![];
        for family in [AF_INET, AF_INET6] {
            let mut request = vec![family, transport.protocol(), 0, 0];
            request.extend(states.to_ne_bytes());
            request.extend(port.unwrap_or(0).to_be_bytes());
            request.resize(56, 0);
            self.netlink.borrow_mut().dump(&request, |reply| {
                // The kernel has looked for the port itself; one too old to do so lists them all.
                listeners.extend(listener(reply).filter(|found| port.is_none_or(|port| found.port == port)));
            })?;
        }
        Ok(listeners)
    }

    /// The socket that a connection to this address would come to.
    pub(crate) fn listener_at(&self, address: SocketAddr) -> Result<Option<Listener>, Errno> {
        let nobody = SocketAddr::new(if address.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, 0);
        let mut found = None;
        self.one(address, nobody, |reply| found = listener(reply))?;
        Ok(found)
    }

    /// The socket at the end `near` of the connection to `far`. `None`: no process has the socket, because it is not
    /// accepted yet, or closed.
    pub(crate) fn of_connection(&self, near: SocketAddr, far: SocketAddr) -> Result<Option<u64>, Errno> {
        let mut socket = None;
        self.one(near, far, |reply| {
            // Where there is no such connection the kernel names the socket that listens.
            if reply.get(1) != Some(&TCP_LISTEN) {
                socket = number(reply, 68).filter(|&socket| socket != 0).map(u64::from);
            }
        })?;
        Ok(socket)
    }

    /// Asks for the one socket with these two ends. There may be none.
    fn one(&self, near: SocketAddr, far: SocketAddr, take: impl FnMut(&[u8])) -> Result<(), Errno> {
        let mut request = vec![if near.is_ipv4() { AF_INET } else { AF_INET6 }, Transport::Tcp.protocol(), 0, 0];
        request.extend(ANY_STATE.to_ne_bytes());
        request.extend(near.port().to_be_bytes());
        request.extend(far.port().to_be_bytes());
        for end in [near, far] {
            match end.ip() {
                IpAddr::V4(address) => request.extend(address.octets().into_iter().chain([0; 12])),
                IpAddr::V6(address) => request.extend(address.octets()),
            }
        }
        let interface = match near {
            SocketAddr::V4(_) => 0,
            SocketAddr::V6(near) => near.scope_id(),
        };
        request.extend(interface.to_ne_bytes());
        // INET_DIAG_NOCOOKIE.
        request.extend([0xff; 8]);
        match self.netlink.borrow_mut().ask(&request, take) {
            Err(Errno::ENOENT) => Ok(()),
            answer => answer,
        }
    }

    /// The sockets that listen behind a path, or under the abstract name that `@` begins.
    pub(crate) fn on_path(&self, path: &Path) -> Result<Vec<u64>, Errno> {
        let name = path.as_os_str().as_bytes().strip_prefix(b"@").map(|name| [b"\0", name].concat());
        let file = std::fs::metadata(path).ok().filter(|_| name.is_none());
        let mut request = vec![AF_UNIX, 0, 0, 0];
        request.extend((1u32 << TCP_LISTEN).to_ne_bytes());
        request.extend(0u32.to_ne_bytes());
        request.extend(UDIAG_SHOW_NAME_AND_FILE.to_ne_bytes());
        request.resize(24, 0);
        let mut sockets = vec![];
        self.netlink.borrow_mut().dump(&request, |reply| {
            let attributes = Attributes(reply.get(16..).unwrap_or_default());
            let file = file.as_ref().and_then(|file| is_surely(attributes.find(UNIX_DIAG_VFS)?, file));
            let name = name.as_deref().filter(|&name| attributes.find(UNIX_DIAG_NAME) == Some(name));
            let alike = if name.is_some() { Some(true) } else { file };
            sockets.extend(alike.zip(number(reply, 4).map(u64::from)));
        })?;
        // Some file systems (btrfs, overlays) tell stat(2) another device than sock_diag. So the device decides only
        // between several candidates.
        let surely = sockets.iter().any(|&(surely, _)| surely);
        Ok(sockets.into_iter().filter(|&(sure, _)| sure || !surely).map(|(_, socket)| socket).collect())
    }
}

/// Reads an inet_diag_msg.
fn listener(reply: &[u8]) -> Option<Listener> {
    let address = reply.get(8..24)?;
    let address = match *reply.first()? {
        AF_INET => IpAddr::from(<[u8; 4]>::try_from(&address[..4]).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
    };
    let port = u16::from_be_bytes(reply.get(4..6)?.try_into().ok()?);
    let only_ipv6 =
        Attributes(reply.get(INET_DIAG_MSG..)?).find(INET_DIAG_SKV6ONLY).and_then(<[u8]>::first) == Some(&1);
    Some(Listener { address, port, only_ipv6, socket: u64::from(number(reply, 68)?) })
}

/// Whether a socket is bound to this file, or may be: `Some(false)` where only the device differs. sock_diag gives the
/// lower half of the inode number only.
fn is_surely(unix_diag_vfs: &[u8], file: &Metadata) -> Option<bool> {
    let (inode, device) = (number(unix_diag_vfs, 0)?, number(unix_diag_vfs, 4)?);
    let (major, minor) = (nix::sys::stat::major(file.dev()), nix::sys::stat::minor(file.dev()));
    (inode == file.ino() as u32).then_some(u64::from(device) == major << 20 | minor)
}
