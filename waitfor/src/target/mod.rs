//! The targets of a wait. Each kind of target has a file: how it is tried once, which events tell of a change, and how
//! its reason reads.
//!
//! A try never blocks. A try that takes time gives the event loop a descriptor to watch until the attempt's end.

mod address;
mod answer;
pub(crate) mod conversation;
mod dial;
pub(crate) mod dns;
pub(crate) mod exec;
pub(crate) mod file;
pub(crate) mod free;
pub(crate) mod http;
pub(crate) mod listen;
pub(crate) mod lock;
pub(crate) mod parse;
pub(crate) mod pid;
pub(crate) mod pidfile;
pub(crate) mod reason;
pub(crate) mod resolve;
pub(crate) mod script;
pub(crate) mod tcp;
pub(crate) mod unix;

pub(crate) use answer::Answer;

use crate::sockets::SocketTables;
use crate::sockets::owner::SocketOwner;
use racefree::error::Result;
use racefree::event::Watched;
use racefree::event::deadline::Deadline;
use racefree::event::duration::for_people;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The options that say how targets are tried.
#[derive(Clone, Debug)]
pub(crate) struct ProbeOptions {
    /// The texts that are sent and expected over a connection.
    pub(crate) script: script::Script,
    /// The wait is for the end of the targets.
    pub(crate) down: bool,
    /// The answer must last (`--stable`).
    pub(crate) lasting: bool,
    /// The process that must own the socket that answers.
    pub(crate) by: Option<Rc<SocketOwner>>,
    /// The kernel's tables of sockets.
    pub(crate) tables: Rc<SocketTables>,
    /// How a request over HTTP looks.
    pub(crate) http: http::options::HttpOptions,
    /// The limit of one try.
    pub(crate) attempt: Duration,
}

impl ProbeOptions {
    /// The answer after which the target is not tried again, so that no watch on it is needed.
    pub(crate) fn is_final(&self) -> fn(&Answer) -> bool {
        match (self.lasting, self.down) {
            (true, _) => |_| false,
            (false, false) => |answer| matches!(answer, Answer::Yes(_)),
            (false, true) => |answer| matches!(answer, Answer::No(_)),
        }
    }
}

/// Something to wait for.
pub(crate) trait Target {
    /// Begins a try.
    fn probe(&mut self) -> Result<Poll<Answer>>;

    /// The descriptors that a pending try waits for.
    fn watched(&self) -> Vec<Watched<'_>> {
        vec![]
    }

    /// The instant at which a pending try is resumed even if none of its descriptors is ready.
    fn resumes_at(&self) -> Deadline {
        Deadline::NEVER
    }

    /// Whether a pending try has its answer and watches whether the answer lasts. Such a try may outlast `--attempt`.
    fn watches_answer_last(&self) -> bool {
        false
    }

    /// Continues a pending try.
    fn resume(&mut self) -> Result<Poll<Answer>> {
        self.probe()
    }

    /// Ends a pending try that has run for this long, and leaves nothing of it behind.
    fn time_out(&mut self, after: Duration) -> Answer {
        Answer::unclear(format!("no answer within {}", for_people(after)))
    }

    /// Since when the target has been as it is now, where that is known better than by the answers.
    fn lasts_since(&self) -> Option<Instant> {
        None
    }

    /// A warning about an answer that may not mean what it seems to mean.
    fn caveat(&self) -> Option<&'static str> {
        None
    }

    /// The words for a target that is ready.
    fn ready_text(&self) -> &'static str {
        "it answers"
    }

    /// The words for a target that is still there although the wait is for its end.
    fn still_text(&self) -> String {
        "it still answers".into()
    }

    /// The descriptors that become readable when another try is worth its time.
    fn event_sources(&self) -> Vec<BorrowedFd<'_>> {
        vec![]
    }

    /// Takes the events that have come, and returns whether they are a reason for another try.
    fn drain_events(&mut self) -> bool {
        true
    }

    /// Whether the kernel sends an event when the last answer changes, so that no try before the event is worth its
    /// time.
    fn is_event_driven(&self) -> bool {
        false
    }
}
