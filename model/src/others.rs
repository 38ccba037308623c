//! Those who know nothing of our steps: daemons and their workers, flock(1), whoever may write the directory or the file.

use crate::at::At;
use crate::kernel::{Byte, ByteLock, Flock, World};
use crate::mover::{Mover, Step, outside};
use crate::numbers::{INODES, Inode, Ofd, PIDS, Pid, Slot};
use crate::process::{Plan, Process};
use crate::promises;
use crate::setup::{Flaw, Setup};

/// The steps of a daemon, a worker, a foreign program, an enemy.
pub fn moves(m: &mut Mover) {
    let p = m.process().clone();
    match (p.at, p.claim) {
        (At::Daemon | At::Worker, Some(claim)) => daemon(m, &p, claim),
        (At::ForeignLock, Some(claim)) => foreign_lock(m, claim),
        (At::ForeignHeld, Some(claim)) => {
            let slot = m.slot;
            if m.world.file(claim).text != p.pid {
                m.go("(pidfile_write)", "writes its number", At::ForeignHeld, |w| w.write(claim, p.pid));
            }
            m.step("(flock)", "ends", |w| {
                w.end(slot);
                Some(())
            });
        }
        (At::Enemy, _) => enemy(m, &p),
        (At::Reader, _) => reader(m, &p),
        _ => {}
    }
}

fn daemon(m: &mut Mover, p: &Process, claim: Ofd) {
    let (slot, setup) = (m.slot, m.setup);
    if setup.closing && p.at == At::Daemon {
        m.step("(COMMAND)", "closes all its descriptors", |w| {
            w.close(slot, claim);
            let supervised = p.parent.is_some_and(|parent| w.process(parent).plan == Plan::Supervise);
            let p = w.process_mut(slot);
            (p.claim, p.at) = (None, At::Stranger);
            p.claims &= supervised;
            Some(())
        });
    }
    if setup.heirs && p.at == At::Worker {
        heir(m, claim);
    }
    if setup.shell
        && p.plan == Plan::Claim
        && matches!(m.world.file(claim).flock, Flock::Exclusive(ofd) if ofd == claim)
    {
        m.step("(COMMAND)", "unlocks its descriptor, and ends", |w| {
            w.unlock(claim);
            w.end(slot);
            // Until the restart has locked it again, whoever shares it has a claim that is not locked.
            w.processes.iter_mut().flatten().filter(|p| p.claim == Some(claim)).for_each(|p| p.unshared = true);
            Some(())
        });
    }
    if setup.has(Flaw::RemovedAtTheEnd) && p.at == At::Daemon && m.world.path.is_some() {
        m.go("(the flaw)", "removes its PID file, for it is about to end", At::Daemon, |w| {
            w.path = None;
            w.sweep();
        });
    }
    // One heir at a time does all that several can.
    let has_heir = setup.heirs && m.world.all_living().any(|(_, p)| p.at == At::Worker);
    if setup.workers && !has_heir {
        let pids: Vec<Pid> = m.world.free_pids().filter(|&pid| pid <= setup.pids).collect();
        for pid in pids {
            m.step("(COMMAND)", "forks a worker", |w| {
                let worker = Process {
                    parent: Some(slot),
                    fds: w.process(slot).fds,
                    claim: Some(claim),
                    ..Process::new(pid, Plan::Child, At::Worker)
                };
                w.born(worker);
                Some(())
            });
        }
    }
}

/// A worker without rights of its own has the descriptor: it can write and unlock.
fn heir(m: &mut Mover, claim: Ofd) {
    if m.world.file(claim).flock == Flock::Exclusive(claim) {
        m.go("(a worker)", "unlocks the claim", At::Worker, |w| w.unlock(claim));
    }
    if m.setup.tables {
        dead_number(m, claim);
    }
    if m.setup.handing {
        hand(m, claim);
    }
    for pid in (0..=m.setup.pids).filter(|&pid| m.world.file(claim).text != pid) {
        m.go("(a worker)", "writes a number", At::Worker, |w| w.write(claim, pid));
    }
}

/// A child that shares the table of descriptors (clone(2), CLONE_FILES) locks its own byte and ends: the lock lives on.
fn dead_number(m: &mut Mover, ofd: Ofd) {
    let (slot, at) = (m.slot, m.process().at);
    let own = |pid: Pid| m.world.file(ofd).bytes[pid as usize][Byte::Own as usize];
    if (1..=PIDS as Pid).any(|pid| own(pid).is_some_and(|lock| lock.table == slot)) {
        return;
    }
    let pids = m.world.free_pids().filter(|&pid| pid <= m.setup.pids && own(pid).is_none());
    for pid in pids.collect::<Vec<Pid>>() {
        m.go("(a worker)", "has a child that shares its table lock its byte, and end", at, |w| {
            w.file_mut(ofd).bytes[pid as usize][Byte::Own as usize] = Some(ByteLock { pid, table: slot });
        });
    }
}

/// flock(1): opens and locks, and never looks at the path again.
fn foreign_lock(m: &mut Mover, claim: Ofd) {
    let slot = m.slot;
    match m.world.clone().lock(slot, claim) {
        true => m.go("(flock)", "takes the flock", At::ForeignHeld, |w| {
            w.lock(slot, claim);
        }),
        false => m.step("(flock)", "is refused, and ends", |w| {
            w.end(slot);
            Some(())
        }),
    }
}

/// Whoever may write the file can do anything to it, and have children.
fn enemy(m: &mut Mover, p: &Process) {
    let (slot, setup) = (m.slot, m.setup);
    let Some(claim) = p.claim else {
        m.step("(an enemy)", "opens the file", |w| {
            let ofd = w.create_and_open(slot)?;
            w.process_mut(slot).claim = Some(ofd);
            Some(())
        });
        return;
    };
    if m.world.file(claim).flock == Flock::Free {
        m.go("(an enemy)", "takes the flock", At::Enemy, |w| {
            w.lock(slot, claim);
        });
    }
    if setup.handing {
        hand(m, claim);
    }
    for pid in 1..=setup.pids {
        if m.world.file(claim).text != pid {
            m.go("(an enemy)", "writes a number", At::Enemy, |w| w.write(claim, pid));
        }
        // A mark is of interest only to who looks for leftovers.
        if setup.handing {
            continue;
        }
        let bytes: &[Byte] = if setup.casts(Plan::Stop) { &[Byte::Own, Byte::Mark] } else { &[Byte::Own] };
        for &which in bytes {
            if m.world.file(claim).bytes[pid as usize][which as usize].is_none() {
                m.go("(an enemy)", "locks a byte", At::Enemy, |w| {
                    w.take_byte(slot, claim, pid, which);
                });
            }
        }
    }
}

/// A descriptor is handed to a stranger that accepts it (unix(7), SCM_RIGHTS).
fn hand(m: &mut Mover, ofd: Ofd) {
    let has_it = |p: &Process| p.fds & (1 << ofd) != 0;
    let strangers =
        m.world.all_living().filter(|(_, p)| p.at == At::Stranger && p.plan == Plan::Stranger && !has_it(p));
    for other in strangers.map(|(other, _)| other).collect::<Vec<Slot>>() {
        m.step("(a stranger)", "accepts a descriptor of the file", |w| {
            w.process_mut(other).fds |= 1 << ofd;
            Some(())
        });
    }
}

/// Whoever may read the file can lock it, and hand the descriptor on.
fn reader(m: &mut Mover, p: &Process) {
    let slot = m.slot;
    match p.claim {
        None if m.world.path.is_some() => m.step("(a reader)", "opens the file for reading", |w| {
            let ofd = w.open_path(slot)?;
            w.read_only |= 1 << ofd;
            w.process_mut(slot).claim = Some(ofd);
            Some(())
        }),
        Some(claim) => {
            if m.world.file(claim).flock == Flock::Free {
                m.go("(a reader)", "takes the flock", At::Reader, |w| {
                    w.lock(slot, claim);
                });
            }
            hand(m, claim);
        }
        None => {}
    }
}

/// Whoever may write the directory.
pub fn adversary(world: &World, setup: &Setup, out: &mut Vec<(Step, World)>) {
    let mut put = |does, path: Option<Inode>| {
        let mut after = world.clone();
        after.path = path;
        after.sweep();
        for process in after.processes.iter_mut().flatten() {
            process.was_at |= path.is_some() && process.claim.and_then(|ofd| after.open[ofd as usize]) == path;
        }
        promises::judge(&mut after, setup);
        after.canonical();
        out.push((outside("(an adversary)", does), after));
    };
    if world.path.is_some() {
        put("removes the file", None);
    }
    if let Some(fresh) = world.unused_inode() {
        put("puts an empty file there", Some(fresh));
    }
    for inode in (0..INODES as Inode).filter(|&inode| world.open.contains(&Some(inode))) {
        if world.path != Some(inode) {
            put("puts a file back that was there before", Some(inode));
        }
    }
}
