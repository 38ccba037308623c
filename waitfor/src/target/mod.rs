//! What can be waited for: how it is tried once, what may announce it, and how its last reason reads.
//!
//! A try never blocks. What takes time is a descriptor that the one event loop watches until the attempt's end.

pub(crate) mod conversation;
pub(crate) mod dns;
pub(crate) mod exec;
pub(crate) mod file;
pub(crate) mod http;
pub(crate) mod http_options;
pub(crate) mod listen;
pub(crate) mod lock;
pub(crate) mod parse;
pub(crate) mod pid;
pub(crate) mod pidfile;
pub(crate) mod reason;
pub(crate) mod resolve;
pub(crate) mod tcp;
pub(crate) mod unix;

use crate::sockets::owner::Owner;
use racefree_core::error::Result;
use racefree_core::event::time::Deadline;
use racefree_core::event::{Events, Watched};
use reason::Why;
use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::Duration;

/// What a try came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It answers, exists, lives; and this try has seen it do so for this long.
    Yes(Duration),
    /// It does not, and why.
    No(Why),
    /// Neither can be said, and why: it is not ready, and not down either.
    Unclear(Why),
}

impl Answer {
    /// Yes, at this moment.
    pub(crate) const YES: Answer = Answer::Yes(Duration::ZERO);

    /// No, because.
    pub(crate) fn no(why: impl Into<Why>) -> Answer {
        Answer::No(why.into())
    }

    /// Neither, because.
    pub(crate) fn unclear(why: impl Into<Why>) -> Answer {
        Answer::Unclear(why.into())
    }
}

/// How far a try has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// To its end.
    Answered(Answer),
    /// Not to its end: what it watches will tell.
    Pending,
}

/// How to look at a target, beyond what its name says.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    /// What is said over a connection before it counts.
    pub(crate) talk: conversation::Talk,
    /// The end is awaited, not the beginning.
    pub(crate) down: bool,
    /// The answer must last.
    pub(crate) lasting: bool,
    /// Who must own the socket that answers.
    pub(crate) by: Option<Rc<Owner>>,
    /// What a request over http looks like.
    pub(crate) http: http_options::Http,
    /// How long a request may take.
    pub(crate) attempt: Duration,
}

impl Means {
    /// Which answer ends the wait for a target, so that nothing need announce what comes after it.
    pub(crate) fn suffices(&self) -> fn(&Answer) -> bool {
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
    fn ask(&mut self, events: &Events) -> Result<Step>;

    /// What a pending try waits for.
    fn watched(&self) -> Vec<Watched<'_>> {
        vec![]
    }

    /// When a pending try wants to go on even if nothing it watches has told anything.
    fn goes_on_at(&self) -> Deadline {
        Deadline::NEVER
    }

    /// A pending try has its answer and only watches whether it lasts: the attempt's end does not cut it off.
    fn is_lasting(&self) -> bool {
        false
    }

    /// Goes on with a pending try.
    fn go_on(&mut self, events: &Events) -> Result<Step> {
        self.ask(events)
    }

    /// Ends a pending try that has taken so long: its time is up. Nothing of it is left behind.
    fn cut_off(&mut self, after: Duration) -> Answer {
        Answer::unclear(format!("no answer within {}", racefree_core::event::time::for_people(after)))
    }

    /// What is to be said of one that is ready.
    fn ready(&self) -> &'static str {
        "it answers"
    }

    /// What is to be said of one that is there although its end is awaited.
    fn still(&self) -> String {
        "it still answers".into()
    }

    /// What can be read when it is worth trying again.
    fn announcers(&self) -> Vec<BorrowedFd<'_>> {
        vec![]
    }

    /// Takes what the announcers tell, and says whether it is a reason to try again.
    fn heed(&mut self) -> bool {
        true
    }

    /// Whether the kernel will announce a change of the last answer, so that no try is worth it before.
    fn is_announced(&self) -> bool {
        false
    }
}
