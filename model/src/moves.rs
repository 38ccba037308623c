//! All that can happen next.

use crate::kernel::{Pid, Slot, World};
use crate::process::{At, Leftover, Plan, Process, Reading};
use crate::promises;
use crate::setup::Setup;
use crate::{claim, leftovers, others, read, restart};
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
    out: &'a mut Vec<(Step, World)>,
}

impl Mover<'_> {
    /// The process.
    pub fn process(&self) -> &Process {
        self.world.of(self.slot)
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
            w.of_mut(slot).at = at;
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

/// Everything that can happen next.
pub fn moves(world: &World, setup: &Setup, out: &mut Vec<(Step, World)>) {
    if world.broken.is_some() {
        return;
    }
    births(world, setup, out);
    if setup.adversary {
        others::adversary(world, setup, out);
    }
    for (slot, process) in world.all_living() {
        let mut mover = Mover { world, setup, slot, out };
        // One that only asks leaves the same behind, whether it is killed or comes to its end.
        let only_asks = matches!(process.plan, Plan::Read | Plan::Signal | Plan::Stop);
        if setup.crashes && !only_asks || process.told {
            mover.step("(the kernel)", "ends it", |w| {
                w.end(slot);
                Some(())
            });
        }
        match process.at {
            At::Read(reading) => read::moves(&mut mover, reading),
            At::Hold | At::Send | At::AwaitEnd | At::HolderHold | At::HolderInherited | At::HolderKill => {
                read::use_moves(&mut mover);
            }
            At::Left(step, pid) => leftovers::moves(&mut mover, step, pid),
            At::Daemon | At::Worker | At::Stranger | At::Enemy | At::ForeignLock | At::ForeignHeld => {
                others::moves(&mut mover);
            }
            at if at >= At::TicketOpen => restart::moves(&mut mover),
            _ => claim::moves(&mut mover),
        }
    }
}

fn births(world: &World, setup: &Setup, out: &mut Vec<(Step, World)>) {
    for (number, &(plan, most)) in setup.cast.iter().enumerate() {
        if world.come & (1 << number) != 0 || world.all_living().filter(|(_, p)| p.plan == plan).count() >= most {
            continue;
        }
        let at = match plan {
            Plan::Claim | Plan::Background | Plan::Supervise | Plan::Foreign => At::Open,
            Plan::Replace => At::TicketOpen,
            Plan::Read | Plan::Signal | Plan::Stop => At::Read(Reading::Open),
            Plan::Enemy => At::Enemy,
            Plan::Stranger | Plan::Child => At::Stranger,
        };
        let parents = world.all_living().filter(|(_, p)| plan == Plan::Stranger && p.plan == plan);
        let parents: Vec<Option<Slot>> = parents.map(|(slot, _)| Some(slot)).chain([None]).collect();
        for pid in world.free_pids().filter(|&pid| pid <= setup.pids) {
            for &parent in &parents {
                let mut after = world.clone();
                let mut process = Process::new(pid, plan, at);
                process.parent = parent;
                let role = process.role();
                after.born(process);
                after.come |= u8::from(setup.once) << number;
                after.canonical();
                out.push((Step { pid, role, code: "(the shell)", does: "starts it" }, after));
            }
        }
    }
}

/// Where a look for leftovers begins.
pub const LOOK: At = At::Left(Leftover::Stands, 1);

/// What an adversary or another outsider does.
pub fn outside(code: &'static str, does: &'static str) -> Step {
    Step { pid: 0, role: "", code, does }
}
