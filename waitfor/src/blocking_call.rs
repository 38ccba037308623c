//! A library call that blocks: made in a thread of its own, with a descriptor that becomes readable at its end.
//!
//! Nobody ends a thread whose call takes too long. It ends with its call, or with the process.

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use racefree::error::{Context, Result};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

/// A call under way.
#[derive(Debug)]
pub(crate) struct BlockingCall<T> {
    finished: OwnedFd,
    result: Receiver<T>,
}

impl<T: Send + 'static> BlockingCall<T> {
    /// Starts the call.
    pub(crate) fn begin(call: impl FnOnce() -> T + Send + 'static) -> Result<BlockingCall<T>> {
        let (finished, finish) = pipe2(OFlag::O_CLOEXEC).act("make", "a pipe")?;
        let (sender, result) = channel();
        let run = move || {
            // The receiver is gone where the wait is over.
            let _ = sender.send(call());
            // The closed pipe wakes the event loop, so the result must be sent first.
            drop(finish);
        };
        thread::Builder::new().spawn(run).act("start", "a thread")?;
        Ok(BlockingCall { finished, result })
    }

    /// The result, once the call has returned.
    pub(crate) fn result(&self) -> Result<Option<T>> {
        match self.result.try_recv() {
            Ok(result) => Ok(Some(result)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => anyhow::bail!("call in a thread: it ended without a result"),
        }
    }
}

impl<T> AsFd for BlockingCall<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.finished.as_fd()
    }
}
