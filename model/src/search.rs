//! The search: every state that can be reached, breadth first, so that a counter-example is a shortest one.
//!
//! By hand, for it is a page: stateright, the crate for it, knows "always" and "sometimes", but not "from everywhere a way
//! leads to", which is the promise that no crash blocks the next start.

use crate::at::At;
use crate::kernel::{Byte, World};
use crate::mover::Step;
use crate::moves::moves;
use crate::process::{Plan, Process};
use crate::promise::Promise;
use crate::setup::Setup;
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use std::collections::BTreeSet;
use std::fmt;

/// What was found.
#[derive(Debug)]
pub struct Found {
    /// All states that can be reached.
    pub states: IndexSet<World, FxBuildHasher>,
    /// How many steps between them.
    pub steps: usize,
    /// The functions whose steps were taken.
    pub code: BTreeSet<&'static str>,
    /// The shortest way to a broken promise, if there is one.
    pub counter_example: Option<Story>,
}

/// A way from the beginning to a broken promise.
#[derive(Debug)]
pub struct Story {
    /// The steps.
    pub steps: Vec<Step>,
    /// The promise.
    pub broken: Promise,
}

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "{:3}. {step}", number + 1)?;
        }
        write!(f, "     broken: {}", self.broken)
    }
}

/// Searches everything, or up to the first broken promise.
pub fn search(setup: &Setup) -> Found {
    search_from(beginning(setup), setup)
}

/// The world in which a search begins.
pub fn beginning(setup: &Setup) -> World {
    let mut world = World { attributes: setup.attributes, ..World::default() };
    if setup.daemon {
        let claim = Process { claims: true, ..Process::new(1, Plan::Claim, At::Daemon) };
        let daemon = world.born(claim);
        let ofd = world.create_and_open(daemon).expect("the first of all");
        world.lock(daemon, ofd);
        if setup.successor {
            world.take_byte(daemon, ofd, 1, Byte::Mark);
        }
        if !setup.shell {
            world.take_byte(daemon, ofd, 1, Byte::Own);
        }
        world.record(ofd, 1);
        world.file_mut(ofd).caller = u8::from(setup.casts(Plan::Stop));
        world.process_mut(daemon).claim = Some(ofd);
    }
    world
}

/// Searches from another beginning.
pub fn search_from(start: World, setup: &Setup) -> Found {
    let mut found =
        Found { states: IndexSet::from_iter([start]), steps: 0, code: BTreeSet::new(), counter_example: None };
    let mut reached_by: Vec<Option<(u32, Step)>> = vec![None];
    let mut at = 0;
    let mut next = Vec::new();
    while at < found.states.len() {
        moves(&found.states[at], setup, &mut next);
        for (step, world) in next.drain(..) {
            found.steps += 1;
            found.code.insert(step.code);
            let broken = world.broken;
            if !found.states.insert(world) {
                continue;
            }
            reached_by.push(Some((at as u32, step)));
            if let Some(broken) = broken {
                let steps = way_to(found.states.len() - 1, &reached_by);
                found.counter_example = Some(Story { steps, broken });
                return found;
            }
        }
        at += 1;
    }
    found
}

fn way_to(mut at: usize, reached_by: &[Option<(u32, Step)>]) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some((before, step)) = reached_by[at] {
        steps.push(step);
        at = before as usize;
    }
    steps.reverse();
    steps
}
