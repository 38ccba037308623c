//! What `pidfile stop` and `pidfile signal` promise at the prompt.

use crate::common::{place, place_for_all};
use predicates::prelude::predicate;

/// Ignores TERM, and says when it does.
const STUBBORN: &str = r#"sh -c 'trap "" TERM; echo >ready; while :; do sleep 0.1; done'"#;

#[test]
fn what_does_not_run_is_stopped() {
    let place = place();
    place.write("stale", "999999\n");
    place.script("pidfile stop absent stale").code(0).stderr("");
    assert!(!place.file("absent").exists());
}

#[test]
fn a_start_may_follow_a_stop_at_once() {
    let said = place().says(
        "for i in 1 2 3 4 5 6 7 8 9 10; do pidfile claim -b p sleep 60; pidfile stop p; done; pidfile read -q p; echo $?",
    );
    assert_eq!(said, "3\n");
}

#[test]
fn another_signal_can_be_asked_for() {
    let place = place();
    let said = place.sh(
        "pidfile claim -b --ready 'until test -e ready; do :; done' p sh -c 'trap \"echo int >got; exit\" INT; echo >ready; while :; do sleep 0.01; done'
         pidfile stop --signal INT p",
    );
    assert_eq!((said.code, place.content("got")), (0, "int\n".into()));
}

#[test]
fn a_signal_reaches_the_claimant() {
    let place = place();
    let said = place.sh(
        "pidfile claim -b --ready 'until test -e ready; do :; done' p sh -c 'trap \"echo hup >got\" HUP; echo >ready; while :; do sleep 0.01; done'
         pidfile signal HUP p; until test -s got; do :; done; pidfile signal 0 p; echo $?",
    );
    assert_eq!((&*said.stdout, place.content("got")), ("64\n", "hup\n".into()));
}

#[test]
fn one_that_will_not_go_is_named_at_the_timeout_and_killed_only_on_request() {
    let place = place();
    place
        .script(&format!(
        "pidfile claim -b --ready 'until test -e ready; do :; done' p {STUBBORN}; pidfile stop --timeout 50ms p; echo $?
         pidfile read -q p; echo $?; pidfile stop --kill-after 20ms p; echo $?; pidfile read -q p; echo $?"
    ))
        .stdout("124\n0\n137\n3\n")
        .stderr(predicate::str::contains("stop p: process"))
        .stderr(predicate::str::contains("has not ended after 50 ms"));
}

#[test]
fn workers_that_keep_the_claim_are_named_and_killed_on_request() {
    let place = place();
    let said = place.sh(
        "pidfile claim -b --ready 'until test -e ready; do :; done' p sh -c '(trap \"\" TERM; exec sleep 60) & echo >ready; exec sleep 61'
         pidfile stop --timeout 50ms p; echo $?; pidfile read -q p; echo $?
         pidfile stop --timeout 50ms --kill-after 20ms p; echo $?
         pidfile stop --kill-after 20ms --kill-holders p; echo $?; pidfile read -q p; echo $?",
    );
    assert_eq!(said.stdout, "124\n2\n124\n137\n3\n", "{said:?}");
    let named = said.stderr.lines().filter(|line| {
        line.starts_with("pidfile: stop p: the claim is still held by") && line.ends_with("(sleep 60) after 50 ms")
    });
    assert_eq!(named.count(), 2, "{said:?}");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn workers_of_a_daemon_that_lives_are_killed_with_it() {
    let place = place();
    place
        .script(
            "pidfile claim -b --ready 'until test -e ready; do :; done' p sh -c '(trap \"\" TERM; exec sleep 60) & echo >ready; exec sleep 61'
             pidfile stop --kill-after 20ms p; echo $?; pidfile read -q p; echo $?",
        )
        .stdout("137\n3\n");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn a_worker_that_another_worker_has_forked_after_the_end_of_the_daemon_is_killed_too() {
    let place = place();
    place.write(
        "worker",
        r#"$SIG{TERM} = "IGNORE"; my $claimant = getppid; open my $ready, ">", "ready"; close $ready;
           select undef, undef, undef, 0.01 while getppid == $claimant; fork; sleep 60"#,
    );
    place
        .script(
            "pidfile claim -b --ready 'until test -e ready; do :; done' p sh -c 'perl worker & exec sleep 61'
             pidfile stop --timeout 20s --kill-after 500ms p; echo $?; pidfile read -q p; echo $?",
        )
        .stdout("137\n3\n");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn several_are_stopped_in_parallel_under_one_deadline() {
    let place = place();
    let begun = std::time::Instant::now();
    let said = place.sh(&format!(
        "for i in 1 2 3; do rm -f ready; pidfile claim -b --ready 'until test -e ready; do :; done' p$i {STUBBORN}; done
         pidfile claim -b p4 sleep 60; pidfile stop --timeout 3s p1 p2 p3 p4 absent; echo $?; pidfile read -q p4; echo $?
         pidfile stop --kill-after 0 p1 p2 p3; echo $?"
    ));
    assert_eq!(said.stdout, "124\n3\n137\n");
    assert_eq!(said.stderr.lines().filter(|line| line.contains("has not ended after 3.0 s")).count(), 3, "{said:?}");
    // One after the other would take 9 s.
    assert!(begun.elapsed() < std::time::Duration::from_secs(8));
}

#[test]
fn one_file_that_cannot_be_read_does_not_keep_the_others_alive() {
    let place = place();
    place
        .script("pidfile claim -b p sleep 60; mkdir d; pidfile stop d p; echo $?; pidfile read -q p; echo $?")
        .stdout("4\n3\n")
        .stderr("pidfile: stop d: read d: it is a directory, so no PID file\n");
}

#[test]
fn an_interrupted_stop_ends_at_once_and_the_daemon_may_go_on() {
    let place = place();
    place
        .script(
            "pidfile claim -b --ready 'until test -e ready; do :; done' p \
                sh -c 'trap \"echo >asked\" TERM; echo >ready; while :; do sleep 0.1; done'
             pidfile stop p & stop=$!; until test -e asked; do :; done
             kill -TERM $stop; wait $stop; echo $?; pidfile stop --kill-after 0 p",
        )
        .stdout("143\n");
}

#[test]
fn a_file_that_names_nobody_any_more_is_emptied_by_a_stop_and_not_by_a_crash() {
    let place = place();
    place
        .script(
            "pidfile claim -b p sleep 60; kill -9 $(pidfile read p); while pidfile -q read p; do :; done; pidfile read -q p; echo $?
             test -s p && pidfile stop p; echo $?; wc -c <p; pidfile read --json p | grep -o '\"state\":\"[a-z]*\"'
             pidfile claim -b p sleep 60; pidfile stop p; echo $?; wc -c <p; pidfile read -q p; echo $?; pidfile signal TERM p; echo $?
             pidfile stop absent; ls absent 2>/dev/null; pidfile stop p; echo $?",
        )
        .stdout("1\n0\n0\n\"state\":\"empty\"\n0\n0\n3\n3\n0\n")
        .stderr("pidfile: signal p: empty, held by nobody\n");
}

/// These tools believe the number in a file, whoever has that PID by now.
#[test]
fn other_tools_find_no_number_in_the_file_of_a_daemon_that_was_stopped() {
    let place = place();
    place
        .script(
            "pidfile claim -b p sleep 60; pgrep -F p >/dev/null; echo $?; pidfile stop p
             pgrep -F p 2>/dev/null; echo $?; test -z \"$(cat p)\"; echo $?",
        )
        .stdout("0\n1\n0\n");
}

/// As the daemon's own file, which nobody locks.
#[test]
fn a_living_process_without_a_claim_is_named_and_neither_signalled_nor_forgotten() {
    let place = place();
    place.says("sleep 60 & echo $! >p");
    let pid = place.content("p").trim().to_owned();
    let why = format!(
        "stale: names {pid}, but nobody holds it; {pid} is alive (sleep 60): --unlocked asks whether it may have written the file"
    );
    place.script("pidfile stop p").code(0).stderr(format!("pidfile: stop p: {why}; nothing was signalled\n"));
    place.script("pidfile -q stop p; kill -0 $(cat p)").code(0).stderr("");
    let json = place.says("pidfile read --json p || :");
    assert!(json.contains(&format!("\"pid\":{pid},")) && json.contains(&format!("\"reason\":\"{why}\"")), "{json}");
    let table = place.says("pidfile read --table p || :");
    assert!(table.contains(&format!("{pid} (alive)")), "{table}");
}

#[test]
fn a_table_says_why_nothing_is_known() {
    let place = place();
    let table = place.says("mkdir d; pidfile read --table d || :");
    let row: Vec<&str> = table.lines().nth(1).unwrap_or_default().split_whitespace().collect();
    assert_eq!(row.join(" "), "d unknown - - - read d: it is a directory, so no PID file");
}

/// The end of a stop and the begin of a start meet: no claim is emptied, and no start is kept out.
#[test]
fn a_start_that_meets_a_stop_keeps_its_claim() {
    let place = place();
    let said = place.says(
        "for i in $(seq 40); do pidfile claim -b p sleep 60; (pidfile stop p) & pidfile claim --wait 20s -b p sleep 61; wait
             test \"$(pidfile read p)\" = \"$(cat p)\" && test -s p && echo kept; pidfile stop p; done | sort | uniq -c",
    );
    assert_eq!(said.trim(), "40 kept");
}

/// A worker that has inherited the lock and has become root is none over which the owner of the file has power.
#[test]
fn a_worker_over_which_the_owner_of_the_file_has_no_power_is_named_and_not_killed() {
    if !tests::needs_root() {
        return;
    }
    let place = place_for_all();
    place.write("worker", "echo >d/ready; trap '' TERM; exec ./asroot --reuid 0 --regid 0 --clear-groups sleep 7171\n");
    place
        .script(
            "cp \"$(command -v setpriv)\" asroot; chmod 4755 asroot; mkdir d; chown games d
             setpriv --reuid games --regid games --clear-groups ./theirs claim -b --ready 'until test -e d/ready && pgrep -u 0 -xf sleep.7171; do :; done' \
                 d/p sh -c 'sh worker & exec sleep 7172' >/dev/null 2>&1; echo $?
             pidfile stop --timeout 300ms --kill-after 50ms d/p; echo $?
             pidfile stop --timeout 300ms --kill-after 50ms --kill-holders d/p; echo $?",
        )
        .stdout("0\n124\n124\n")
        .stderr(predicate::str::contains("(sleep 7171)").count(2));
    assert_eq!(place.still_running(), ["sleep 7171"]);
}
