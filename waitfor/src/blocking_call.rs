//! A question that a library answers only by blocking: asked in a thread, answered through a descriptor.
//!
//! A thread that takes too long is left to itself; it ends with its call, or with the process.

use racefree_core::error::{Context, Result};
use rustix::pipe::{PipeFlags, pipe_with};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

/// A question under way. Its descriptor can be read when the answer is there.
#[derive(Debug)]
pub(crate) struct Errand<T> {
    told: OwnedFd,
    answer: Receiver<T>,
}

impl<T: Send + 'static> Errand<T> {
    /// Asks.
    pub(crate) fn begin(question: impl FnOnce() -> T + Send + 'static) -> Result<Errand<T>> {
        let (told, tell) = pipe_with(PipeFlags::CLOEXEC).act("make", "a pipe")?;
        let (sender, answer) = channel();
        let errand = move || {
            // Nobody listens any more where the wait is over.
            let _ = sender.send(question());
            // The closed pipe is the news, so it comes after the answer.
            drop(tell);
        };
        thread::Builder::new().spawn(errand).act("start", "a thread")?;
        Ok(Errand { told, answer })
    }

    /// The answer, once it is there.
    pub(crate) fn answer(&self) -> Result<Option<T>> {
        match self.answer.try_recv() {
            Ok(answer) => Ok(Some(answer)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => anyhow::bail!("ask in a thread: it ended without an answer"),
        }
    }
}

impl<T> AsFd for Errand<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }
}
