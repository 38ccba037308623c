//! The system calls of the program in each step of the model.

use model::at::{At, Leftover};
use model::kernel::World;
use model::mover::Step;
use tests::calls::Call;

const PROVES: &[Call] = &[Call::Open, Call::AskBytes];
const LOOKS: &[Call] = &[Call::Open, Call::TakeRestartLock];
const READS: &[Call] = &[Call::Open, Call::AskBytes];
const READS_A_FREE_FILE: &[Call] = &[Call::Open, Call::Probe, Call::Unlock];
const READS_A_DEAD_PID: &[Call] = &[Call::Open, Call::Hold];

/// The steps of which only the last call decides whether they are taken, or another one.
pub(super) fn undecided(at: At) -> &'static [(&'static str, &'static [Call])] {
    match at {
        At::Prove => &[
            ("has proof enough", PROVES),
            ("refuses to signal it", PROVES),
            ("sees that the claimant is another, again", PROVES),
        ],
        At::Left(Leftover::Open, _) => &[("takes the restart lock, to look for leftovers of restarts", LOOKS)],
        At::Busy => &[
            ("says that it is claimed", READS),
            ("goes on with the claimant that has come", READS),
            ("finds it orphaned", READS_A_DEAD_PID),
        ],
        At::Freed => &[("leaves the text as it is", READS), ("sees that the text is stale", READS_A_FREE_FILE)],
        _ => &[],
    }
}

/// What the program does in a step of the model; nothing, if it is not the program that takes the step.
pub(super) fn calls_of(step: &Step, world: &World) -> Option<&'static [Call]> {
    let by = world.living(step.pid).map(|slot| world.process(slot));
    let at = by.map(|p| p.at);
    let text = world.path.map_or(0, |inode| world.files[inode as usize].text);
    // It finds the restart lock taken.
    let opens = world.path.is_some() && matches!(at, Some(At::Left(Leftover::Open, _)));
    let successor = by.is_some_and(|p| p.successor);
    let child_is_dead = by.and_then(|p| p.child).is_some_and(|child| world.process(child).zombie);
    Some(match step.does {
        "opens the file" => &[Call::Open],
        "takes the flock" | "is refused the flock" => &[Call::Flock],
        // It opens the file to wait for the restart lock.
        "sees that a restart is under way, and opens the file to wait" => &[Call::TakeRestartLock, Call::Open],
        "gets the restart lock" => &[Call::TakeRestartLock],
        "gives the restart lock back, and tries again" => &[],
        "finds the file at its path" | "finds another file at the path" => &[Call::LookAtPath],
        "keeps restarts away" => &[Call::TakeRestartLock],
        "sees a record lock" | "sees no record lock" | "hears that nobody stands" => &[Call::AskBytes],
        "locks its byte" | "marks itself as a successor" | "locks the byte of its child" => &[Call::LockByte],
        "writes its number" | "writes the number of the old one" | "writes the number of the new one" => {
            &[Call::Write, Call::Cut]
        }
        // The successor of a restart has no restart lock to give back.
        "becomes COMMAND" if successor => &[Call::Exec],
        "becomes COMMAND" => &[Call::FreeRestartLock, Call::Exec],
        "forks" => &[Call::Fork],
        "hears that another has the file" => &[Call::AskBytes],
        "has no more patience" => &[],
        "says that it is claimed" | "goes on with the claimant that has come" => match at {
            Some(At::ClaimOwner) => &[Call::AskBytes],
            _ => READS,
        },
        "finds it orphaned" => READS_A_DEAD_PID,
        "reads the text" | "reads no number" => &[Call::ReadText],
        "hears who owns it" | "hears that nobody owns the byte" | "sees that the owner lives" => &[Call::AskBytes],
        "holds the owner" | "holds the process" | "finds it alive" | "finds it dead" | "holds it" => &[Call::Hold],
        "is refused the shared flock" | "takes the shared flock" => &[Call::Probe],
        "gives it back: nobody holds it" => &[Call::Unlock],
        "has proof enough" | "refuses to signal it" | "sees that the claimant is another, again" => PROVES,
        "sends the signal" => &[Call::Signal],
        "takes the restart lock, to look for leftovers of restarts" => LOOKS,
        "takes the restart lock" => &[Call::TakeRestartLock],
        "sees who stands behind a byte" | "sees that it still stands" => &[Call::AskBytes],
        "reads the text, to forget it in the end" if world.path.is_none() => &[],
        "reads the text, to forget it in the end" => &[Call::Open, Call::ReadText],
        "empties the file if nothing was written" if text != by.map_or(0, |p| p.before) => &[],
        "empties the file if nothing was written" => &[Call::Cut],
        "has seen all bytes" if opens => &[Call::Open],
        "has seen all bytes" => &[],
        // Its looks stand for an instant among them.
        "judges all who own their byte" => &[],
        // Where there was a text, it reads once more who has the file.
        "leaves the text as it is" if world.path.is_none() || by.is_some_and(|p| p.before == 0) => &[],
        "leaves the text as it is" => READS,
        "sees that the text is stale" => READS_A_FREE_FILE,
        "shares the claim of the old one" => &[Call::Open, Call::LookAtPath, Call::Flock],
        "cannot share the claim, and opens the file" => &[Call::Open],
        "takes the lock" => &[Call::Flock],
        "asks for leftovers of restarts" | "judges it none" | "sees its end" | "closes the restart lock" => &[],
        "sees the end of the old one" | "has started it, and ends" | "goes on" => &[],
        "ends" | "reaps its child" | "ends as COMMAND ended" => &[],
        "sees that the new one is ready, alive and has its claim" => &[Call::AskBytes],
        "hears that nobody is vouched for, and tries again" => &[Call::AskBytes],
        "judges it a leftover" => &[Call::AskBytes],
        "ends it" if step.code == "pidfile::claim::leftovers::end" => &[Call::Signal],
        "finds no file" | "finds no number" | "sees that it is no child of the owner" => &[],
        "finds the owner gone" | "hears that it owns it no more" | "sees that the owner has ended" => &[],
        "sees that it has the lock" | "sees that it has not the lock" => &[],
        "sees that it stands no more" => &[Call::AskBytes],
        "cannot lock its byte" => &[Call::LockByte],
        "the new one is not to be" if child_is_dead => &[],
        "restores the text" => &[Call::Write, Call::Cut],
        "ends and reaps the new one" if child_is_dead => &[],
        "ends and reaps the new one" => &[Call::Signal],
        "finds the lock taken" => &[Call::Flock],
        _ => return None,
    })
}
