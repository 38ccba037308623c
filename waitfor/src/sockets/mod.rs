//! The sockets of this machine, as the kernel lists them: the kernel is asked, and nobody is connected to.

mod listener;
pub(crate) mod local;
mod netlink;
pub(crate) mod owner;
mod proc_net;
mod sock_diag;

pub(crate) use listener::{Listener, Transport};

use nix::errno::Errno;
use racefree::error::{Context, Result};
use sock_diag::SockDiag;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// From so many targets on, one list of all sockets that listen is cheaper than a question for each target.
pub(crate) const MANY: usize = 16;

/// As many connections are tried in one turn of a wait for many targets, where the kernel says that nobody listens.
const CONNECTIONS_A_TURN: usize = 32;

/// The listeners to which a connection to `address` comes: a listener on just this address goes before one on all
/// addresses. Several may share it (SO_REUSEPORT, socket(7)).
pub(crate) fn at(address: IpAddr, listeners: &[Listener]) -> Vec<Listener> {
    let exact: Vec<Listener> = listeners.iter().copied().filter(|listener| listener.address == address).collect();
    if !exact.is_empty() {
        return exact;
    }
    listeners.iter().copied().filter(|listener| listener.accepts_for(address)).collect()
}

/// The tables of sockets, shared by all targets of a wait.
#[derive(Default)]
pub(crate) struct SocketTables {
    /// `None`: the kernel may not be asked here, and /proc/net must do.
    diag: OnceCell<std::result::Result<SockDiag, Errno>>,
    local_ports: OnceCell<Option<(u16, u16)>>,
    many: Cell<bool>,
    /// As many connections may still be tried in this turn without a listener.
    connections_left: Cell<usize>,
    /// All TCP sockets that listen, by port, as they were in this turn of the event loop.
    snapshot: RefCell<Option<HashMap<u16, Vec<Listener>>>>,
}

impl SocketTables {
    /// Begins a turn of the event loop, in which so many targets are tried. What was seen in the last turn is
    /// forgotten.
    pub(crate) fn begin_turn(&self, targets: usize, is_last: bool) {
        self.many.set(targets >= MANY);
        self.connections_left.set(if is_last { usize::MAX } else { CONNECTIONS_A_TURN });
        self.snapshot.take();
    }

    /// Whether this turn has room for one more connection to an address at which nobody listens.
    pub(crate) fn has_connection_left(&self) -> bool {
        let left = self.connections_left.get();
        self.connections_left.set(left.saturating_sub(1));
        left > 0
    }

    /// The local ports that a connection to `port` is made from, where `port` itself is one of them.
    pub(crate) fn local_ports_but(&self, port: u16) -> Option<(u16, u16)> {
        self.local_ports.get_or_init(local::local_ports).and_then(|range| local::ports_but(range, port))
    }

    fn diag(&self) -> std::result::Result<&SockDiag, Errno> {
        self.diag.get_or_init(SockDiag::open).as_ref().map_err(|&errno| errno)
    }

    /// The sockets that listen on a TCP port or are bound to a UDP port, of IPv4 and IPv6.
    pub(crate) fn on_port(&self, transport: Transport, port: u16) -> Result<Vec<Listener>> {
        if self.many.get() && transport == Transport::Tcp {
            return self.in_snapshot(port);
        }
        self.listed(transport, Some(port)).act("ask the kernel who has port", port)
    }

    /// Whether a TCP socket of any state has this local port, at this address or at all addresses.
    pub(crate) fn has_port(&self, address: Option<IpAddr>, port: u16) -> Result<bool> {
        let asked = self.diag().and_then(|diag| diag.of_any_state(port));
        let found = or_read(asked, || proc_net::of_any_state(port)).act("ask the kernel who has port", port)?;
        Ok(found.iter().any(|socket| address.is_none_or(|address| socket.accepts_for(address))))
    }

    fn listed(&self, transport: Transport, port: Option<u16>) -> std::result::Result<Vec<Listener>, Errno> {
        let asked = self.diag().and_then(|diag| diag.on_port(transport, port));
        or_read(asked, || proc_net::on_port(transport, port))
    }

    fn in_snapshot(&self, port: u16) -> Result<Vec<Listener>> {
        let mut snapshot = self.snapshot.borrow_mut();
        if let Some(by_port) = &*snapshot {
            return Ok(by_port.get(&port).cloned().unwrap_or_default());
        }
        let mut by_port: HashMap<u16, Vec<Listener>> = HashMap::new();
        for listener in self.listed(Transport::Tcp, None).act("ask the kernel who listens on port", port)? {
            by_port.entry(listener.port).or_default().push(listener);
        }
        Ok(snapshot.insert(by_port).get(&port).cloned().unwrap_or_default())
    }

    /// Whether somebody listens at this address of this machine. `None`: the kernel may not be asked.
    pub(crate) fn is_listened_at(&self, address: SocketAddr) -> Option<bool> {
        let diag = self.diag().ok()?;
        if self.many.get() {
            return self.in_snapshot(address.port()).ok().map(|found| !at(address.ip(), &found).is_empty());
        }
        diag.listener_at(address).ok().map(|found| found.is_some())
    }

    /// The socket that has accepted the connection from `ours` to `theirs` and still has it, if it is on this machine.
    pub(crate) fn accepted(&self, theirs: SocketAddr, ours: SocketAddr) -> Result<Option<u64>> {
        let asked = self.diag().and_then(|diag| diag.of_connection(theirs, ours));
        or_read(asked, || proc_net::of_connection(theirs, ours)).act("ask the kernel who has accepted at", theirs)
    }

    /// The sockets that listen behind a path, or under the abstract name that `@` begins.
    pub(crate) fn on_path(&self, path: &Path) -> Result<Vec<u64>> {
        let asked = self.diag().and_then(|diag| diag.on_path(path));
        or_read(asked, || proc_net::on_path(path)).act("ask the kernel who listens on", path.display())
    }
}

impl std::fmt::Debug for SocketTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SocketTables").finish_non_exhaustive()
    }
}

/// The answer of the kernel, or the text of /proc/net where the kernel may not be asked.
fn or_read<T>(
    asked: std::result::Result<T, Errno>,
    read: impl FnOnce() -> io::Result<T>,
) -> std::result::Result<T, Errno> {
    asked.or_else(|refused| read().map_err(|_| refused))
}

#[cfg(test)]
mod tests;
