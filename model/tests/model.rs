//! The claim, searched to its last state; and every flaw found out.

use model::kernel::World;
use model::process::{At, Plan::*, Process};
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
    flaw: None,
};

const CLAIMS: Setup = Setup { cast: &[(Claim, 2), (Read, 1)], exec_fails: true, ..BARE };
const SIGNAL: Setup = Setup { cast: &[(Claim, 1), (Signal, 1), (Stranger, 1)], closing: true, ..BARE };
const BACKGROUND: Setup = Setup { cast: &[(Background, 1), (Signal, 1), (Stranger, 1)], ..BARE };
const SUPERVISE: Setup = Setup { cast: &[(Supervise, 1), (Signal, 1), (Stranger, 2)], ..BARE };
const WORKERS: Setup = Setup { cast: &[(Claim, 1), (Stop, 1)], workers: true, ..BARE };
const STOP: Setup = Setup { cast: &[(Claim, 2), (Stop, 1)], ..BARE };
const FOREIGN: Setup = Setup { cast: &[(Claim, 1), (Foreign, 1), (Signal, 1)], ..BARE };
const ADVERSARY: Setup = Setup { cast: &[(Claim, 2)], pids: 2, adversary: true, ..BARE };
const ADVERSARY_AND_SIGNAL: Setup = Setup { cast: &[(Claim, 1), (Signal, 1)], pids: 2, adversary: true, ..BARE };
const ENEMY: Setup = Setup { cast: &[(Enemy, 1), (Signal, 1), (Stranger, 1)], daemon: true, ..BARE };
const REPLACE: Setup = Setup { cast: &[(Claim, 1), (Replace, 1)], exec_fails: true, unshared: true, ..BARE };
const REPLACE_AND_SIGNAL: Setup =
    Setup { cast: &[(Replace, 1), (Signal, 1)], daemon: true, once: true, pids: 4, ..BARE };
const TWO_RESTARTS: Setup = Setup { cast: &[(Replace, 2), (Replace, 2)], daemon: true, once: true, pids: 4, ..BARE };
const REPLACE_AND_STOP: Setup = Setup { cast: &[(Replace, 1), (Stop, 1)], daemon: true, once: true, pids: 4, ..BARE };

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
    left_behind.into_values().for_each(a_lone_claim_succeeds);
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
    after.come = 0;
    after.canonical();
    after
}

/// Kill -9 of everything, at any instant: the next claim succeeds, at the first try, whatever it meets.
fn a_lone_claim_succeeds(world: World) {
    let found = search_from(world, &Setup { cast: &[(Claim, 1)], crashes: false, ..BARE });
    let ends = found.states.iter().filter(|world| world.all_living().all(|(_, p)| p.at == At::Daemon));
    let started = ends.filter(|world| world.all_living().count() > 0);
    // One for each number that it may get.
    assert_eq!(started.count(), 3, "{:?}", found.states);
    assert!(found.states.iter().all(|world| world.all_living().count() < 2));
}

/// A restart is killed, the old one too: the newcomer alone is left, and in nobody's way.
#[test]
fn a_claim_ends_what_a_killed_restart_has_left_and_succeeds() {
    let found = promises_hold(&REPLACE_AND_SIGNAL);
    let is_left_alone = |world: &&World| {
        let mut living = world.all_living();
        let text = world.path.map(|inode| world.files[inode as usize].text);
        // One that has got the number of the old one is named by the text: then it runs, and is found.
        let alone = |p: &Process| p.newcomer && p.at == At::Daemon && text != Some(p.pid);
        matches!((living.next(), living.next()), (Some((_, p)), None) if alone(p))
    };
    let left: Vec<&World> = found.states.iter().filter(is_left_alone).collect();
    assert!(!left.is_empty(), "no restart was killed");
    for world in left {
        let world = World { come: 0, ..world.clone() };
        let after = search_from(world.clone(), &Setup { cast: &[(Claim, 1)], crashes: false, pids: 4, ..BARE });
        assert!(after.counter_example.is_none(), "{:?}", after.counter_example);
        let named = |world: &&World| world.all_living().any(|(_, p)| p.plan == Claim && p.at == At::Daemon);
        assert!(after.states.iter().any(|world| named(&world)), "no claim succeeds after {world:?}");
    }
}

/// Each function that a step stands for is there, by its path: `core::claim::restart_lock::RestartLock::take_by`.
fn every_step_stands_for_a_function(code: &BTreeSet<&str>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let functions: Vec<&&str> = code.iter().filter(|code| !code.starts_with('(')).collect();
    assert!(functions.len() > 40, "only {functions:?}");
    for path in functions {
        let words: Vec<&str> = path.split("::").collect();
        let [package, inner @ .., function] = &words[..] else { panic!("{path}") };
        let modules = inner.iter().take_while(|word| word.starts_with(char::is_lowercase)).count();
        let (modules, owner) = inner.split_at(modules);
        let file = root.join(package).join("src").join(modules.join("/"));
        let source = std::fs::read_to_string(file.with_extension("rs"))
            .or_else(|_| std::fs::read_to_string(file.join("mod.rs")))
            .unwrap_or_else(|e| panic!("{path}: {e}"));
        assert!(source.contains(&format!("fn {function}(")), "there is no {path}");
        for owner in owner {
            let owned = source.lines().any(|line| line.starts_with("impl") && line.contains(owner));
            assert!(owned, "there is no {path}");
        }
    }
}

/// Each flaw, where it shows, and how the story ends.
const FLAWS: &[(Flaw, Setup, &str)] = &[
    (Flaw::LockAfterWrite, CLAIMS, "never two claimants at once"),
    (Flaw::NoRecheck, ADVERSARY, "never a claim of a file that the path did not name while it was locked"),
    (Flaw::RemovedAtTheEnd, CLAIMS, "never two claimants at once"),
    (Flaw::NoRetry, CLAIMS, "never busy because of a reader"),
    (Flaw::NoSecondReading, SIGNAL, "a signal reaches nobody but the claimant"),
    (Flaw::TextIsBelieved, FOREIGN_AND_STRANGER, "a reading names nobody but the claimant"),
    (Flaw::ParentAskedOnce, SUPERVISE, "a reading names nobody but the claimant"),
    (Flaw::NoTicket, REPLACE, "never two claimants at once"),
    (Flaw::TicketOnlyAsked, REPLACE, "never two claimants at once"),
    (Flaw::PutBackBlindly, REPLACE, "the file names the claimant"),
    (Flaw::LeftoverJudgedFirst, STOP, "nothing is ended as the leftover of a restart but that"),
    (Flaw::TicketAskedOnce, REPLACE_AND_STOP, "nothing is ended as the leftover of a restart but that"),
    (Flaw::HoldersAreKilled, STOP, "stop kills the holders of an orphaned lock, and no claim that came after"),
];

const FOREIGN_AND_STRANGER: Setup = Setup { cast: &[(Claim, 1), (Foreign, 1), (Read, 1), (Stranger, 1)], ..BARE };

#[test]
fn every_flaw_is_refuted_by_a_story() {
    let mut lines = vec![];
    for &(flaw, setup, broken) in FLAWS {
        let found = search(&Setup { flaw: Some(flaw), ..setup });
        let Some(story) = found.counter_example else {
            println!("{flaw:?} BREAKS NOTHING {}", found.states.len());
            continue;
        };
        println!("{flaw:?}, after {} states:\n{story}\n", found.states.len());
        if story.broken != broken {
            println!("{flaw:?} WRONG");
        }
        lines.push(format!("| {flaw:?} | {} |", story.steps.len()));
    }
    says_all_of(&lines);
}
