//! The commonest failures of a start, as a person sees them: the cause first, and once.

use crate::common::place;
use tests::{Place, free_port};

/// The whole chain: one start at a time, the log judged, the daemon awaited on a port where it never listens.
fn chain(place: &Place, options: &str, daemon: &str) -> (i32, String, String) {
    let ready = r#"waitfor --while "pid:$PIDFILE_PID" -t 300ms unix:nowhere"#;
    let said = place.sh(&format!(
        "withlock lock logwatch -e 'FATAL|panic' log -- \
             pidfile claim --background --log log {options} --ready '{ready}' pid {daemon}"
    ));
    (said.code, said.stdout, without_what_varies(&said.stderr))
}

/// PIDs and times, which no two runs share.
fn without_what_varies(text: &str) -> String {
    let words = regex::Regex::new(r"\d+ (ms|s)\b|\d\.\d s|\b\d{3,7}\b|\d+ tries|1 try").expect("a pattern");
    words.replace_all(text, "N").into_owned()
}

#[test]
fn each_failure_of_the_chain_is_told_once_with_its_cause_first() {
    for (what, options, daemon, code, stdout, stderr) in [
        (
            "it ends at once",
            "",
            "sh -c 'echo bad configuration >&2; exit 3'",
            3,
            "",
            "pidfile: start sh: it exited with status 3 before it was ready\nlogwatch: log gained:\nbad configuration\n",
        ),
        (
            "it crashes",
            "",
            "sh -c 'kill -SEGV $$'",
            3,
            "",
            "pidfile: start sh: it was ended by SIGSEGV before it was ready; log gained no line\n",
        ),
        (
            "it logs an error and lives on",
            "",
            "sh -c 'echo FATAL: no disk; exec sleep 60'",
            1,
            "FATAL: no disk\n",
            "logwatch: an error line was seen, so pidfile is ended\n",
        ),
        (
            "the ready command gives up",
            "",
            "sleep 60",
            1,
            "",
            "pidfile: start sleep: the ready command exited with status N: waitfor: unix:nowhere: No such file or directory (N in N); \
             log gained no line\n",
        ),
        (
            "it takes too long",
            "--timeout 100ms",
            "sleep 60",
            124,
            "",
            "pidfile: start sleep: not ready after N; log gained no line\n",
        ),
        (
            "it takes too long behind a wrapper",
            "--timeout 100ms --name web",
            "env -u X sleep 60",
            124,
            "",
            "pidfile: start web: not ready after N; log gained no line\n",
        ),
        ("the program is not there", "", "nonesuch", 127, "", "pidfile: run nonesuch: not found in PATH\n"),
        ("it is no program", "", "./log", 126, "", "pidfile: run ./log: not executable\n"),
    ] {
        let place = place();
        place.write("log", "");
        assert_eq!(chain(&place, options, daemon), (code, stdout.to_owned(), stderr.to_owned()), "{what}");
        place.wait_until("nothing is left", |place| place.still_running().is_empty());
    }
}

#[test]
fn a_start_that_others_prevent_names_them_and_nothing_else() {
    let place = place();
    place.says("pidfile claim -b pid sleep 60");
    let busy = chain(&place, "", "sleep 61");
    assert_eq!(busy, (75, String::new(), "pidfile: claim pid: held by N (sleep 60)\n".to_owned()));
    place.says("pidfile stop pid");
    let said = place.sh("withlock lock sleep 60 & waitfor lock:lock; withlock -n lock pidfile claim -b pid sleep 61");
    assert_eq!(said.code, 75);
    assert!(said.stderr.starts_with("withlock: lock lock: held by ") && said.stderr.lines().count() == 1, "{said:?}");
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let place = place();
    for (line, why) in [
        ("pidfile claim -b --log nowhere/log pid sleep 60", "open nowhere/log"),
        ("pidfile claim -b nowhere/pid sleep 60", "open nowhere/pid"),
        ("pidfile claim -b --chdir nowhere pid sleep 60", "change to nowhere"),
    ] {
        let said = place.sh(line);
        assert_eq!((said.code, said.stderr), (125, format!("pidfile: {why}: No such file or directory\n")), "{line}");
    }
}

#[test]
fn a_port_that_another_has_is_in_the_daemons_own_words() {
    let (place, port) = (place(), free_port());
    place.says(&format!("demod --port {port} 2>/dev/null & waitfor 127.0.0.1:{port}"));
    let said = place.sh(&format!(
        "pidfile claim -b --ready 'waitfor --by \"pid:$PIDFILE_PID\" --while \"pid:$PIDFILE_PID\" 127.0.0.1:{port}' pid demod --port {port}"
    ));
    assert_eq!(said.code, 3, "{said:?}");
    assert!(said.stderr.starts_with("pidfile: start demod: it exited with status "), "{said:?}");
    assert!(said.stderr.contains("Address already in use") && !said.stderr.contains("waitfor:"), "{said:?}");
}

/// The terminal or a runner ends the whole group: one line says so.
#[test]
fn a_start_that_is_interrupted_says_by_what_and_leaves_nothing() {
    let place = place();
    let said = place.sh(
        "setsid withlock lock logwatch -e FATAL log -- pidfile claim -b --log log --ready 'echo >asked; sleep 60' pid sleep 61 & chain=$!
         waitfor file:asked; kill -TERM -$chain; wait $chain; echo $?",
    );
    assert_eq!(said.stdout, "143\n", "{said:?}");
    let told: Vec<&str> = said.stderr.lines().filter(|line| line.starts_with("pidfile: ")).collect();
    assert_eq!(told, ["pidfile: start sleep: SIGTERM arrived; log gained no line"], "{said:?}");
    place.wait_until("nothing is left", |place| place.still_running().is_empty());
}
