//! What a fuzzer reads that is private otherwise (fuzz/), with plain results.

use crate::claim::sd_notify::Message;
use std::time::Duration;

/// The content of a datagram of sd_notify(3).
#[derive(Debug, PartialEq, Eq)]
pub struct Notification {
    /// The daemon is ready.
    pub ready: bool,
    /// Its state, in words.
    pub status: Option<String>,
    /// The error that it reports, in words.
    pub error: Option<String>,
    /// The time that it asks for.
    pub extend: Option<Duration>,
}

/// Reads a datagram.
pub fn notification(text: &str) -> Notification {
    let Message { ready, status, error, extend } = Message::parse(text);
    Notification { ready, status, error, extend }
}
