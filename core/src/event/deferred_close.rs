//! A descriptor whose last close takes long. The kernel's own worker closes it instead of this process.
//!
//! The close of an inotify descriptor that has a watch waits for a grace period of the kernel, 5 to 20 ms. A utility
//! that has its answer could have ended by then. So we send the descriptor, together with the receiving socket, over
//! that same socket, and close our copies. Nothing references the queue any more, and the kernel's garbage collector
//! closes both (unix(7), SCM_RIGHTS). Before Linux 6.9 the collector runs inside our own close, and nothing is won or
//! lost.

use crate::sys::beyond_nix::send;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use std::ops::Deref;
use std::os::fd::AsFd;

/// A descriptor that is slow to close. Its drop is quick.
#[derive(Debug)]
pub struct DeferredClose<T: AsFd>(Option<T>);

impl<T: AsFd> From<T> for DeferredClose<T> {
    fn from(fd: T) -> DeferredClose<T> {
        DeferredClose(Some(fd))
    }
}

impl<T: AsFd> Deref for DeferredClose<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("it is taken only when dropped")
    }
}

impl<T: AsFd> Drop for DeferredClose<T> {
    fn drop(&mut self) {
        if let Some(fd) = self.0.take() {
            // If too many descriptors are in flight already (ETOOMANYREFS), we close it ourselves, and that takes its
            // time.
            let _ = leave_to_the_kernel(fd);
        }
    }
}

fn leave_to_the_kernel(fd: impl AsFd) -> nix::Result<()> {
    let (outer, inner) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?;
    send(&outer, b"x", &[inner.as_fd(), fd.as_fd()])?;
    // The close of the last socket wakes the collector. By then the other two are garbage.
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
        drop(DeferredClose::from(theirs));
        // The reader sees the end only once the last copy is closed.
        assert_eq!(ours.read(&mut [0]).unwrap(), 0);
    }
}
