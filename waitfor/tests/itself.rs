//! A call that comes back to itself.
//!
//! Alone in its program: while another test forks, its child has our sockets open for a moment.

use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::Duration;
use tests::Place;

#[test]
fn a_call_never_answers_itself_nor_keeps_the_port_from_the_daemon() {
    if !tests::needs_root() || !tests::needs("ip", "iproute2") {
        return;
    }
    // A network of its own, where calls are made from these two ports only.
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
    let place = Place::with(&[("waitfor", env!("CARGO_BIN_EXE_waitfor"))]);
    place.says("ip link set lo up; echo 40000 40001 > /proc/sys/net/ipv4/ip_local_port_range");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000));

    // What others do: the kernel takes the even port to call from, and the call is answered by itself.
    let to_itself = TcpStream::connect(address).unwrap();
    assert_eq!(to_itself.local_addr().unwrap(), to_itself.peer_addr().unwrap());
    set_socket_linger(&to_itself, Some(Duration::ZERO)).unwrap();
    drop(to_itself);

    let mut waiting = place.command("waitfor");
    waiting.args(["-t", "1s", "--interval", "0.1ms", &address.to_string()]);
    let mut waiting = waiting.stderr(Stdio::null()).spawn().unwrap();
    let mut bound = 0;
    let status = loop {
        if let Some(status) = waiting.try_wait().unwrap() {
            break status;
        }
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, &address).expect("the port is free for the daemon at any moment");
        bound += 1;
    };
    assert_eq!(status.code(), Some(124));
    assert!(bound > 1000, "{bound}");
}
