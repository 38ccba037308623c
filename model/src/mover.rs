//! One step: who takes it, what it does, and the world after it.

use crate::at::{At, Leftover};
use crate::kernel::World;
use crate::numbers::{Pid, Slot};
use crate::process::Process;
use crate::promises;
use crate::setup::Setup;
use std::fmt;

/// One step of one process, or of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whose; 0 for nobody in the model.
    pub pid: Pid,
    /// What it is.
    pub role: &'static str,
    /// The function that the step stands for, or who does it in brackets.
    pub code: &'static str,
    /// What it does.
    pub does: &'static str,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            0 => write!(f, "{} {}", self.code, self.does),
            pid => write!(f, "{pid} ({}) {}: {}", self.role, self.code, self.does),
        }
    }
}

/// The world, and the process whose step it is.
pub struct Mover<'a> {
    /// Before the step.
    pub world: &'a World,
    /// Who takes part.
    pub setup: &'a Setup,
    /// Whose step it is.
    pub slot: Slot,
    /// The steps that can be taken next, each with the world after it.
    pub out: &'a mut Vec<(Step, World)>,
}

impl Mover<'_> {
    /// The process.
    pub fn process(&self) -> &Process {
        self.world.process(self.slot)
    }

    /// Takes a step, if it can be taken.
    pub fn step(&mut self, code: &'static str, does: &'static str, act: impl FnOnce(&mut World) -> Option<()>) {
        let process = self.process();
        let step = Step { pid: process.pid, role: process.role(), code, does };
        let mut after = self.world.clone();
        if act(&mut after).is_some() {
            promises::judge(&mut after, self.setup);
            after.canonical();
            self.out.push((step, after));
        }
    }

    /// Takes a step that always can be taken, and goes on there.
    pub fn go(&mut self, code: &'static str, does: &'static str, at: At, act: impl FnOnce(&mut World)) {
        let slot = self.slot;
        self.step(code, does, |w| {
            act(w);
            w.process_mut(slot).at = at;
            Some(())
        });
    }

    /// Ends by itself.
    pub fn exit(&mut self, code: &'static str, does: &'static str) {
        let slot = self.slot;
        self.step(code, does, |w| {
            w.end(slot);
            Some(())
        });
    }
}

/// Where a look for leftovers begins.
pub const LOOK: At = At::Left(Leftover::Stands, 1);

/// What an adversary or another outsider does.
pub fn outside(code: &'static str, does: &'static str) -> Step {
    Step { pid: 0, role: "", code, does }
}
