//! All that can happen next.

use crate::at::{At, Reading};
use crate::kernel::World;
use crate::mover::{Mover, Step};
use crate::numbers::Slot;
use crate::process::{Plan, Process};
use crate::setup::Setup;
use crate::{claim, leftovers, others, read, restart, shell, signal};

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
        if setup.crashes && !only_asks || process.signalled {
            mover.step("(the kernel)", "ends it", |w| {
                w.end(slot);
                Some(())
            });
        }
        match process.at {
            At::Read(reading) => read::moves(&mut mover, reading),
            At::Remember
            | At::Hold
            | At::Prove
            | At::Send
            | At::AwaitEnd
            | At::HolderHold
            | At::HolderInherited
            | At::HolderKill => {
                signal::moves(&mut mover);
            }
            At::ShellPath
            | At::ShellLock
            | At::ShellRecheck
            | At::ShellRestartLock
            | At::ShellJudge
            | At::ShellText => {
                shell::moves(&mut mover);
            }
            At::Freed => leftovers::freed(&mut mover),
            At::Done => mover.exit("core::cli::exit::Exit::end", "ends"),
            At::Left(step, pid) => leftovers::moves(&mut mover, step, pid),
            At::Daemon | At::Worker | At::Stranger | At::Enemy | At::Reader | At::ForeignLock | At::ForeignHeld => {
                others::moves(&mut mover);
            }
            at if at >= At::RestartOpen => restart::moves(&mut mover),
            _ => claim::moves(&mut mover),
        }
    }
}

fn births(world: &World, setup: &Setup, out: &mut Vec<(Step, World)>) {
    for (number, &(plan, most)) in setup.cast.iter().enumerate() {
        if world.arrived & (1 << number) != 0 || world.all_living().filter(|(_, p)| p.is_of(plan)).count() >= most {
            continue;
        }
        let at = match plan {
            Plan::Claim
            | Plan::Wait
            | Plan::Ensure
            | Plan::Shell
            | Plan::Background
            | Plan::Supervise
            | Plan::Foreign => At::Open,
            Plan::Replace | Plan::First => At::RestartOpen,
            Plan::Read | Plan::Signal => At::Read(Reading::Open),
            Plan::Stop => At::Remember,
            Plan::Enemy => At::Enemy,
            Plan::Reader => At::Reader,
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
                after.arrived |= u8::from(setup.once) << number;
                after.canonical();
                out.push((Step { pid, role, code: "(the shell)", does: "starts it" }, after));
            }
        }
    }
}
