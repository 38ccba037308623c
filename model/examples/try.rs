//! Tries one cast: `cargo run -p model --example try CAST`.
use model::process::Plan::*;
use model::search::search;
use model::setup::Setup;
fn main() {
    let all: &[(&str, Setup)] = &[
        (
            "claims",
            Setup { cast: &[(Claim, 2), (Read, 1)], pids: 3, crashes: true, exec_fails: true, ..Setup::default() },
        ),
        (
            "signal",
            Setup {
                cast: &[(Claim, 1), (Signal, 1), (Stranger, 1)],
                pids: 3,
                crashes: true,
                closing: true,
                ..Setup::default()
            },
        ),
        (
            "background",
            Setup { cast: &[(Background, 1), (Signal, 1), (Stranger, 1)], pids: 3, crashes: true, ..Setup::default() },
        ),
        (
            "supervise",
            Setup { cast: &[(Supervise, 1), (Signal, 1), (Stranger, 1)], pids: 3, crashes: true, ..Setup::default() },
        ),
        (
            "workers",
            Setup { cast: &[(Claim, 1), (Stop, 1)], pids: 3, crashes: true, workers: true, ..Setup::default() },
        ),
        ("stop", Setup { cast: &[(Claim, 2), (Stop, 1)], pids: 3, crashes: true, ..Setup::default() }),
        (
            "foreign",
            Setup { cast: &[(Claim, 1), (Foreign, 1), (Signal, 1)], pids: 3, crashes: true, ..Setup::default() },
        ),
        ("adversary", Setup { cast: &[(Claim, 2)], pids: 2, crashes: true, adversary: true, ..Setup::default() }),
        (
            "adversary_signal",
            Setup { cast: &[(Claim, 1), (Signal, 1)], pids: 2, crashes: true, adversary: true, ..Setup::default() },
        ),
        ("replace", Setup { cast: &[(Claim, 1), (Replace, 1)], pids: 3, crashes: true, ..Setup::default() }),
        (
            "replace_fails",
            Setup { cast: &[(Claim, 1), (Replace, 1)], pids: 3, crashes: true, exec_fails: true, ..Setup::default() },
        ),
        (
            "replace_unshared",
            Setup { cast: &[(Claim, 1), (Replace, 1)], pids: 3, crashes: true, unshared: true, ..Setup::default() },
        ),
        (
            "replace_signal",
            Setup { daemon: true, cast: &[(Replace, 1), (Signal, 1)], pids: 4, crashes: true, ..Setup::default() },
        ),
        (
            "replace_stop",
            Setup { daemon: true, cast: &[(Replace, 1), (Stop, 1)], pids: 4, crashes: true, ..Setup::default() },
        ),
        ("replaces", Setup { daemon: true, cast: &[(Replace, 2)], pids: 4, crashes: true, ..Setup::default() }),
        (
            "enemy",
            Setup {
                daemon: true,
                cast: &[(Enemy, 1), (Signal, 1), (Stranger, 1)],
                pids: 3,
                crashes: true,
                ..Setup::default()
            },
        ),
        (
            "enemy_stop",
            Setup {
                daemon: true,
                cast: &[(Enemy, 1), (Stop, 1), (Stranger, 1)],
                pids: 4,
                crashes: true,
                ..Setup::default()
            },
        ),
    ];
    let only = std::env::args().nth(1);
    for (name, setup) in all.iter().filter(|(n, _)| only.as_ref().is_none_or(|o| o == n)) {
        let begun = std::time::Instant::now();
        let found = search(setup);
        println!("{name}: {} states, {} steps, {:?}", found.states.len(), found.steps, begun.elapsed());
        if let Some(story) = found.counter_example {
            println!("{story}");
        }
    }
}
