//! The addresses and the ports of this machine.

use racefree::open::read_proc;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// The address that a connection to `address` reaches: no address means this machine.
pub(crate) fn reached(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        // The interface of a link-local address stands in the address.
        IpAddr::V6(_) => return address,
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Whether an address is one of this machine's: the kernel sends from the address itself then. A datagram socket that
/// is connected sends no packet.
pub(crate) fn is_local(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    let any: IpAddr = if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let source = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((ip, 9))?;
        socket.local_addr()
    };
    ip.is_loopback() || ip.is_unspecified() || source().is_ok_and(|source| source.ip() == ip)
}

/// The range of the ports that connections are made from (ip(7), ip_local_port_range).
pub(crate) fn local_ports() -> Option<(u16, u16)> {
    let range = String::from_utf8(read_proc("/proc/sys/net/ipv4/ip_local_port_range", 64).ok()?).ok()?;
    let (lowest, highest) = range.trim().split_once('\t')?;
    Some((lowest.parse().ok()?, highest.trim().parse().ok()?))
}

/// The larger part of the range of local ports, on one side of `port`. A connection from `port` to itself would
/// succeed, and keep the port from the daemon. `None`: `port` is no local port anyway.
pub(crate) fn ports_but((lowest, highest): (u16, u16), port: u16) -> Option<(u16, u16)> {
    // 0 is the bound of the system's own range.
    let (below, above) = ((0, port.saturating_sub(1)), (port.saturating_add(1), 0));
    let is_local_port = (lowest..=highest).contains(&port);
    is_local_port.then(|| if port - lowest > highest - port { below } else { above })
}
