//! COMMAND, which `waitfor` becomes.

use crate::common::{place, waitfor};

#[test]
fn the_command_is_executed_in_place() {
    let place = place();
    let script = "echo $$; exec waitfor exec:true -- sh -c 'echo $$; exit 7'";
    let said = place.sh(script);
    let numbers: Vec<&str> = said.stdout.lines().collect();
    assert_eq!((said.code, numbers.len(), numbers[0]), (7, 2, numbers[1]), "{said:?}");
}

#[test]
fn the_command_is_not_run_when_time_runs_out() {
    waitfor(&place(), &["-t0", "file:nowhere", "--", "echo", "run"]).code(124).stdout("");
}

#[test]
fn a_command_that_cannot_be_run_is_told_before_the_wait() {
    let place = place();
    place.write("f", "");
    for (command, code, why) in [("no-such-command", 127, "not found in PATH"), ("./f", 126, "not executable")] {
        waitfor(&place, &["-t", "none", "file:nowhere", "--", command])
            .code(code)
            .stderr(format!("waitfor: run {command}: {why}\n"));
    }
}

#[test]
fn a_command_has_the_signals_it_would_have_without_us() {
    let signals = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status";
    let place = place();
    let with = place.says(&format!("trap '' HUP; waitfor -t0 exec:true -- {signals}"));
    assert_eq!(with, place.says(&format!("trap '' HUP; {signals}")));
}
