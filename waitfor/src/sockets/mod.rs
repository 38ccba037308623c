//! The sockets that listen on this machine, as the kernel tells: asked for, not connected to.

pub(crate) mod owner;
mod proc_net;
mod sock_diag;

use racefree_core::error::{Context, Result};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

/// A TCP socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    address: IpAddr,
    only_ipv6: bool,
    /// The number of the socket, as /proc/PID/fd has it.
    pub(crate) socket: u64,
}

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
    let answer = sock_diag::on_port(port).or_else(|refused| proc_net::on_port(port).map_err(|_| refused));
    answer.act("ask the kernel who listens on port", port)
}

/// Those of them to which a connection to `address` comes: who listens on just this one goes before who listens on all.
/// Several share it (SO_REUSEPORT, socket(7)).
pub(crate) fn at(address: IpAddr, listeners: &[Listener]) -> Vec<Listener> {
    let exact: Vec<Listener> = listeners.iter().copied().filter(|listener| listener.address == address).collect();
    if !exact.is_empty() {
        return exact;
    }
    listeners.iter().copied().filter(|listener| listener.accepts_for(address)).collect()
}

/// The socket that has accepted the connection from `ours` to `theirs` and still has it, if it is on this machine.
pub(crate) fn accepted(theirs: SocketAddr, ours: SocketAddr) -> Result<Option<u64>> {
    let ask = sock_diag::of_connection(theirs, ours);
    let answer = ask.or_else(|refused| proc_net::of_connection(theirs, ours).map_err(|_| refused));
    answer.act("ask the kernel who has accepted at", theirs)
}

/// The sockets that listen behind a path, or under the abstract name that `@` begins.
pub(crate) fn on_path(path: &Path) -> Result<Vec<u64>> {
    let answer = sock_diag::on_path(path).or_else(|refused| proc_net::on_path(path).map_err(|_| refused));
    answer.act("ask the kernel who listens on", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixListener;

    fn socket_of(descriptor: &impl AsRawFd) -> u64 {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd())).unwrap();
        link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap()
    }

    /// What both ways tell, which must be the same.
    fn on_port_both_ways(port: u16) -> Vec<Listener> {
        let (asked, read) = (sock_diag::on_port(port).unwrap(), proc_net::on_port(port).unwrap());
        let sorted = |listeners: &[Listener]| {
            let mut listeners: Vec<_> = listeners.iter().map(|l| (l.socket, l.address)).collect();
            listeners.sort();
            listeners
        };
        assert_eq!(sorted(&asked), sorted(&read));
        asked
    }

    #[test]
    fn a_port_has_the_sockets_that_listen_on_it() {
        let any = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = any.local_addr().unwrap().port();
        let six = TcpListener::bind(("::1", port)).unwrap();
        let listeners = on_port_both_ways(port);
        assert_eq!(listeners.len(), 2);
        let one = |address: &str| at(address.parse().unwrap(), &listeners).iter().map(|l| l.socket).collect::<Vec<_>>();
        assert_eq!(one("127.0.0.1"), [socket_of(&any)]);
        assert_eq!(one("::1"), [socket_of(&six)]);
        assert_eq!(one("::2"), []);
        drop((any, six));
        assert_eq!(on_port_both_ways(port), []);
    }

    #[test]
    fn a_listener_on_all_of_ipv6_accepts_ipv4_too() {
        let any = TcpListener::bind("[::]:0").unwrap();
        let listeners = on_port(any.local_addr().unwrap().port()).unwrap();
        assert_eq!(at(Ipv4Addr::LOCALHOST.into(), &listeners).len(), 1);
        assert_eq!(at(Ipv6Addr::LOCALHOST.into(), &listeners).len(), 1);
    }

    #[test]
    fn a_connection_has_the_socket_that_has_accepted_it() {
        for (address, called) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")] {
            let listener = TcpListener::bind((address, 0)).unwrap();
            let call = TcpStream::connect((called, listener.local_addr().unwrap().port())).unwrap();
            let (theirs, ours) = (call.peer_addr().unwrap(), call.local_addr().unwrap());
            let both_ways =
                || [sock_diag::of_connection(theirs, ours).unwrap(), proc_net::of_connection(theirs, ours).unwrap()];
            assert_eq!(both_ways(), [None, None]);
            let accepted = listener.accept().unwrap().0;
            assert_eq!(both_ways(), [Some(socket_of(&accepted)); 2]);
            drop(accepted);
            assert_eq!(both_ways(), [None, None]);
        }
    }

    #[test]
    fn a_path_has_the_sockets_that_listen_on_it() {
        let place = tempfile::tempdir().unwrap();
        let (path, other) = (place.path().join("a socket"), place.path().join("other"));
        let listener = UnixListener::bind(&path).unwrap();
        let _other = UnixListener::bind(&other).unwrap();
        let both_ways = || [sock_diag::on_path(&path).unwrap(), proc_net::on_path(&path).unwrap()];
        assert_eq!(both_ways(), [vec![socket_of(&listener)], vec![socket_of(&listener)]]);
        drop(listener);
        assert_eq!(both_ways(), [vec![], vec![]]);
    }
}
