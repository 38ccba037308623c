//! What COMMAND writes until it is ready, where no log is asked for: the last lines stand in the message of a start that fails.
//!
//! COMMAND writes to one end of a pair of datagram sockets, and this process keeps the last lines that arrive at the other end.
//! When the start has succeeded, COMMAND's end is connected to itself, where a filter drops all that arrives. From then on
//! COMMAND writes as if to /dev/null: nothing fails, blocks or grows. A pipe would fail or block then, a file would grow for
//! as long as the daemon lives.

use crate::claim::tail::{Quote, Tail};
use racefree_core::error::{Context, Result};
use racefree_core::sys;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType};
use rustix::net::{bind, connect, getsockname, recv, socketpair};
use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Stdio;

pub(crate) struct KeptOutput {
    theirs: OwnedFd,
    ours: OwnedFd,
    tail: RefCell<Tail>,
}

impl KeptOutput {
    /// `None` where the kernel has no such sockets or filters: then nothing is kept.
    pub(crate) fn begin() -> Option<KeptOutput> {
        let (theirs, ours) = socketpair(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None).ok()?;
        sys::drop_all_received(theirs.as_fd()).ok()?;
        Some(KeptOutput { theirs, ours, tail: RefCell::default() })
    }

    /// A descriptor of COMMAND's end.
    pub(crate) fn for_writing(&self) -> Result<Stdio> {
        Ok(self.theirs.try_clone().act("share", "a socket")?.into())
    }

    /// Takes in all that has arrived. Each call is bounded, for COMMAND may write faster than this process reads.
    pub(crate) fn drain(&self) {
        const AT_ONCE: usize = 64;
        let mut datagram = [0; 64 * 1024];
        for _ in 0..AT_ONCE {
            match recv(&self.ours, &mut datagram[..], RecvFlags::DONTWAIT) {
                Ok((read, _)) => self.tail.borrow_mut().push(&datagram[..read]),
                Err(Errno::INTR) => {}
                // Nothing more is there; or what is there cannot be read, and then there is nothing to quote.
                Err(_) => return,
            }
        }
    }

    /// The last lines that have arrived.
    pub(crate) fn quote(&self) -> Option<Quote> {
        self.drain();
        self.tail.borrow().quote()
    }

    /// Lets COMMAND write to nobody from now on.
    ///
    /// # Errors
    /// A refused bind(2) or connect(2).
    pub(crate) fn let_go(&self) -> Result<()> {
        // An abstract name that the kernel chooses (unix(7), autobind). Nobody else can send anything through the filter.
        bind(&self.theirs, &SocketAddrUnix::new_unnamed()).act("name", "the socket of the output")?;
        let name = getsockname(&self.theirs).act("find the name of", "the socket of the output")?;
        connect(&self.theirs, &name).act("connect", "the socket of the output")
    }
}

impl AsFd for KeptOutput {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ours.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::write;

    #[test]
    fn what_is_written_is_kept_until_it_is_let_go_and_writing_never_blocks_after_that() {
        let kept = KeptOutput::begin().expect("a pair of sockets with a filter");
        write(&kept.theirs, b"before\n").expect("room");
        assert_eq!(kept.quote().map(|quote| quote.to_string()), Some("before".into()));
        write(&kept.theirs, b"unread\n").expect("room");
        let theirs = kept.theirs.try_clone().expect("a descriptor");
        kept.let_go().expect("a socket of its own");
        drop(kept);
        for _ in 0..10_000 {
            assert_eq!(write(&theirs, &[b'x'; 1000]), Ok(1000));
        }
    }
}
