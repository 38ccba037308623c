//! A descriptor whose last close takes long, closed by the kernel's own worker instead of by us.
//!
//! Closing an inotify descriptor that watches something waits for a grace period of the kernel: 5 to 20 ms, in which a
//! tool that has its answer could have ended. A descriptor in flight over a unix socket that is itself in flight over
//! nothing but itself belongs to nobody; the kernel's garbage collector closes both (unix(7), SCM_RIGHTS). Before Linux
//! 6.9 the collector runs in our own close, and nothing is won or lost.

use rustix::io;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg, socketpair,
};
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// A descriptor that is slow to close. Dropping it is quick.
#[derive(Debug)]
pub struct DeferredClose(Option<OwnedFd>);

impl From<OwnedFd> for DeferredClose {
    fn from(fd: OwnedFd) -> DeferredClose {
        DeferredClose(Some(fd))
    }
}

impl AsFd for DeferredClose {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_ref().expect("it is taken only when dropped").as_fd()
    }
}

impl Drop for DeferredClose {
    fn drop(&mut self) {
        if let Some(fd) = self.0.take() {
            // Where too many are in flight already (ETOOMANYREFS), the close is ours, and takes its time.
            let _ = leave_to_the_kernel(fd);
        }
    }
}

fn leave_to_the_kernel(fd: OwnedFd) -> io::Result<()> {
    let (outer, inner) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut message = SendAncillaryBuffer::new(&mut room);
    let both = [inner.as_fd(), fd.as_fd()];
    message.push(SendAncillaryMessage::ScmRights(&both));
    sendmsg(&outer, &[IoSlice::new(b"x")], &mut message, SendFlags::NOSIGNAL)?;
    // The last to go is the one whose close wakes the collector: by then the other two are garbage.
    drop(fd);
    drop(inner);
    drop(outer);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_left_to_the_kernel_is_closed() {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        drop(DeferredClose::from(OwnedFd::from(theirs)));
        // Its end is seen only once the last copy is closed.
        assert_eq!(ours.read(&mut [0]).unwrap(), 0);
    }
}
