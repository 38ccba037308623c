//! sd_notify(3), from pidfile to the service manager that has started it.

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use nix::unistd::pipe2;
use racefree::error::{Context, Result};
use racefree::event::Watched;
use racefree::sys::beyond_nix;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// The fate of a message to the service manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Delivery {
    /// The manager has read the message, or there is no manager.
    Read,
    /// The manager has not read the message in time.
    Unread,
}

/// Sends a message to the service manager, if there is one, and waits until the manager has read it. Race:
/// manager-follows-late (docs/races.md). The manager looks up in /proc which unit the sender belongs to, and would not
/// find a sender that has ended.
///
/// `wait` waits for a descriptor, and returns `false` when the manager's time is over.
pub(crate) fn tell_manager(message: &str, mut wait: impl FnMut(Watched<'_>) -> Result<bool>) -> Result<Delivery> {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return Ok(Delivery::Read);
    };
    let act = format!("send {message} to");
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(name) => UnixAddr::new_abstract(name),
        None => UnixAddr::new(name.as_bytes()),
    };
    let address = address.act(&act, name.display())?;
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None).act(&act, name.display())?;
    // poll(2) reports room in the queue of the other socket only for a connected socket.
    connect(socket.as_raw_fd(), &address).act(&act, name.display())?;
    // The manager closes the descriptor of the barrier when it has come to the barrier (sd_notify_barrier(3)).
    let (read, barrier) = pipe2(OFlag::O_CLOEXEC).act("make", "a pipe")?;
    for (text, descriptors) in [(message, &[][..]), ("BARRIER=1", &[barrier.as_fd()][..])] {
        while !send(&socket, text, descriptors).act(&act, name.display())? {
            if !wait(Watched::Write(socket.as_fd()))? {
                return Ok(Delivery::Unread);
            }
        }
    }
    drop(barrier);
    Ok(if wait(Watched::Read(read.as_fd()))? { Delivery::Read } else { Delivery::Unread })
}

/// Sends a datagram; `false` if the queue of the receiver is full.
fn send(socket: &OwnedFd, text: &str, descriptors: &[BorrowedFd<'_>]) -> std::result::Result<bool, Errno> {
    match beyond_nix::send(socket, text.as_bytes(), descriptors) {
        // TOOMANYREFS: the limit of descriptors that are sent and not yet read is reached.
        Err(Errno::EAGAIN | Errno::ETOOMANYREFS) => Ok(false),
        sent => sent.map(|()| true),
    }
}
