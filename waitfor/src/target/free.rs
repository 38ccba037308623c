//! `free:` a TCP port of this machine that can be bound at once, without SO_REUSEADDR: no socket has it, not even one
//! in TIME_WAIT.

use super::{Answer, ProbeOptions, Target};
use crate::sockets::SocketTables;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, socket};
use racefree::error::Result;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::task::Poll;

/// A port to wait for until nobody has it.
pub(crate) struct Free {
    address: Option<IpAddr>,
    port: u16,
    /// The answer ends the wait, so a bind that succeeds for a moment keeps nobody from the port.
    is_final: bool,
    tables: Rc<SocketTables>,
}

impl Free {
    pub(crate) fn new(address: Option<IpAddr>, port: u16, options: &ProbeOptions) -> Free {
        Free { address, port, is_final: !options.down && !options.lasting, tables: options.tables.clone() }
    }

    fn bound(&self) -> std::result::Result<(), Errno> {
        match self.address {
            Some(address) => try_bind(SocketAddr::new(address, self.port)),
            // A bind to all of IPv6 collides with IPv4 as well.
            None => match try_bind((Ipv6Addr::UNSPECIFIED, self.port).into()) {
                Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL) => try_bind((Ipv4Addr::UNSPECIFIED, self.port).into()),
                answer => answer,
            },
        }
    }
}

fn try_bind(address: SocketAddr) -> std::result::Result<(), Errno> {
    let family = if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let socket = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(socket.as_raw_fd(), &SockaddrStorage::from(address))
}

impl Target for Free {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        // The kernel's table shows no socket that is bound and does not listen; a bind shows them all.
        let in_table = self.tables.has_port(self.address, self.port)?;
        Ok(Poll::Ready(if in_table {
            Answer::no(Errno::EADDRINUSE)
        } else if !self.is_final {
            Answer::YES
        } else {
            match self.bound() {
                // EACCES: only root may bind the port. The table must do.
                Ok(()) | Err(Errno::EACCES) => Answer::YES,
                Err(e @ Errno::EADDRINUSE) => Answer::no(e),
                Err(e) => Answer::unclear(e),
            }
        }))
    }

    fn ready_text(&self) -> &'static str {
        "it is free"
    }

    fn still_text(&self) -> String {
        "it is still free".into()
    }
}
