//! The claim, searched to its last state; and every flaw found out.

use model::at::At;
use model::kernel::World;
use model::process::{Plan::*, Process};
use model::promise::Promise;
use model::search::{Found, search, search_from};
use model::setup::{Flaw, Setup};
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

/// What does not happen unless it is named.
const BARE: Setup = Setup {
    cast: &[],
    once: false,
    daemon: false,
    pids: 3,
    crashes: true,
    adversary: false,
    workers: false,
    closing: false,
    exec_fails: false,
    unshared: false,
    heirs: false,
    tables: false,
    handing: false,
    attributes: false,
    successor: false,
    shell: false,
    flaw: None,
};

const CLAIMS: Setup = Setup { cast: &[(Claim, 2), (Read, 1)], exec_fails: true, ..BARE };
const SIGNAL: Setup = Setup { cast: &[(Claim, 1), (Signal, 1), (Stranger, 1)], closing: true, ..BARE };
const BACKGROUND: Setup = Setup { cast: &[(Background, 1), (Signal, 1), (Stranger, 1)], ..BARE };
const SUPERVISE: Setup = Setup { cast: &[(Supervise, 1), (Signal, 1), (Stranger, 2)], ..BARE };
const WORKERS: Setup = Setup { cast: &[(Claim, 1), (Stop, 1)], workers: true, ..BARE };
const STOP: Setup = Setup { cast: &[(Claim, 2), (Claim, 2), (Stop, 1)], once: true, ..BARE };
const FOREIGN: Setup = Setup { cast: &[(Claim, 1), (Foreign, 1), (Signal, 1)], ..BARE };
const ADVERSARY: Setup = Setup { cast: &[(Claim, 2)], pids: 2, adversary: true, ..BARE };
const ADVERSARY_AND_SIGNAL: Setup = Setup { cast: &[(Claim, 1), (Signal, 1)], pids: 2, adversary: true, ..BARE };
const ENEMY: Setup = Setup { cast: &[(Enemy, 1), (Signal, 1), (Stranger, 1)], daemon: true, ..BARE };
const REPLACE: Setup = Setup { cast: &[(Claim, 1), (Replace, 1)], exec_fails: true, unshared: true, ..BARE };
const REPLACE_AND_SIGNAL: Setup =
    Setup { cast: &[(Replace, 1), (Signal, 1)], daemon: true, once: true, pids: 4, ..BARE };
const TWO_RESTARTS: Setup = Setup { cast: &[(Replace, 2), (Replace, 2)], daemon: true, once: true, pids: 4, ..BARE };
const REPLACE_AND_STOP: Setup = Setup { cast: &[(Replace, 1), (Stop, 1)], daemon: true, once: true, pids: 4, ..BARE };

const HEIRS: Setup = Setup { cast: &[(Claim, 2)], workers: true, heirs: true, ..BARE };
const HEIRS_TABLES: Setup = Setup {
    cast: &[(Signal, 1), (Stranger, 1)],
    daemon: true,
    workers: true,
    heirs: true,
    tables: true,
    once: true,
    pids: 4,
    ..BARE
};
const ENEMYS_HANDS: Setup = Setup { handing: true, once: true, ..ENEMY };
const READER: Setup =
    Setup { cast: &[(Reader, 1), (Signal, 1), (Stranger, 1)], daemon: true, handing: true, pids: 4, ..BARE };
const ROOTS: Setup = Setup {
    cast: &[(Signal, 1), (Stranger, 1)],
    daemon: true,
    workers: true,
    heirs: true,
    handing: true,
    attributes: true,
    once: true,
    ..BARE
};
const SUCCESSOR: Setup =
    Setup { daemon: true, successor: true, workers: true, heirs: true, attributes: true, once: true, pids: 4, ..BARE };
const SUCCESSOR_AND_CLAIM: Setup = Setup { cast: &[(Claim, 2)], ..SUCCESSOR };
const SUCCESSOR_AND_STOP: Setup = Setup { cast: &[(Stop, 1)], ..SUCCESSOR };
const SUCCESSOR_AND_RESTART: Setup = Setup { cast: &[(Replace, 1)], ..SUCCESSOR };
const WAIT: Setup = Setup { cast: &[(Claim, 1), (Wait, 1), (Read, 1)], once: true, ..BARE };
const ENSURE: Setup = Setup { cast: &[(Claim, 1), (Ensure, 1), (Stranger, 1)], once: true, ..BARE };
const FD: Setup = Setup { cast: &[(Shell, 1), (Claim, 1), (Signal, 1)], once: true, ..BARE };
const FD_REPLACE: Setup = Setup { cast: &[(Shell, 1), (Replace, 1)], daemon: true, once: true, pids: 4, ..BARE };
const SHELL: Setup =
    Setup { cast: &[(Replace, 1), (Foreign, 1)], daemon: true, shell: true, once: true, pids: 4, ..BARE };

/// The casts whose promises hold, as docs/model.md has them.
const CASTS: &[(&str, Setup)] = &[
    ("two claims and a reader", CLAIMS),
    ("a signal, and a stranger who gets the number", SIGNAL),
    ("a start in the background", BACKGROUND),
    ("a supervisor, and a stranger with a child", SUPERVISE),
    ("a stop, and workers that outlive the daemon", WORKERS),
    ("a stop and two claims", STOP),
    ("a foreign lock", FOREIGN),
    ("two claims, and somebody who may write the directory", ADVERSARY),
    ("a signal, and somebody who may write the directory", ADVERSARY_AND_SIGNAL),
    ("a signal, and somebody who may write the file", ENEMY),
    ("a restart and a claim", REPLACE),
    ("a restart and a signal", REPLACE_AND_SIGNAL),
    ("two restarts", TWO_RESTARTS),
    ("a restart and a stop", REPLACE_AND_STOP),
    ("two claims, and workers that write and unlock", HEIRS),
    ("a signal, and workers whose children share their table of descriptors", HEIRS_TABLES),
    ("a signal, and a writer of the file who hands descriptors on", ENEMYS_HANDS),
    ("a signal, and a reader of the file who hands descriptors on", READER),
    ("a signal, and workers of a daemon of root who hand descriptors on", ROOTS),
    ("a claim, and workers of a daemon of root that came by a restart", SUCCESSOR_AND_CLAIM),
    ("a stop, and workers of a daemon of root that came by a restart", SUCCESSOR_AND_STOP),
    ("a restart, and workers of a daemon of root that came by a restart", SUCCESSOR_AND_RESTART),
    ("a claim, a claim that waits, and a reader", WAIT),
    ("a claim, a claim with --ensure, and a stranger who gets the number", ENSURE),
    ("a shell that claims by --fd, a claim and a signal", FD),
    ("a shell that claims by --fd, and a restart", FD_REPLACE),
    ("a restart of a shell that unlocks its descriptor, and a foreign lock", SHELL),
];

/// The figures of docs/model.md are those of this run.
fn says_all_of(lines: &[String]) {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/model.md"));
    let page = page.expect("docs/model.md");
    let wrong: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !page.contains(line)).collect();
    assert!(wrong.is_empty(), "docs/model.md does not say:\n{}", wrong.join("\n"));
}

/// The line of a number of thousands: `1,234`.
fn thousands(number: usize) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1000), number % 1000),
    }
}

/// Searches a cast, and everything that a crash of all leaves.
fn promises_hold(setup: &Setup) -> Found {
    let found = search(setup);
    if let Some(story) = &found.counter_example {
        panic!("{setup:?}\n{story}");
    }
    assert!(found.states.iter().any(claims), "nobody ever claims: {setup:?}");
    found
}

fn claims(world: &World) -> bool {
    world.all_living().any(|(_, p)| p.claims)
}

#[test]
fn the_promises_hold_in_every_state_of_every_cast() {
    let mut code: BTreeSet<&str> = BTreeSet::new();
    let mut lines = vec![];
    let mut left_behind: HashMap<Option<u8>, World> = HashMap::new();
    for (name, setup) in CASTS {
        let found = promises_hold(setup);
        lines.push(format!("| {name} | {} | {} |", thousands(found.states.len()), thousands(found.steps)));
        code.extend(&found.code);
        // What no process holds is gone with the last one: of all that there was, the path and its text are left.
        for world in &found.states {
            let left = world.path.map(|inode| world.files[inode as usize].text);
            left_behind.entry(left).or_insert_with(|| after_a_crash_of_all(world));
        }
    }
    assert_eq!(left_behind.len(), 6, "no file, an empty one, one of 4 numbers");
    for world in left_behind.into_values() {
        assert!(a_lone_claim_succeeds(world.clone(), None), "no claim succeeds after {world:?}");
    }
    every_step_stands_for_a_function(&code);
    says_all_of(&lines);
}

fn after_a_crash_of_all(world: &World) -> World {
    let mut after = world.clone();
    for slot in 0..after.processes.len() {
        if after.processes[slot].as_ref().is_some_and(|p| !p.zombie) {
            after.end(slot as u8);
        }
    }
    after.processes = Default::default();
    after.arrived = 0;
    after.canonical();
    after
}

/// Kill -9 of everything, at any instant: the next claim succeeds, at the first try, whatever it meets and whichever of
/// the three numbers it gets.
fn a_lone_claim_succeeds(world: World, flaw: Option<Flaw>) -> bool {
    let found = search_from(world, &Setup { cast: &[(Claim, 1)], crashes: false, flaw, ..BARE });
    let ends = found.states.iter().filter(|world| world.all_living().all(|(_, p)| p.at == At::Daemon));
    let started = ends.filter(|world| world.all_living().count() > 0);
    started.count() == 3 && found.states.iter().all(|world| world.all_living().count() < 2)
}

/// A restart is killed, the old one too: the successor alone is left. The worlds in which no claim succeeds then.
fn blocked_by_a_killed_restart(flaw: Option<Flaw>) -> Vec<World> {
    let found = search(&Setup { flaw, ..REPLACE_AND_SIGNAL });
    let is_left_alone = |world: &&World| {
        let mut living = world.all_living();
        let text = world.path.map(|inode| world.files[inode as usize].text);
        // One that has got the number of the old one is named by the text: then it runs, and is found.
        let alone = |p: &Process| p.successor && p.at == At::Daemon && text != Some(p.pid);
        matches!((living.next(), living.next()), (Some((_, p)), None) if alone(p))
    };
    let left: Vec<World> =
        found.states.iter().filter(is_left_alone).map(|w| World { arrived: 0, ..w.clone() }).collect();
    assert!(!left.is_empty(), "no restart was killed");
    let is_blocked = |world: &World| {
        let setup = Setup { cast: &[(Claim, 1)], crashes: false, pids: 4, flaw, ..BARE };
        let after = search_from(world.clone(), &setup);
        let claimed = |world: &World| world.all_living().any(|(_, p)| p.plan == Claim && p.at == At::Daemon);
        after.counter_example.is_some() || !after.states.iter().any(claimed)
    };
    left.into_iter().filter(is_blocked).collect()
}

#[test]
fn a_claim_ends_what_a_killed_restart_has_left_and_succeeds() {
    promises_hold(&REPLACE_AND_SIGNAL);
    let blocked = blocked_by_a_killed_restart(None);
    assert!(blocked.is_empty(), "no claim succeeds after {:?}", blocked[0]);
}

#[test]
fn a_claim_that_waits_is_never_stuck() {
    let found = promises_hold(&WAIT);
    let waits = |world: &&World| {
        let mut living = world.all_living();
        matches!((living.next(), living.next()), (Some((_, p)), None) if p.plan == Wait && p.at != At::Busy)
    };
    let mut alone: Vec<World> = found.states.iter().filter(waits).cloned().collect();
    assert!(alone.len() > 20, "only {}", alone.len());
    alone.iter_mut().for_each(|world| world.arrived = 0);
    for world in alone {
        let after = search_from(world.clone(), &Setup { cast: &[], crashes: false, ..WAIT });
        assert!(after.states.iter().any(|world| world.all_living().any(|(_, p)| p.claims)), "stuck: {world:?}");
    }
}

/// Each function that a step stands for is there, by its path: `core::claim::restart_lock::RestartLock::take_by`.
fn every_step_stands_for_a_function(code: &BTreeSet<&str>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let functions: Vec<&&str> = code.iter().filter(|code| !code.starts_with('(')).collect();
    assert!(functions.len() > 40, "only {functions:?}");
    let mut missing = Vec::new();
    for path in functions {
        let words: Vec<&str> = path.split("::").collect();
        let [package, inner @ .., function] = &words[..] else { panic!("{path}") };
        let modules = inner.iter().take_while(|word| word.starts_with(char::is_lowercase)).count();
        let (modules, owner) = inner.split_at(modules);
        let file = root.join(package).join("src").join(modules.join("/"));
        let source = std::fs::read_to_string(file.with_extension("rs"))
            .or_else(|_| std::fs::read_to_string(file.join("mod.rs")))
            .unwrap_or_default();
        let defined = source.contains(&format!("fn {function}("));
        let owned = |owner: &&str| source.lines().any(|line| line.starts_with("impl") && line.contains(owner));
        if !defined || !owner.iter().all(owned) {
            missing.push(path);
        }
    }
    assert!(missing.is_empty(), "there is no {missing:#?}");
}

/// Each flaw that breaks a promise about single states, where it shows, and which promise it breaks.
const FLAWS: &[(Flaw, Setup, Promise)] = &[
    (Flaw::LockAfterWrite, CLAIMS, Promise::OneClaimant),
    (Flaw::NoRecheck, ADVERSARY, Promise::AtItsPath),
    (Flaw::RemovedAtTheEnd, CLAIMS, Promise::OneClaimant),
    (Flaw::NoRetry, CLAIMS, Promise::ReaderDisturbsNobody),
    (Flaw::NoSecondReading, SIGNAL, Promise::SignalReachesClaimant),
    (Flaw::TextIsBelieved, FOREIGN_AND_STRANGER, Promise::ReadingIsTrue),
    (Flaw::ParentAskedOnce, SUPERVISE, Promise::ReadingIsTrue),
    (Flaw::NoRestartLock, REPLACE, Promise::OneClaimant),
    (Flaw::RestartLockOnlyAsked, REPLACE, Promise::OneClaimant),
    (Flaw::PutBackBlindly, REPLACE, Promise::FileNamesClaimant),
    (Flaw::LeftoverJudgedFirst, STOP, Promise::OnlyLeftoversEnd),
    (Flaw::RestartLockAskedOnce, REPLACE_AND_STOP, Promise::OnlyLeftoversEnd),
    (Flaw::HoldersAreKilled, STOP, Promise::OnlyHoldersKilled),
    (Flaw::OnlyTheNamedIsAsked, HEIRS, Promise::OneClaimant),
    (Flaw::DeadNumberBelieved, HEIRS_TABLES, Promise::NamesTheLiving),
    (Flaw::NoProof, HEIRS_TABLES, Promise::SignalReachesClaimant),
    (Flaw::NoAuthority, ENEMYS_HANDS, Promise::SignalReachesClaimant),
    (Flaw::ReadOnlyBelieved, READER, Promise::SignalReachesClaimant),
    (Flaw::ShellBesideRestart, FD_REPLACE, Promise::OneClaimant),
    (Flaw::AttributeIgnored, ROOTS, Promise::SignalReachesClaimant),
    (Flaw::EmptyTextAlone, SUCCESSOR_AND_RESTART, Promise::FileNamesClaimant),
    (Flaw::TextOnRecord, SUCCESSOR_AND_CLAIM, Promise::OnlyLeftoversEnd),
    (Flaw::NotLockedAgain, SHELL, Promise::NoForeignBeside),
    (Flaw::RefusalIgnored, FOREIGN, Promise::NoForeignBeside),
];

const FOREIGN_AND_STRANGER: Setup = Setup { cast: &[(Claim, 1), (Foreign, 1), (Read, 1), (Stranger, 1)], ..BARE };

/// The flaws after which a crash can block the next start; no single state shows that.
const BLOCKING_FLAWS: [Flaw; 2] = [Flaw::AnyTextIsBusy, Flaw::RestartLockIsInherited];

#[test]
fn every_flaw_is_refuted_by_a_story() {
    let mut lines = vec![];
    for &(flaw, setup, promise) in FLAWS {
        let found = search(&Setup { flaw: Some(flaw), ..setup });
        let Some(story) = found.counter_example else {
            panic!("{flaw:?} breaks nothing in {} states", found.states.len());
        };
        println!("{flaw:?}, after {} states:\n{story}\n", found.states.len());
        assert_eq!(story.broken, promise, "{flaw:?} breaks another promise:\n{story}");
        lines.push(format!("| {flaw:?} | {} |", story.steps.len()));
    }
    says_all_of(&lines);
}

#[test]
fn every_flaw_that_blocks_the_next_start_is_found_out() {
    let mut stale = World { path: Some(0), ..World::default() };
    stale.files[0].text = 1;
    assert!(a_lone_claim_succeeds(stale.clone(), None));
    assert!(!a_lone_claim_succeeds(stale, Some(Flaw::AnyTextIsBusy)));
    assert!(!blocked_by_a_killed_restart(Some(Flaw::RestartLockIsInherited)).is_empty());
}

#[test]
fn every_flaw_breaks_a_promise_and_every_promise_is_broken_by_a_flaw() {
    for flaw in Flaw::ALL {
        let shown = FLAWS.iter().any(|(other, ..)| *other == flaw) || BLOCKING_FLAWS.contains(&flaw);
        assert!(shown, "nothing shows what {flaw:?} breaks");
    }
    for promise in Promise::ALL {
        assert!(FLAWS.iter().any(|(.., broken)| *broken == promise), "no flaw breaks \"{promise}\"");
    }
}
