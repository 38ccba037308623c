//! The promises, judged after every step by what only the model knows.

use crate::at::At;
use crate::kernel::{Flock, World};
use crate::numbers::{Inode, Ofd, Pid, Slot};
use crate::owner::{Verdict, claimant};
use crate::process::{PidFd, Plan, Process};
use crate::promise::Promise;
use crate::setup::{Flaw, Setup};

/// Judges a state.
pub fn judge(world: &mut World, setup: &Setup) {
    if world.broken.is_none() {
        let broken = two_claimants(world, setup).or_else(|| foreign_beside_ours(world));
        world.broken = broken.or_else(|| unnamed_claimant(world, setup)).or_else(|| denied_successor(world));
    }
}

fn file_of(world: &World, process: &Process) -> Option<Inode> {
    process.claim.map(|ofd| world.inode(ofd))
}

fn two_claimants(world: &World, setup: &Setup) -> Option<Promise> {
    let claimants: Vec<&Process> = world.all_living().map(|(_, p)| p).filter(|p| p.claims).collect();
    let mut pairs = claimants.iter().enumerate().flat_map(|(n, a)| claimants[..n].iter().map(move |b| (a, b)));
    // With an adversary: of one *file*. The path can name only one of them.
    let at_once = pairs.any(|(a, b)| !setup.adversary || file_of(world, a) == file_of(world, b));
    at_once.then_some(Promise::OneClaimant)
}

fn foreign_beside_ours(world: &World) -> Option<Promise> {
    let held =
        |p: &Process| p.claim.filter(|&ofd| p.at == At::ForeignHeld && world.file(ofd).flock == Flock::Exclusive(ofd));
    let foreign: Vec<Ofd> = world.all_living().filter_map(|(_, p)| held(p)).collect();
    // One that shares the description of the other has replaced it, and waits for its end.
    let is_beside =
        |ours: Ofd| foreign.iter().any(|&theirs| ours != theirs && world.inode(ours) == world.inode(theirs));
    // A claim that could not be shared with the old one is not locked between the two.
    let ours = |p: &Process| p.plan != Plan::Foreign && p.claims && !p.unshared && p.claim.is_some_and(is_beside);
    world.all_living().any(|(_, p)| ours(p)).then_some(Promise::NoForeignBeside)
}

fn unnamed_claimant(world: &World, setup: &Setup) -> Option<Promise> {
    if setup.heirs
        || setup.adversary
        || setup.has(Flaw::RemovedAtTheEnd)
        || setup.casts(Plan::Enemy)
        || setup.casts(Plan::Foreign)
    {
        return None;
    }
    // Where the text names nobody who stands, the one that does is named by its byte.
    let named = |pid| world.path.is_some_and(|i| world.files[i as usize].text == pid || by_all(world, i, setup) == pid);
    let unnamed = world.all_living().any(|(_, p)| p.claims && !named(p.pid));
    unnamed.then_some(Promise::FileNamesClaimant)
}

/// Workers can write any text. A claimant with the mark of a successor is on record by the attribute, or the next claim takes
/// it for a leftover. While a restart has its lock, nobody looks for leftovers.
fn denied_successor(world: &World) -> Option<Promise> {
    let file = &world.files[world.path.filter(|_| world.attributes)? as usize];
    let is_marked = |slot| file.bytes.iter().any(|[_, mark]| mark.is_some_and(|mark| mark.table == slot));
    let is_denied = |slot| is_marked(slot) && file.attribute != PidFd::At(slot);
    let denied = file.restart_lock.is_none() && world.all_living().any(|(slot, p)| p.claims && is_denied(slot));
    denied.then_some(Promise::FileNamesClaimant)
}

/// The number of the one who stands, as anybody sees it; 0 for none or several.
fn by_all(world: &World, inode: Inode, setup: &Setup) -> Pid {
    const NOBODY: Slot = Slot::MAX;
    match claimant(world, NOBODY, inode, setup) {
        Verdict::One(pid) => pid,
        Verdict::Nobody | Verdict::Several => 0,
    }
}

/// A claim has been completed: the path must have named its file while it had the lock.
pub fn claimed(world: &mut World, slot: Slot) {
    let process = world.process(slot);
    let locked = process.claim.is_some_and(|ofd| world.file(ofd).flock == Flock::Exclusive(ofd));
    if locked && !process.was_at {
        world.broken = Some(Promise::AtItsPath);
    }
}

/// A reading names a process: one that lives, and the claimant. With an enemy that shares tables, or descriptors that are
/// handed on, a reading can be led to a stranger; a signal cannot.
pub fn named(world: &mut World, lived: bool, believed: PidFd, setup: &Setup) {
    if !lived {
        world.broken = Some(Promise::NamesTheLiving);
    } else if believed == PidFd::None && !setup.tables && !setup.handing {
        world.broken = Some(Promise::ReadingIsTrue);
    }
}

/// Whether the process has to do with the claim: what a reading may name, and a signal reach.
pub fn is_party(world: &World, slot: Slot, inode: Inode) -> bool {
    let p = world.process(slot);
    let enemy = |p: &Process| p.plan == Plan::Enemy;
    p.claims
        || p.successor
        || p.superseded
        || matches!(p.at, At::NameText | At::Exec)
        || (p.plan != Plan::Stranger && world.holds(slot, inode))
        || enemy(p)
        || p.parent.is_some_and(|parent| enemy(world.process(parent)))
}

/// A leftover is about to be ended: it must be one, or (with an enemy, who can make the claimant look like one) a party.
pub fn ended_as_leftover(world: &mut World, slot: Slot, setup: &Setup) {
    let p = world.process(slot);
    let left_behind = p.launcher.is_none() && (p.successor || p.superseded);
    let inode = world.path.unwrap_or_default();
    let party = (setup.casts(Plan::Enemy) || setup.adversary) && is_party(world, slot, inode);
    if !left_behind && !party {
        world.broken = Some(Promise::OnlyLeftoversEnd);
    }
}

/// A holder of an orphaned lock is about to be killed: it must have inherited it, and not be on its way to a claim.
pub fn killed_as_holder(world: &mut World, slot: Slot) {
    let p = world.process(slot);
    // A claim half-way whose launcher was killed cannot be told from a worker.
    let abandoned = p.plan == Plan::Child && p.parent.is_none() && p.at != At::Daemon;
    let left_behind = p.launcher.is_none() && (p.successor || p.superseded);
    if !(p.at == At::Worker || abandoned || left_behind || p.plan == Plan::Enemy) {
        world.broken = Some(Promise::OnlyHoldersKilled);
    }
}
