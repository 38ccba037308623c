//! A call that comes back to itself.

// Helpers of tests are tests, though clippy takes only what is marked #[test] for one.
#![allow(clippy::unwrap_used)]

use crate::common::place;
use nix::sys::socket::sockopt::Linger;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, bind, setsockopt, socket};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Stdio;
use tests::{alone, needs, needs_root};

/// A minute of it: `RACEFREE_MINUTE=1 cargo test -p racefree-waitfor itself::`.
#[test]
fn a_call_never_answers_itself_nor_keeps_the_port_from_the_daemon() {
    if !needs_root() || !needs("ip", "iproute2") {
        return;
    }
    // While another test forks, its child has the sockets of this process open for a moment.
    if !alone("itself::a_call_never_answers_itself_nor_keeps_the_port_from_the_daemon") {
        return;
    }
    // A network of its own, where calls are made from these two ports only.
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    let place = place();
    place.says("ip link set lo up; echo 40000 40001 > /proc/sys/net/ipv4/ip_local_port_range");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));

    // What others do: the kernel takes the even port to call from, and the call is answered by itself.
    let to_itself = TcpStream::connect(address).unwrap();
    assert_eq!(to_itself.local_addr().unwrap(), to_itself.peer_addr().unwrap());
    setsockopt(&to_itself, Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 }).unwrap();
    drop(to_itself);

    let time = if std::env::var_os("RACEFREE_MINUTE").is_some() { "60s" } else { "2s" };
    let mut waiting = place.command("waitfor");
    waiting.args(["-t", time, "--interval", "0.001ms", &address.to_string()]);
    let mut waiting = waiting.stderr(Stdio::null()).spawn().unwrap();
    let mut bound = 0;
    let status = loop {
        if let Some(status) = waiting.try_wait().unwrap() {
            break status;
        }
        bind_to(&address);
        bound += 1;
    };
    assert_eq!(status.code(), Some(124));
    assert!(bound > 1000, "{bound}");

    // A kernel that keeps no port out for us (the first setsockopt(2)), played by strace(1): the call is answered by
    // itself, which is seen, and nothing is left of it.
    if needs("strace", "strace") {
        let calls = "trace=setsockopt,getsockname -e inject=setsockopt:error=ENOPROTOOPT:when=1";
        let said = place.sh(&format!("strace -qq -o trace -e {calls} waitfor -t 0 {address}"));
        assert_eq!((said.code, said.without_times()), (124, format!("waitfor: {address}: Connection refused")));
        assert!(place.content("trace").contains("{sa_family=AF_INET, sin_port=htons(40000)"));
        bind_to(&address);
    }
}

/// As a daemon would that does not ask for SO_REUSEADDR.
fn bind_to(address: &SocketAddr) {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
    bind(socket.as_raw_fd(), &SockaddrStorage::from(*address)).expect("the port is free for the daemon at any moment");
}
