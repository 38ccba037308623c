//! sock_diag and /proc/net, compared.

use super::*;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;

fn socket_of(descriptor: &impl AsRawFd) -> u64 {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", descriptor.as_raw_fd())).unwrap();
    link.to_str().unwrap().trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap()
}

/// The answer of sock_diag and of /proc/net, which must be the same.
fn on_port_both_ways(port: u16) -> Vec<Listener> {
    let asked = SockDiag::open().unwrap().on_port(Transport::Tcp, Some(port)).unwrap();
    let read = proc_net::on_port(Transport::Tcp, Some(port)).unwrap();
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
    let port = ::tests::free_port();
    let any = TcpListener::bind(("0.0.0.0", port)).unwrap();
    let six = TcpListener::bind(("::1", port)).unwrap();
    let listeners = on_port_both_ways(port);
    assert_eq!(listeners.len(), 2);
    let one = |address: &str| at(address.parse().unwrap(), &listeners).iter().map(|l| l.socket).collect::<Vec<_>>();
    assert_eq!(one("127.0.0.1"), [socket_of(&any)]);
    assert_eq!(one("::1"), [socket_of(&six)]);
    assert!(one("::2").is_empty());
    drop((any, six));
    assert_eq!(on_port_both_ways(port), []);
}

#[test]
fn a_listener_on_all_of_ipv6_accepts_ipv4_too() {
    let port = ::tests::free_port();
    let _any = TcpListener::bind(("::", port)).unwrap();
    let listeners = on_port_both_ways(port);
    assert_eq!(at(Ipv4Addr::LOCALHOST.into(), &listeners).len(), 1);
    assert_eq!(at(Ipv6Addr::LOCALHOST.into(), &listeners).len(), 1);
}

#[test]
fn a_connection_has_the_socket_that_has_accepted_it() {
    let diag = SockDiag::open().unwrap();
    for (address, called) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")] {
        let listener = TcpListener::bind((address, 0)).unwrap();
        let call = TcpStream::connect((called, listener.local_addr().unwrap().port())).unwrap();
        let (theirs, ours) = (call.peer_addr().unwrap(), call.local_addr().unwrap());
        let both_ways = || [diag.of_connection(theirs, ours).unwrap(), proc_net::of_connection(theirs, ours).unwrap()];
        assert_eq!(both_ways(), [None, None]);
        let accepted = listener.accept().unwrap().0;
        assert_eq!(both_ways(), [Some(socket_of(&accepted)); 2]);
        drop(accepted);
        assert_eq!(both_ways(), [None, None]);
    }
}

#[test]
fn a_path_has_the_sockets_that_listen_on_it() {
    let diag = SockDiag::open().unwrap();
    let place = tempfile::tempdir().unwrap();
    let (path, other) = (place.path().join("a socket"), place.path().join("other"));
    let listener = UnixListener::bind(&path).unwrap();
    let _other = UnixListener::bind(&other).unwrap();
    let both_ways = || [diag.on_path(&path).unwrap(), proc_net::on_path(&path).unwrap()];
    assert_eq!(both_ways(), [vec![socket_of(&listener)], vec![socket_of(&listener)]]);
    drop(listener);
    assert!(both_ways().iter().all(Vec::is_empty));
}

/// One question each, and one list for all.
fn tables() -> [SocketTables; 2] {
    let [few, many] = [SocketTables::default(), SocketTables::default()];
    many.begin_turn(MANY, false);
    [few, many]
}

#[test]
fn an_address_is_listened_at_by_whoever_a_connection_would_come_to() {
    for (bound, reached, not_reached) in [
        ("127.0.0.1", vec!["127.0.0.1"], vec!["127.0.0.2", "::1"]),
        ("0.0.0.0", vec!["127.0.0.1", "127.0.0.2"], vec!["::1"]),
        ("::", vec!["127.0.0.1", "::1"], vec![]),
        ("::1", vec!["::1"], vec!["127.0.0.1"]),
    ] {
        let port = ::tests::free_port();
        let listener = TcpListener::bind((bound, port)).unwrap();
        let asked = |tables: &SocketTables, address: &str| {
            tables.is_listened_at(SocketAddr::new(address.parse().unwrap(), port)).unwrap()
        };
        for tables in tables() {
            assert!(reached.iter().all(|address| asked(&tables, address)), "{bound}");
            assert!(!not_reached.iter().any(|address| asked(&tables, address)), "{bound}");
        }
        drop(listener);
        assert!(!tables().iter().any(|tables| asked(tables, "127.0.0.1")));
    }
}

#[test]
fn a_udp_port_has_the_sockets_that_are_bound_to_it_and_not_connected() {
    let port = ::tests::free_port();
    let bound = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    let both_ways = || {
        let asked = SockDiag::open().unwrap().on_port(Transport::Udp, Some(port)).unwrap();
        [asked, proc_net::on_port(Transport::Udp, Some(port)).unwrap()].map(|found| found.len())
    };
    assert_eq!(both_ways(), [1, 1]);
    bound.connect("127.0.0.1:9").unwrap();
    assert_eq!(both_ways(), [0, 0]);
}
