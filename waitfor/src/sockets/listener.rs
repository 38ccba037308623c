//! A socket that listens, as the kernel describes it.

use std::net::IpAddr;

/// TCP or UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    pub(super) fn protocol(self) -> u8 {
        match self {
            Transport::Tcp => 6,
            Transport::Udp => 17,
        }
    }
}

/// A socket that listens (TCP) or is bound (UDP).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) only_ipv6: bool,
    /// The number of the socket, as in /proc/PID/fd.
    pub(crate) socket: u64,
}

impl Listener {
    /// Whether a connection to this address comes to it.
    pub(super) fn accepts_for(&self, address: IpAddr) -> bool {
        let anywhere = match self.address {
            IpAddr::V4(own) => own.is_unspecified() && address.is_ipv4(),
            IpAddr::V6(own) => own.is_unspecified() && (address.is_ipv6() || !self.only_ipv6),
        };
        anywhere || self.address == address
    }
}
