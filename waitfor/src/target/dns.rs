//! `dns:` a name that has an address.

use super::resolve::Lookup;
use super::{Answer, ProbeOptions, Target};
use racefree::error::Result;
use racefree::event::Watched;
use racefree::event::deadline::Deadline;
use std::task::Poll;

/// A name to wait for.
pub(crate) struct Dns {
    lookup: Lookup,
}

impl Dns {
    pub(crate) fn new(name: String, options: &ProbeOptions) -> Dns {
        Dns { lookup: Lookup::new(name, options.attempt) }
    }
}

impl Target for Dns {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        Ok(match self.lookup.poll()? {
            None => Poll::Pending,
            Some(Ok(_)) => Poll::Ready(Answer::YES),
            Some(Err(none)) if none.is_temporary => Poll::Ready(Answer::unclear(none.reason)),
            Some(Err(none)) => Poll::Ready(Answer::no(none.reason)),
        })
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        self.lookup.watched()
    }

    fn resumes_at(&self) -> Deadline {
        self.lookup.resumes_at()
    }

    fn ready_text(&self) -> &'static str {
        "it has an address"
    }

    fn still_text(&self) -> String {
        "it still has an address".into()
    }
}
