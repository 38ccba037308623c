//! The output that COMMAND writes until it is ready, if there is no log. If the start fails, its last lines stand in
//! the message.
//!
//! COMMAND writes to a datagram socket that is connected to itself, and this process reads from it. After a successful
//! start, this process sets a filter that drops every datagram. From then on a write of COMMAND acts like a write to
//! /dev/null: it does not fail or block, and nothing grows. No process is needed for that.
//!
//! The price: no program can open a socket again as /dev/stderr (ENXIO; under systemd it is the same). The objects that
//! can be opened again do worse. A pipe without a reader ends COMMAND by SIGPIPE. A file or a memfd grows for as long as
//! the daemon lives; once it is sealed, a write fails with EPERM, and a program that checks its writes ends after its start
//! has succeeded. The failed open comes during the start, and the message names the cure: `--log FILE`.

use crate::claim::tail::{Quote, Tail};
use nix::errno::Errno;
use nix::sys::socket::sockopt::SendTimeout;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{bind, connect, getsockname, recv, setsockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use racefree::error::{Context, Result};
use racefree::sys;
use std::cell::RefCell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::process::Stdio;

pub(crate) struct KeptOutput {
    socket: OwnedFd,
    tail: RefCell<Tail>,
}

/// The time that a write of COMMAND may block while this process does not read, because it was killed, for example.
/// Then the write fails. There is room for about 200 KiB.
const SECONDS_BLOCKED_AT_MOST: i64 = 1;

fn socket() -> std::result::Result<OwnedFd, Errno> {
    nix::sys::socket::socket(AddressFamily::Unix, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
}

/// The socket has an abstract name that the kernel chooses (unix(7), autobind). A connected socket receives only from
/// the socket that it is connected to, here itself.
fn connected_to_itself() -> std::result::Result<OwnedFd, Errno> {
    let socket = socket()?;
    let number = socket.as_raw_fd();
    bind(number, &UnixAddr::new_unnamed())?;
    connect(number, &getsockname::<UnixAddr>(number)?)?;
    setsockopt(&socket, SendTimeout, &TimeVal::seconds(SECONDS_BLOCKED_AT_MOST))?;
    Ok(socket)
}

impl KeptOutput {
    /// `None` if the kernel has no such sockets or filters. Then nothing is kept.
    pub(crate) fn begin() -> Option<KeptOutput> {
        // The filter is tried on another socket first, because it must not fail when COMMAND runs.
        sys::drop_all_received(socket().ok()?.as_fd()).ok()?;
        Some(KeptOutput { socket: connected_to_itself().ok()?, tail: RefCell::default() })
    }

    /// Makes a descriptor of it for COMMAND.
    pub(crate) fn for_writing(&self) -> Result<Stdio> {
        Ok(self.socket.try_clone().act("share", "a socket")?.into())
    }

    /// Reads the output that has arrived. Each call is bounded, because COMMAND may write faster than this process
    /// reads.
    pub(crate) fn drain(&self) {
        const AT_ONCE: usize = 64;
        let mut datagram = [0; 64 * 1024];
        for _ in 0..AT_ONCE {
            match recv(self.socket.as_raw_fd(), &mut datagram, MsgFlags::MSG_DONTWAIT) {
                Ok(read) => drop(self.tail.borrow_mut().push(&datagram[..read])),
                Err(Errno::EINTR) => {}
                // No datagram is left, or it cannot be read. Then there is nothing to quote.
                Err(_) => return,
            }
        }
    }

    /// The last lines that have arrived.
    pub(crate) fn quote(&self) -> Option<Quote> {
        self.drain();
        self.tail.borrow().quote()
    }

    /// The advice for a COMMAND that has tried in vain to open its output again, as `echo >/dev/stderr` does. The error
    /// of such an open has one text in all programs that speak English.
    pub(crate) fn advice(&self) -> Option<String> {
        self.drain();
        let tail = self.tail.borrow();
        let refused =
            |name: &&str| tail.lines().any(|line| line.contains(name) && line.contains("No such device or address"));
        let name = ["/dev/stderr", "/dev/stdout"].into_iter().find(refused)?;
        Some(format!("without --log FILE it cannot open {name}"))
    }

    /// Drops every later write of COMMAND.
    ///
    /// # Errors
    /// A refused setsockopt(2).
    pub(crate) fn let_go(&self) -> Result<()> {
        // Race: output-without-a-reader (docs/races.md)
        sys::drop_all_received(self.socket.as_fd()).act("drop", "the output from now on")
    }
}

impl AsFd for KeptOutput {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::write;

    #[test]
    fn what_is_written_is_kept_until_it_is_let_go_and_writing_never_blocks_after_that() {
        let kept = KeptOutput::begin().expect("a pair of sockets with a filter");
        write(&kept.socket, b"before\n").expect("room");
        assert_eq!(kept.quote().map(|quote| quote.to_string()), Some(" before".into()));
        write(&kept.socket, b"unread\n").expect("room");
        let theirs = kept.socket.try_clone().expect("a descriptor");
        kept.let_go().expect("a filter");
        drop(kept);
        for _ in 0..10_000 {
            assert_eq!(write(&theirs, &[b'x'; 1000]), Ok(1000));
        }
    }
}
