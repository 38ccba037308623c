//! `dns:` a name that has an address.

use super::resolve::{Found, look_up};
use super::{Answer, Step, Target};
use crate::blocking_call::Errand;
use racefree_core::error::Result;
use racefree_core::event::{Events, Watched};
use std::os::fd::AsFd;

/// A name to wait for.
pub(crate) struct Dns {
    name: String,
    errand: Option<Errand<Found>>,
}

impl Dns {
    pub(crate) fn new(name: String) -> Dns {
        Dns { name, errand: None }
    }
}

impl Target for Dns {
    fn ask(&mut self, _: &Events) -> Result<Step> {
        // As in a look-up for a connection: one that outlasts a try is not begun a second time.
        let errand = match self.errand.take() {
            Some(errand) => errand,
            None => {
                let name = self.name.clone();
                Errand::begin(move || look_up(&name, 0))?
            }
        };
        Ok(match errand.answer()? {
            None => {
                self.errand = Some(errand);
                Step::Pending
            }
            Some(Ok(_)) => Step::Answered(Answer::YES),
            // The resolver's word for "nobody knows at present".
            Some(Err(why)) if why.ends_with("Temporary failure in name resolution") => {
                Step::Answered(Answer::unclear(why))
            }
            Some(Err(why)) => Step::Answered(Answer::no(why)),
        })
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        self.errand.iter().map(|errand| Watched::Read(errand.as_fd())).collect()
    }

    fn ready(&self) -> &'static str {
        "it has an address"
    }

    fn still(&self) -> String {
        "it still has an address".into()
    }
}
