//! What a start says when it fails: the cause, once, with the name of the daemon and its own last words.

use crate::common::place;
use predicates::prelude::predicate;

#[test]
fn what_a_daemon_said_before_it_failed_is_in_the_message_without_a_log() {
    for (start, code, says) in [
        ("--forking p sh -c 'echo hello; false'", 3, "start sh: it exited with status 1; it said: hello\n"),
        (
            "-b --ready 'sleep 60' p sh -c 'echo one; echo two >&2; exit 4'",
            3,
            "start sh: it exited with status 4 before it was ready; it said:\n    one\n    two\n",
        ),
        (
            "-b --supervise --ready 'sleep 60' p sh -c 'echo hello; exit 4'",
            3,
            "start sh: it exited with status 4 before it was ready; it said: hello\n",
        ),
        ("-b --ready false p sleep 60", 1, "start sleep: the ready command exited with status 1\n"),
        ("--forking p sh -c 'exit 2'", 3, "start sh: it exited with status 2\n"),
        (
            "-b --ready 'sleep 60' p sh -c 'seq 100000; exit 1'",
            3,
            &format!(
                "start sh: it exited with status 1 before it was ready; it said:{}\n",
                (99_991..=100_000).map(|number| format!("\n    {number}")).collect::<String>()
            ),
        ),
    ] {
        place().script(&format!("pidfile claim {start}")).code(code).stdout("").stderr(format!("pidfile: {says}"));
    }
}

#[test]
fn a_word_of_another_tool_is_answered_with_the_line_that_was_meant() {
    let place = place();
    place
        .script("pidfile stop -9 'a b'")
        .code(64)
        .stdout("")
        .stderr("pidfile: unexpected argument '-9' found; did you mean: pidfile stop --signal KILL 'a b'\n");
    place
        .script("pidfile signal -s HUP p")
        .code(64)
        .stderr("pidfile: unexpected argument '-s' found; did you mean: pidfile signal HUP p\n");
    let said = place.sh("pidfile stop --force p");
    assert!(said.code == 64 && !said.stderr.contains("as a value"), "{said:?}");
    place
        .script("pidfile status p")
        .code(64)
        .stderr("pidfile: unrecognized subcommand 'status'; did you mean: pidfile read p\n");
}

/// A socket cannot be opened again, a file can. The message names the option, whether the start fails or not.
#[test]
fn a_daemon_that_opens_dev_stderr_is_told_to_be_given_a_log() {
    let place = place();
    place
        .script("pidfile claim -b p sh -ec 'echo early; echo x >/dev/stderr; exec sleep 60'")
        .code(3)
        .stderr(predicate::str::starts_with(
            "pidfile: start sh: it exited with status 2 before it was ready; without --log FILE it cannot open /dev/stderr; \
             it said:\n    early\n    ",
        ));
    place
        .script("pidfile claim -b --ready 'until test -e tried; do :; done' p sh -c 'echo x >/dev/stdout; echo >tried; exec sleep 60'
             pidfile stop p")
        .code(0)
        .stderr("pidfile: start sh: it runs; without --log FILE it cannot open /dev/stdout\n");
    // What is only named is not refused.
    place
        .script(
            "rm tried; pidfile claim -b --ready 'until test -e tried; do :; done' p \
                sh -c 'echo the log is /dev/stderr; echo >tried; exec sleep 60'
             pidfile stop p",
        )
        .code(0)
        .stderr("");
    let opens = "echo early; echo x >>/dev/stderr; echo y >>/dev/stdout; echo >tried; exec sleep 60";
    place
        .script(&format!(
            "for log in log /dev/null -; do
                rm tried; pidfile claim -b --log $log --ready 'until test -e tried; do :; done' p sh -ec '{opens}' >out 2>&1
                pidfile stop p; cat out; done; cat log"
        ))
        .stdout("early\nx\ny\nearly\nx\ny\n")
        .stderr("");
}

#[test]
fn a_daemon_writes_on_without_an_error_when_nobody_reads_any_more() {
    let place = place();
    place
        .script(
            "pidfile claim -b --ready 'until test -e half; do :; done' p sh -ec 'seq 20000; echo >half; until test -e go; do :; done; seq 200000; echo >done; exec sleep 60'
             echo $?; echo >go; until test -e done; do :; done; pidfile read -q p; echo $?",
        )
        .stdout("0\n0\n")
        .stderr("");
}

#[test]
fn a_daemon_that_writes_much_before_it_is_ready_costs_no_memory() {
    let place = place();
    place
        .script(
            "pidfile claim -b --ready 'until test -e wrote; do sleep 0.01; done; grep VmHWM /proc/$PPID/status >memory' \
                p sh -ec 'head -c 100000000 /dev/zero; echo >wrote; exec sleep 60'",
        )
        .code(0);
    let kilobytes: u32 =
        place.content("memory").split_whitespace().nth(1).unwrap_or_default().parse().expect("VmHWM: N kB");
    assert!(kilobytes < 16_000, "{kilobytes} kB");
}

/// With a launcher that was killed, a write fails at last; none blocks for ever.
#[test]
fn a_daemon_whose_launcher_was_killed_is_not_stopped_by_what_it_writes() {
    let place = place();
    place
        .script(
            "pidfile claim -b --ready 'sleep 60' p sh -c 'echo >runs; until test -e go; do :; done; seq 100000; echo >done; exec sleep 60' &
             until test -e runs; do :; done; kill -9 $!; echo >go; until test -e done; do :; done; pidfile read -q p; echo $?",
        )
        .stdout("0\n");
}

#[test]
fn what_the_ready_command_leaves_behind_keeps_nobody_waiting() {
    let place = place();
    place
        .script("x=$(pidfile claim -b --ready 'sleep 60 & echo warned >&2; echo ready' p sleep 61 2>&1); echo $?; echo \"$x\"")
        .stdout("0\nwarned\nready\n");
    assert_eq!(place.still_running().len(), 2, "{:?}", place.still_running());
}

#[test]
fn what_the_ready_command_said_is_in_the_message_and_nowhere_else() {
    let place = place();
    place
        .script("pidfile claim -b --ready 'echo no route; exit 3' p sleep 60")
        .code(1)
        .stdout("")
        .stderr("pidfile: start sleep: the ready command exited with status 3: no route\n");
    place
        .script("pidfile claim -b --timeout 300ms --ready 'echo trying; exec sleep 60' p sleep 61")
        .code(124)
        .stderr("pidfile: start sleep: not ready (the ready command says: trying) after 300 ms\n");
    // The ready command complains because the daemon has ended: that is no news.
    place
        .script("pidfile claim -b --ready 'while kill -0 $PIDFILE_PID; do :; done; sleep 60' p sh -c 'exit 3'")
        .code(3)
        .stderr("pidfile: start sh: it exited with status 3 before it was ready\n");
    // Much of it goes on to stderr at once.
    let said = place.sh("pidfile claim -b --ready 'seq 10000' p sleep 60; pidfile stop p");
    let all: String = (1..=10_000).map(|number| format!("{number}\n")).collect();
    assert_eq!((said.stdout.as_str(), said.stderr == all), ("", true), "{said:?}");
}

#[test]
fn a_failure_names_the_program_that_runs_by_then_or_as_it_is_told() {
    let place = place();
    for (options, name) in [
        ("p sh -c 'exec perl -e \"sleep 60\"'", "perl"),
        ("p env -u X sleep 60", "sleep"),
        ("--name web p env -u X sleep 60", "web"),
        ("--supervise p env -u X sleep 60", "sleep"),
    ] {
        // The ready command is asked once the program has become what it is to be.
        let ready = "until ! grep -qE '^(env|sh|pidfile)$' /proc/$PIDFILE_PID/comm; do :; done; exit 5";
        place
            .script(&format!("pidfile claim -b --ready \"{}\" {options}", ready.replace('$', "\\$")))
            .code(1)
            .stderr(format!("pidfile: start {name}: the ready command exited with status 5\n"));
    }
}
