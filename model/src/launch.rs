//! A process that starts the daemon and is not the daemon: a launcher, a supervisor.

use crate::at::At;
use crate::kernel::{Byte, World};
use crate::mover::Mover;
use crate::numbers::{Ofd, Pid, Slot};
use crate::owner::owner;
use crate::process::{Plan, Process};

/// fork(2), of one that inherits every descriptor.
pub fn fork(m: &mut Mover, at: At, next: At) {
    let slot = m.slot;
    let pids: Vec<Pid> = m.world.free_pids().filter(|&pid| pid <= m.setup.pids).collect();
    for pid in pids {
        m.step("core::process::child::Child::try_spawn", "forks", |w| {
            let us = w.process(slot);
            let child = Process {
                parent: Some(slot),
                fds: us.fds,
                claim: us.claim,
                restart_lock: us.restart_lock,
                was_at: us.was_at,
                unshared: us.unshared,
                successor: us.plan == Plan::Replace,
                launcher: (us.plan == Plan::Replace).then_some(slot),
                ..Process::new(pid, Plan::Child, at)
            };
            let child = w.born(child);
            let us = w.process_mut(slot);
            (us.child, us.at) = (Some(child), next);
            Some(())
        });
    }
}

/// Reaps the child.
pub fn reap(w: &mut World, slot: Slot) {
    if let Some(child) = w.process_mut(slot).child.take() {
        w.processes[child as usize] = None;
    }
}

/// How a launcher's child fares.
pub fn child_of<'a>(m: &Mover<'a>) -> Option<&'a Process> {
    m.process().child.map(|child| m.world.process(child))
}

/// A launcher or supervisor that waits for what it has started.
pub fn watch(m: &mut Mover, p: &Process, _: Ofd) {
    let slot = m.slot;
    match child_of(m) {
        None => m.exit("pidfile::claim::supervise::watch_over", "ends as COMMAND ended"),
        Some(child) if child.zombie => m.step("core::process::child::Child::reap", "reaps its child", |w| {
            reap(w, slot);
            // A supervisor ends in a moment of its own; the number of its child is free meanwhile.
            if p.plan != Plan::Supervise {
                w.end(slot);
            }
            Some(())
        }),
        Some(child)
            if matches!(p.plan, Plan::Background | Plan::First) && matches!(child.at, At::Daemon | At::Stranger) =>
        {
            m.exit("pidfile::claim::background::launch_claimant", "has started it, and ends");
        }
        _ => {}
    }
}

/// A supervisor that vouches for its child.
pub fn vouch(m: &mut Mover, p: &Process, ofd: Ofd) {
    let slot = m.slot;
    let Some(child) = child_of(m) else { return };
    if !child.zombie && !matches!(child.at, At::Daemon | At::Stranger) {
        return;
    }
    // It cannot tell yet whether the child has ended; nobody reaps it meanwhile.
    let pid = child.pid;
    match owner(m.world, slot, m.world.inode(ofd), pid) {
        None => m.go("core::claim::guard::ClaimGuard::vouch_for", "locks the byte of its child", At::Watch, |w| {
            w.take_byte(slot, ofd, pid, Byte::Own);
        }),
        Some(_) => m.step(
            "core::claim::recording::ClaimGuard::put_back_text",
            "cannot vouch: kills its child, and ends",
            |w| {
                if let Some(child) = p.child.filter(|&child| !w.process(child).zombie) {
                    w.end(child);
                }
                w.restore(ofd, p.before, w.process(slot).attribute_before);
                reap(w, slot);
                w.end(slot);
                Some(())
            },
        ),
    }
}
