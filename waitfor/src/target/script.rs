//! The texts that are sent and expected over a connection before it counts as an answer.

use crate::unescape::unescape;
use regex::bytes::Regex;
use std::time::{Duration, Instant};

/// The options of a conversation.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConversationOptions {
    /// Send STR over each connection to a tcp: or unix: target, with the escapes of C, as in 'PING\r\n'
    #[arg(long, help_heading = "What counts as ready", value_name = "STR", value_parser = bytes)]
    pub(crate) send: Option<Bytes>,
    /// The pattern of the answer of a tcp: or unix: target, within one try and 64 KiB
    #[arg(long, help_heading = "What counts as ready", value_name = "REGEX")]
    pub(crate) expect: Option<Regex>,
}

type Bytes = std::sync::Arc<[u8]>;

fn bytes(text: &str) -> Result<Bytes, String> {
    unescape(text).map(Bytes::from)
}

impl ConversationOptions {
    /// The texts that are sent and expected, and the time for which the connection must stay open.
    pub(crate) fn script(&self, stable: Option<Duration>) -> Script {
        let send = self.send.as_deref().unwrap_or_default().to_vec();
        Script { send, expect: self.expect.clone(), stable, ..Script::empty() }
    }
}

/// The texts that must be sent and received over a connection before it counts as an answer.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    began: Instant,
    pub(crate) send: Vec<u8>,
    pub(crate) expect: Option<Regex>,
    /// How long the connection must stay open after that.
    pub(crate) stable: Option<Duration>,
}

impl Script {
    /// Nothing is sent, nothing is expected.
    pub(crate) fn empty() -> Script {
        Script { began: Instant::now(), send: vec![], expect: None, stable: None }
    }

    /// The silence after which an unexpected text is taken for the whole text. The rest may still be on the way, or the
    /// server has said all, as redis does while it loads: then another connection is worth more. This pause grows with
    /// the time waited, as every pause does.
    pub(crate) fn patience(&self) -> Duration {
        (self.began.elapsed() / 20).max(Duration::from_millis(10))
    }
}
