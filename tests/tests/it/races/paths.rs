//! Random paths of the model, driven through the programs: each program makes its next call when the path says so, and in
//! the end the file, the locks, a reading and the exit codes are as in the model.
//!
//! `RACEFREE_PATHS=3000 cargo test -p tests random_paths` drives more of them; `RACEFREE_SEED` sets the seed of the first.

use crate::common::place;
use crate::races::driver::Run;
use crate::races::model_calls::calls_of;
use crate::races::tracker::steps;
use model::kernel::World;
use model::mover::Step;
use model::numbers::Pid;
use model::process::Plan::{self, *};
use model::search::beginning;
use model::setup::Setup;
use tests::calls::Call;

/// Casts of two programs, and whether a daemon runs at the beginning.
const CASTS: [(&[(Plan, usize)], bool); 9] = [
    (&[(Claim, 9), (Claim, 9)], false),
    (&[(Claim, 9), (Read, 9)], false),
    (&[(Claim, 9), (Stop, 9)], false),
    (&[(Claim, 9), (Replace, 9)], true),
    (&[(Read, 9), (Replace, 9)], true),
    (&[(Stop, 9), (Replace, 9)], true),
    (&[(Read, 9), (Stop, 9)], true),
    (&[(Claim, 9), (Stop, 9)], true),
    (&[(Stop, 9), (Stop, 9)], true),
];

/// Numbers that depend on a seed alone (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// A random path: its steps, each with the calls of the program.
fn random_path(setup: &Setup, random: &mut Random) -> Vec<(Step, &'static [Call])> {
    let (mut world, mut path) = (beginning(setup), Vec::new());
    let mut born = world.all_living().count() as Pid;
    while path.len() < 300 {
        // No PID is used again: so it is with the programs.
        let fits = |world: &World| (1..=4).all(|pid| pid <= born + 1 || world.living(pid).is_none());
        let is_new = |world: &World| world.all_living().all(|(_, p)| p.pid <= born + 1);
        let mut next: Vec<(Step, World)> =
            steps(&world, setup, |_| true).filter(|(_, after)| fits(after) && is_new(after)).collect();
        next.retain(|(step, _)| step.code.starts_with('(') || calls_of(step, &world).is_some());
        next.retain(|(step, after)| {
            step.does != "starts it" && step.does != "forks" || after.living(born + 1).is_some()
        });
        let (kills, acts): (Vec<_>, Vec<_>) = next.into_iter().partition(|(step, _)| step.code == "(the kernel)");
        let asked = |step: &Step| world.living(step.pid).is_some_and(|slot| world.process(slot).signalled);
        let (step, after) = match (kills.is_empty(), acts.is_empty()) {
            (false, _) if random.below(25) == 0 => kills[random.below(kills.len())].clone(),
            (_, false) => acts[random.below(acts.len())].clone(),
            // Where all wait, those end who have been asked to.
            _ => match kills.iter().find(|(step, _)| asked(step)) {
                Some(kill) => kill.clone(),
                None => break,
            },
        };
        born = born.max((1..=4).filter(|&pid| after.living(pid).is_some()).max().unwrap_or(0));
        path.push((step, calls_of(&step, &world).unwrap_or_default()));
        world = after;
    }
    path
}

/// Drives one path; whether the programs went the whole path, and no other one.
fn drive(setup: &Setup, seed: u64) -> bool {
    let mut random = Random(seed);
    let path = random_path(setup, &mut random);
    let place = place();
    let mut run = Run::begin(&place, setup);
    let mut followed = true;
    for (step, calls) in &path {
        let plan = setup.cast.iter().map(|(plan, _)| *plan).find(|&plan| {
            step.code == "(the shell)" && model::process::Process::new(1, plan, model::at::At::Open).role() == step.role
        });
        followed &= run.follow(step, calls, plan);
    }
    run.finish(|all| random.one_of(all));
    run.ends_as_in_the_model();
    followed
}

#[test]
fn random_paths_of_the_model_are_paths_of_the_programs() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let (count, first) = (number("RACEFREE_PATHS").unwrap_or(36), number("RACEFREE_SEED").unwrap_or(1));
    let (mut followed, mut failed) = (0, vec![]);
    for seed in first..first + count {
        let (cast, daemon) = CASTS[seed as usize % CASTS.len()];
        let setup = Setup { cast, once: true, daemon, pids: 4, crashes: true, ..Setup::default() };
        match std::panic::catch_unwind(|| drive(&setup, seed)) {
            Ok(whole) => followed += usize::from(whole),
            Err(_) => {
                // What went wrong has been printed.
                println!("with RACEFREE_SEED={seed} RACEFREE_PATHS=1, {cast:?}, a daemon at the beginning: {daemon}\n");
                failed.push(seed);
            }
        }
    }
    println!("{followed} of {count} paths were followed to their last step");
    assert!(failed.is_empty(), "the seeds of the paths that are none of the model: {failed:?}");
    assert!(followed * 3 > count as usize, "only {followed} of {count} paths were followed");
}
