//! The programs do what the model says: each recording of their system calls is a path of the model.
//!
//! A call that takes, writes, or sends must be the model's next step. A program may look more often than the model says, but
//! not less often: a look that the model has must be in the recording, at its place.

use crate::common::place;
use crate::races::model_calls::calls_of;
use model::kernel::World;
use model::moves::moves;
use model::process::Plan;
use model::search::beginning;
use model::setup::Setup;
use std::collections::HashSet;
use tests::calls::{self, Call};
use tests::{Place, Steps};

/// A place in the model and in a recording.
type At = (World, usize);

/// Whether the recording is a path of the model from a world on. `main` is the number of the program there; who else takes
/// part has been started by it.
fn is_a_path(start: World, setup: &Setup, main: u8, recorded: &[(i32, Call)]) -> Result<(), String> {
    let program = recorded[0].0;
    let (mut seen, mut next): (HashSet<At>, Vec<At>) = (HashSet::new(), vec![(start, 0)]);
    let (mut furthest, mut steps) = (0, Vec::new());
    while let Some((world, at)) = next.pop() {
        if !seen.insert((world.clone(), at)) {
            continue;
        }
        let rest = &recorded[at..];
        furthest = furthest.max(at);
        let is_over = world.living(main).is_none_or(|slot| world.process(slot).at == model::at::At::Daemon);
        if is_over && rest.iter().all(|(_, call)| call.only_looks()) {
            return Ok(());
        }
        if rest.first().is_some_and(|(_, call)| call.only_looks()) {
            next.push((world.clone(), at + 1));
        }
        moves(&world, setup, &mut steps);
        for (step, after) in steps.drain(..) {
            if step.code == "(the kernel)" && step.pid != main {
                next.push((after, at));
                continue;
            }
            let Some(calls) = calls_of(&step, &world) else { continue };
            let is_by = |pid: i32| (pid == program) == (step.pid == main);
            if let Some(taken) = begins_with(rest, calls, is_by) {
                next.push((after, at + taken));
            }
        }
    }
    Err(format!("{:?} is no step of the model after {:?}", recorded.get(furthest), &recorded[..furthest]))
}

/// How much of the recording the calls are, with looks in between.
fn begins_with(recorded: &[(i32, Call)], calls: &[Call], is_by: impl Fn(i32) -> bool) -> Option<usize> {
    let mut at = 0;
    for &call in calls {
        loop {
            let &(pid, found) = recorded.get(at)?;
            at += 1;
            if found == call && is_by(pid) {
                break;
            }
            if !found.only_looks() {
                return None;
            }
        }
    }
    Some(at)
}

fn recorded(place: &Place, words: &[&str]) -> Vec<(i32, Call)> {
    let mut command = place.command("pidfile");
    command.args(words).stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    calls::of(&mut Steps::of(command), "p")
}

/// A setup in which one program comes, and what it may meet.
fn one(cast: &'static [(Plan, usize)], daemon: bool) -> Setup {
    Setup { cast, once: true, daemon, pids: 4, crashes: true, ..Setup::default() }
}

/// The world in which the program has just been started, under the number 2.
fn started(world: &World, setup: &Setup) -> World {
    let mut steps = Vec::new();
    moves(world, setup, &mut steps);
    let mut births = steps.into_iter().filter(|(step, _)| step.code == "(the shell)" && step.pid == 2);
    births.next().expect("the program comes").1
}

fn conforms(place: &Place, words: &[&str], world: &World, setup: &Setup) -> Vec<(i32, Call)> {
    let recorded = recorded(place, words);
    if let Err(why) = is_a_path(started(world, setup), setup, 2, &recorded) {
        panic!("pidfile {}: {why}\n{recorded:#?}", words.join(" "));
    }
    recorded
}

/// A file with the number of a process that has ended.
fn stale() -> World {
    let mut world = World { path: Some(0), ..World::default() };
    world.files[0].text = 3;
    world
}

#[test]
fn a_claim_does_what_the_model_says() {
    let setup = one(&[(Plan::Claim, 1)], false);
    let place = place();
    conforms(&place, &["claim", "p", "true"], &beginning(&setup), &setup);
    conforms(&place, &["claim", "p", "true"], &stale(), &setup);
    place.says("pidfile claim -b p sleep 1000");
    let setup = one(&[(Plan::Claim, 2)], true);
    conforms(&place, &["claim", "p", "true"], &beginning(&setup), &setup);
}

#[test]
fn a_start_in_the_background_does_what_the_model_says() {
    let setup = one(&[(Plan::Background, 1)], false);
    let place = place();
    let recorded = conforms(&place, &["claim", "-b", "p", "sleep", "1000"], &beginning(&setup), &setup);
    assert!(recorded.iter().any(|(pid, _)| *pid != recorded[0].0), "it has no child: {recorded:?}");
}

#[test]
fn a_reading_does_what_the_model_says() {
    let place = place();
    place.says("pidfile claim -b p sleep 1000");
    let setup = one(&[(Plan::Read, 1)], true);
    conforms(&place, &["read", "p"], &beginning(&setup), &setup);
    place.says("pidfile stop p; echo 999999 >p");
    let setup = one(&[(Plan::Read, 1)], false);
    conforms(&place, &["read", "p"], &stale(), &setup);
}

#[test]
fn a_signal_and_a_stop_do_what_the_model_says() {
    let place = place();
    place.says("pidfile claim -b p sleep 1000");
    let setup = one(&[(Plan::Signal, 1)], true);
    conforms(&place, &["signal", "CONT", "p"], &beginning(&setup), &setup);
    let setup = one(&[(Plan::Stop, 1)], true);
    conforms(&place, &["stop", "p"], &beginning(&setup), &setup);
}

#[test]
fn a_supervisor_does_what_the_model_says() {
    let setup = one(&[(Plan::Supervise, 1)], false);
    conforms(&place(), &["claim", "--supervise", "p", "true"], &beginning(&setup), &setup);
}

#[test]
fn a_restart_does_what_the_model_says() {
    let place = place();
    place.says("pidfile claim -b p sleep 1000");
    let setup = one(&[(Plan::Replace, 1)], true);
    conforms(&place, &["claim", "--replace", "p", "sleep", "1001"], &beginning(&setup), &setup);
}

/// A recording with one call left out, or two in the other order, is no path: the comparison can fail.
#[test]
fn what_the_model_does_not_say_does_not_conform() {
    let setup = one(&[(Plan::Claim, 1)], false);
    let recorded = recorded(&place(), &["claim", "p", "true"]);
    let conforms = |calls: &[(i32, Call)]| is_a_path(started(&beginning(&setup), &setup), &setup, 2, calls).is_ok();
    assert!(conforms(&recorded));
    let acts: Vec<usize> = (0..recorded.len()).filter(|&at| !recorded[at].1.only_looks()).collect();
    assert!(acts.len() > 5, "{recorded:?}");
    for &at in &acts {
        let mut without = recorded.clone();
        without.remove(at);
        assert!(!conforms(&without), "without {:?}", recorded[at]);
    }
    for pair in acts.windows(2) {
        let mut swapped = recorded.clone();
        swapped.swap(pair[0], pair[1]);
        assert!(!conforms(&swapped), "{:?} and {:?} in the other order", recorded[pair[0]], recorded[pair[1]]);
    }
}
