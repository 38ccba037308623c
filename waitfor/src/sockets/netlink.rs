//! Netlink messages to sock_diag and back (netlink(7)).

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket};
use std::os::fd::{AsRawFd, OwnedFd};

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const REQUEST: u16 = 0x1;
const REQUEST_AND_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER: usize = 16;
const ROOM: usize = 32 * 1024;

/// A netlink socket. Each request has a number, so that the rest of an answer that was given up is not taken for the
/// next.
pub(crate) struct Netlink {
    socket: OwnedFd,
    sequence: u32,
    room: Vec<u8>,
}

impl Netlink {
    pub(crate) fn open() -> Result<Netlink, Errno> {
        let protocol = Some(SockProtocol::NetlinkSockDiag);
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
        Ok(Netlink { socket, sequence: 0, room: vec![0; ROOM] })
    }

    /// Asks for one thing, and takes the answer.
    pub(crate) fn ask(&mut self, request: &[u8], take: impl FnMut(&[u8])) -> Result<(), Errno> {
        self.exchange(REQUEST, request, take)
    }

    /// Asks for a list, and takes each part of the answer.
    pub(crate) fn dump(&mut self, request: &[u8], take: impl FnMut(&[u8])) -> Result<(), Errno> {
        self.exchange(REQUEST_AND_DUMP, request, take)
    }

    fn exchange(&mut self, flags: u16, request: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), Errno> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = ((HEADER + request.len()) as u32).to_ne_bytes().to_vec();
        message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        message.extend(flags.to_ne_bytes());
        message.extend(self.sequence.to_ne_bytes());
        message.resize(HEADER, 0);
        message.extend(request);
        sendto(self.socket.as_raw_fd(), &message, &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
        loop {
            let length = match recv(self.socket.as_raw_fd(), &mut self.room, MsgFlags::empty()) {
                Err(Errno::EINTR) => continue,
                received => received?,
            };
            let mut rest = &self.room[..length];
            while let Some((header, reply, after)) = first_message(rest) {
                rest = after;
                if header.sequence != self.sequence {
                    continue;
                }
                match header.kind {
                    NLMSG_DONE => return Ok(()),
                    NLMSG_ERROR => {
                        let error = number(reply, 0).map_or(0, |error| (error as i32).wrapping_neg());
                        return Err(Errno::from_raw(error));
                    }
                    _ => take(reply),
                }
                // The answer to a question for one thing is one message.
                if flags == REQUEST {
                    return Ok(());
                }
            }
        }
    }
}

struct Header {
    kind: u16,
    sequence: u32,
}

/// The header and the content of the first message, and what follows the message.
fn first_message(bytes: &[u8]) -> Option<(Header, &[u8], &[u8])> {
    let length = number(bytes, 0)? as usize;
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let header = Header { kind, sequence: number(bytes, 8)? };
    Some((header, bytes.get(HEADER..length)?, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// The attributes at the end of a message (rtnetlink(7), struct rtattr).
#[derive(Clone, Copy)]
pub(crate) struct Attributes<'a>(pub(crate) &'a [u8]);

impl<'a> Attributes<'a> {
    /// The value of the attribute of this type.
    pub(crate) fn find(self, wanted: u16) -> Option<&'a [u8]> {
        let mut rest = self.0;
        loop {
            let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
            let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?);
            if kind == wanted {
                return rest.get(4..length);
            }
            rest = rest.get(length.max(4).next_multiple_of(4)..)?;
        }
    }
}

/// The number of 32 bits at this offset.
pub(crate) fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
