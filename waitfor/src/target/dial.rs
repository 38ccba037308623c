//! The begin of a TCP connection.

use super::conversation::Conversation;
use crate::sockets::SocketTables;
use crate::sockets::local::reached;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, socket};
use racefree::sys;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

/// Begins to connect, from a local port between these two.
pub(crate) fn dial(address: SocketAddr, local_ports: Option<(u16, u16)>) -> std::result::Result<Conversation, Errno> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
    if let Some((lowest, highest)) = local_ports {
        // A kernel before 6.3 connects a socket to itself now and then. `Conversation` finds that out.
        let _ = sys::choose_port_between(socket.as_fd(), lowest, highest);
    }
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) | Err(Errno::EINPROGRESS) => Ok(Conversation::on(socket)),
        Err(e) => Err(e),
    }
}

/// Whether somebody on this machine listens there who does not accept: too busy is not down.
pub(crate) fn is_full(tables: &SocketTables, address: SocketAddr) -> bool {
    address.ip().is_loopback() && tables.is_listened_at(reached(address)) == Some(true)
}

/// Whether the reason lies in this process, and no wait mends it.
pub(crate) fn is_of_this_process(e: Errno) -> bool {
    matches!(e, Errno::EACCES | Errno::EPERM | Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)
}
