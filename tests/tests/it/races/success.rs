//! A start that reports success has a claim and a daemon, and the message of one that fails names the cause.

use super::hostile::{needs_python, roots_place, script};
use crate::common::place;
use predicates::prelude::predicate;
use tests::{needs, needs_root};

#[test]
fn a_descriptor_in_append_mode_is_refused_with_the_way_to_open_it() {
    let place = place();
    script(&place, "echo 1 >p; exec 9>>p; pidfile claim --fd 9 p; echo $?; cat p; flock -n p true; echo $?")
        .stdout("125\n1\n0\n")
        .stderr(predicate::str::contains("open in append mode (in a shell, open it with <> as in `exec 9<>FILE`)"));
}

#[test]
fn a_daemon_that_replaces_its_pid_file_has_not_started() {
    let place = place();
    for ready in ["", "--ready 'until test -e done; do :; done'", "--supervise", "--forking"] {
        let fork = if ready == "--forking" { "exit if fork; " } else { "" };
        let daemon = format!(
            "{fork}open F, \">q\"; print F \"$$\\n\"; close F; rename \"q\", \"p\"; open D, \">done\"; sleep 1000"
        );
        script(
            &place,
            &format!("rm -f p done; pidfile claim -b {ready} p perl -e '{daemon}'; echo $?")
                .replace("-b --forking", "--forking"),
        )
        .stdout("125\n")
        .stderr(predicate::str::contains("let it write another file"));
        assert_eq!(place.still_running(), Vec::<String>::new(), "{ready}");
    }
}

#[test]
fn a_supervised_daemon_that_replaces_its_pid_file_is_ended_however_late() {
    let place = place();
    // It has slept before: no look at the start of the daemon finds this.
    let replace = r#"sleep 0.3; echo $$ >q; mv q p; exec sleep 1"#;
    for daemon in [replace.to_owned(), format!("({}); :", replace.replace("$$", "$(exec sh -c \"echo \\$PPID\")"))] {
        place.write("daemon", &daemon);
        script(&place, "rm -f p; pidfile claim --supervise p sh daemon; echo $?")
            .stdout("125\n")
            .stderr(predicate::str::contains("let it write another file"));
    }
}

#[test]
fn a_supervised_daemon_outlives_the_file_that_somebody_else_puts_at_its_path() {
    let place = place();
    for other in ["rm p", "rm p; echo $PPID >p", "echo 1 >q; mv q p", "rm p; mkdir p; rmdir p"] {
        script(
            &place,
            &format!(
                "rm -f p; pidfile claim --supervise p sh -c 'sleep 0.5; exit 7' & sleep 0.1; {other}; wait $!; echo $?"
            ),
        )
        .stdout("7\n")
        .stderr("");
    }
}

#[test]
fn a_daemon_that_closes_its_descriptors_has_not_started() {
    let place = place();
    script(
        &place,
        "pidfile claim -b p perl -e 'use POSIX; POSIX::close($_) for 3..20; sleep 1000'; echo $?; pidfile claim -b p true; echo $?",
    )
    .stdout("125\n3\n")
    .stderr(predicate::str::contains("it has closed the descriptor of its claim; start it with --supervise"));
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn a_daemon_of_three_generations_is_found_however_the_second_ends() {
    let place = place();
    place.write(
        "daemon.pl",
        "exit if fork; if (fork) { select undef, undef, undef, rand 0.004; exit }\n\
         select undef, undef, undef, 0.02; open F, '>', 'new'; print F \"$$\\n\"; close F; rename 'new', 'q'; sleep 1000",
    );
    let said = place.says(
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
             rm -f q; pidfile claim --forking --pid-from q p perl daemon.pl || echo failed $?; pidfile stop --kill-after 0 p >/dev/null || true
         done",
    );
    assert_eq!(said, "");
}

/// /proc is hidden here, as one listing of it can miss a process whose parent ends meanwhile.
#[test]
fn an_empty_listing_of_proc_does_not_prove_that_no_daemon_is_left() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    place.write(
        "daemon.pl",
        "exit if fork; open F, '>', 'new'; print F \"$$\\n\"; close F; rename 'new', 'q'; sleep 1000",
    );
    script(
        &place,
        "unshare -m sh -c 'mount -t tmpfs none /proc
             pidfile claim --forking --pid-from q --timeout 300ms --kill-after 0 p perl daemon.pl; echo $?'
         kill $(cat q)",
    )
    .stdout("124\n");
}

#[test]
fn a_process_whose_main_thread_has_ended_lives() {
    if !needs_python() {
        return;
    }
    let place = place();
    place.write(
        "daemon.py",
        "import ctypes, os, threading, time\nopen('q', 'w').write(str(os.getpid()))\n\
         threading.Thread(target=lambda: time.sleep(1000)).start()\nctypes.CDLL(None).pthread_exit(0)\n",
    );
    script(
        &place,
        "pidfile claim -b p python3 daemon.py; pid=$(cat p); until grep -q ') Z ' /proc/$pid/stat; do :; done
         test $(pidfile read p) = $pid; echo $?; test $(pidfile read --unlocked q) = $pid; echo $?
         pidfile claim p true 2>/dev/null; echo $?; pidfile stop p; echo $?",
    )
    .stdout("0\n0\n75\n0\n");
}

#[test]
fn each_step_between_fork_and_exec_tells_that_it_was_the_one_that_failed() {
    if !needs_root() || !needs("setpriv", "util-linux") || !needs("bash", "bash") {
        return;
    }
    let place = roots_place();
    place.says("install -d -o 65533 theirs");
    let user = "setpriv --reuid 65533 --regid 65533 --clear-groups";
    for way in ["-b", "--supervise"] {
        // A process limit stops the fork; no lock is in the way.
        let refused = place.script(&format!(
            "cd theirs; {user} bash -c 'ulimit -u 1; exec pidfile claim {way} p sleep 1000'; echo $?; cat p"
        ));
        refused.stdout("126\n").stderr(predicate::str::contains("run sleep: Resource temporarily unavailable"));
        place
            .script(&format!(
                "rm -f p; sh -c 'ulimit -f 0; pidfile claim {way} p sleep 1000; echo $?' 2>&1 | cat; cat p"
            ))
            .stdout("pidfile: record the PID in p: File too large\n125\n");
    }
    place
        .script("sh -c 'ulimit -f 0; pidfile claim q true; echo $?' 2>&1 | cat; pidfile claim q perl -e 'print $SIG{XFSZ} // \"default\"'")
        .stdout("pidfile: record the PID in q: File too large\n125\ndefault");
}

#[test]
fn without_dev_null_no_message_goes_into_the_pid_file() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    // The name of the file would be opened as descriptor 1, and the PID file as descriptor 2, into which the trace of a
    // claim that is refused goes.
    place
        .script(
            "echo 4000000 >p; flock p sleep 1000 & holder=$!; until ! flock -n p true; do :; done
             unshare -m sh -c 'mount -t tmpfs none /dev; pidfile -vv claim p true >&- 2>&-; echo $?'; cat p
             pkill -P $holder; wait $holder",
        )
        .stdout("75\n4000000\n");
}

#[test]
fn the_trace_tells_each_decision_with_the_id_of_its_race() {
    let place = place();
    script(
        &place,
        "pidfile claim -b p sleep 1000; pid=$(pidfile read p); : >p; flock -u p true
         sh -c 'exec 9<>q; flock 9; pidfile -vv claim q true'; echo $?; pidfile stop p",
    )
    .stdout("75\n")
    .stderr(predicate::str::contains("claim q: locked by nobody that is known, again [probe-meets-claim]"));
}
