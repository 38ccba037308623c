//! What `pidfile read` promises at the prompt, of claims of our own and of others.

use crate::common::{NOBODY, place_for_all};
use predicates::prelude::predicate;
use tests::needs_root;

/// A claim the way APUE teaches it: a POSIX record lock on the whole file. It says `locked` when it has it.
const RECORD_LOCK: &str = r#"perl -e '
    use Fcntl; open my $f, "+<", $ARGV[0] or die; my $l = pack "ssx4qqix4", F_WRLCK, 0, 0, 0, 0;
    fcntl $f, F_SETLK, $l or die "busy\n"; open my $done, ">", "locked"; sleep 60' "#;

#[test]
fn a_claimed_file_names_its_claimant() {
    let said = place_for_all()
        .sh("pidfile claim -b p sleep 60; test $(pidfile read p) = $(cat p) && pidfile read -q p; echo $?");
    assert_eq!((&*said.stdout, &*said.stderr), ("0\n", ""));
}

#[test]
fn no_file_a_stale_one_and_an_orphaned_one_are_told_apart() {
    let place = place_for_all();
    place.script("pidfile read p").code(3);
    place.write("p", "999999\n");
    place.script("pidfile read p").code(1).stderr("pidfile: read p: stale: names 999999, but nobody holds it\n");
    place.script("pidfile claim -b --ready 'until test -e forked; do :; done' q sh -c 'sleep 60 & echo >forked; wait'; kill -9 $(cat q); while pidfile read -q q; do :; done; pidfile read q").code(2).stderr(predicate::str::contains("is dead, but its lock is held by")).stderr(predicate::str::contains("(sleep 60)"));
}

#[test]
fn several_files_are_a_table_and_the_highest_code() {
    let place = place_for_all();
    place.write("stale", "999999\n");
    let said =
        place.sh("pidfile claim -b p sleep 60; pidfile read p stale absent; echo $?; pidfile read --table p; echo $?");
    let pid = place.content("p").trim().to_owned();
    let shown = said.stdout.replace(&pid, "PID");
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["PIDFILE", "STATE", "PID", "EVIDENCE", "AGE", "COMMAND"]);
    assert_eq!((&rows[1][..4], &rows[1][6..]), (&["p", "held", "PID", "vouched"][..], &["sleep", "60"][..]), "{shown}");
    assert_eq!(rows[2], ["stale", "stale", "999999", "(dead)", "-", "-", "-"]);
    assert_eq!(rows[3], ["absent", "absent", "-", "-", "-", "-"]);
    assert_eq!(rows[4], ["3"]);
    assert_eq!(rows[6][..4], ["p", "held", "PID", "vouched"]);
    assert_eq!(rows[7], ["0"]);
}

#[test]
fn the_holders_are_the_claimant_and_its_workers() {
    let place = place_for_all();
    let said = place.says(
        "pidfile claim -b p sh -c 'sleep 61 & wait'; until pidfile read --holders p | grep -q '[0-9] sleep 61$'; do :; done
         pidfile read --holders p",
    );
    let commands: Vec<&str> =
        said.lines().filter_map(|line| line.split_once(' ')).map(|(_, command)| command).collect();
    assert_eq!(commands, ["sh -c sleep 61 & wait", "sleep 61"]);
    let json = place.says("pidfile read --json p nowhere || true");
    let objects: Vec<serde_json::Value> =
        json.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(objects[0]["state"], "held");
    assert_eq!(objects[0]["holders"].as_array().map(Vec::len), Some(2));
    assert_eq!((&objects[1]["state"], &objects[1]["pid"]), (&"absent".into(), &serde_json::Value::Null));
}

#[test]
fn what_cannot_be_a_pid_is_read_as_nobody() {
    let place = place_for_all();
    let long = "1".repeat(1 << 20);
    for text in ["0", "-1", "0x10", "4294967297", "12345678901234567890", "12abc", "1\0", "", "\0\0\0", &long] {
        place.write("p", text);
        let said = place.sh("pidfile read p; echo $?; pidfile signal KILL p; echo $?; pidfile stop p; echo $?");
        // An empty file, and one that a crash of the machine has filled with zeroes, name nobody: LSB 3.
        let code = if text.trim_matches('\0').is_empty() { 3 } else { 1 };
        assert_eq!(said.stdout, format!("{code}\n{code}\n0\n"), "{text:.30}");
        assert_eq!(place.content("p"), text);
    }
    std::fs::write(place.file("p"), b"\xff\xfe1\n").expect("a file");
    place.script("pidfile read p").code(1);
}

#[test]
fn flock_1_with_or_without_a_newline_is_a_claim() {
    let place = place_for_all();
    for newline in ["", "\\n"] {
        let said = place.says(&format!(
            "rm -f p; flock p sh -c 'printf \"$${newline}\" >p; exec sleep 60' & until test -s p && pidfile read -q p; do :; done
             cp p pid; test $(pidfile read p) = $(cat p); pidfile read --json p | grep -o '\"evidence\":\"[a-z]*\"'; pidfile claim p true 2>&1; echo $?
             pidfile stop p 2>/dev/null; echo $?; pidfile stop --unlocked p; wait; pidfile read -q p; echo $?"
        ));
        let pid = place.content("pid").trim().to_owned();
        let expected = format!("\"evidence\":\"descriptor\"\npidfile: claim p: held by {pid} (sleep 60)\n75\n4\n3\n");
        assert_eq!(said, expected);
    }
}

#[test]
fn a_record_lock_over_the_whole_file_names_its_owner_whatever_the_text_says() {
    let place = place_for_all();
    let script = format!(
        "echo 1 >p; {RECORD_LOCK} p & until test -e locked; do :; done
         test $(pidfile read p) = $! && echo its owner; pidfile claim p true 2>/dev/null; echo $?; cat p
         pidfile signal KILL p; wait $! 2>/dev/null; echo $?; pidfile read -q p; echo $?"
    );
    assert_eq!(place.says(&script), "its owner\n75\n1\n137\n1\n");
}

#[test]
fn a_claimer_by_record_lock_sees_our_claim() {
    let said = place_for_all().sh(&format!("pidfile claim -b p sleep 60; {RECORD_LOCK} p"));
    assert_eq!(said.stderr, "busy\n");
}

#[test]
fn a_locked_byte_gives_no_power_over_a_stranger() {
    let place = place_for_all();
    // Whoever may write the file puts a stranger's number into it and locks that byte.
    let attack = "perl -e 'use Fcntl; open my $f, \"+<\", \"p\" or die;
         fcntl $f, F_SETLK, pack(\"ssx4qqix4\", F_WRLCK, 0, $ARGV[0], 1, 0) or die; open my $l, \">\", \"locked\"; sleep 60'";
    place.script(&format!(
        "sleep 60 & victim=$!; echo $victim >p; {attack} $victim & until test -e locked; do :; done
         pidfile read p; echo $?; pidfile signal KILL p; echo $?; pidfile stop p; echo $?; kill -0 $victim && echo alive"
    )).stdout("1\n1\n0\nalive\n");
}

#[test]
fn another_user_is_told_the_pid_and_may_not_signal() {
    if !needs_root() {
        return;
    }
    let place = place_for_all();
    let said =
        place.sh(&format!("pidfile claim -b p sleep 60; {NOBODY} ./theirs read p; {NOBODY} ./theirs stop p; echo $?"));
    let pid = place.content("p").trim().to_owned();
    assert_eq!(said.stdout, format!("{pid}\n125\n"));
    let why = format!("send SIGTERM to {pid} (sleep 60), which runs as root: Operation not permitted");
    assert_eq!(said.stderr, format!("pidfile: stop p: {why}\n"));
}

#[test]
fn of_a_foreign_claim_that_may_not_be_looked_at_the_recorded_pid_is_told() {
    if !needs_root() {
        return;
    }
    let place = place_for_all();
    place
        .script(&format!(
            "flock p sh -c 'echo $$ >p; exec sleep 60' & until test -s p && pidfile read -q p; do :; done
         test $({NOBODY} ./theirs read p) = $(cat p); echo $?
         {NOBODY} ./theirs read --json p | grep -o '\"evidence\":\"[a-z]*\"'
         {NOBODY} ./theirs signal TERM p 2>/dev/null; echo $?
         touch -d '1 hour ago' p; {NOBODY} ./theirs read p 2>/dev/null; echo $?"
        ))
        .stdout("0\n\"evidence\":\"recorded\"\n4\n4\n");
}

#[test]
fn a_claimant_in_another_pid_namespace_is_told_by_its_number_here() {
    if !needs_root() {
        return;
    }
    let place = place_for_all();
    let said = place.says(
        "unshare -pf --mount-proc pidfile claim p sh -c 'echo >ready; sleep 60' & until test -e ready; do :; done
         cat p; pid=$(pidfile read p); grep NSpid /proc/$pid/status | cut -f3; tr '\\0' ' ' </proc/$pid/cmdline; echo
         pidfile stop --kill-after 0 p; echo $?; pidfile read -q p; echo $?",
    );
    assert_eq!(said, "1\n1\nsh -c echo >ready; sleep 60 \n137\n3\n");
}

#[test]
fn from_inside_a_pid_namespace_a_claimant_outside_is_unknown_not_dead() {
    if !needs_root() {
        return;
    }
    let said = place_for_all().sh("pidfile claim -b p sleep 60; unshare -pf --mount-proc pidfile read p");
    assert_eq!(said.code, 4, "{said:?}");
    assert!(said.stderr.contains("a process that has no PID here (it is in another PID namespace)"), "{said:?}");
}

#[test]
fn unlocked_believes_a_living_writer_and_no_recycled_number() {
    let place = place_for_all();
    let said = place.sh(
        "sleep 60 & echo $! | tee pid >p; pidfile read p; echo $?; test $(pidfile read --unlocked p) = $!; echo $?
         pidfile read -q --unlocked --exe $(command -v sleep) p; echo $?; pidfile read --unlocked --exe /bin/sh p; echo $?
         pidfile signal TERM p; echo $?; kill -0 $!; echo $?; pidfile stop --unlocked p; echo $?; wait $!; echo $?",
    );
    assert_eq!(said.stdout, "1\n0\n0\n1\n1\n0\n0\n143\n", "{said:?}");
    let pid = place.content("pid").trim().to_owned();
    let found = format!("stale: names {pid}, but nobody holds it; {pid} is alive (sleep 60): --unlocked asks");
    assert!(said.stderr.contains(&found), "{said:?}");
    place.script(
        "sleep 60 & echo $! >p; touch -d '2000-01-01' p; pidfile read --unlocked p; echo $?; pidfile stop --unlocked p; echo $?",
    ).stdout("1\n0\n").stderr(predicate::str::contains("is younger than the file"));
}

#[test]
fn unlocked_believes_no_file_that_names_the_init_process_unless_its_program_is_given() {
    place_for_all()
        .script("echo 1 >p; pidfile read --unlocked p; echo $?; pidfile signal --unlocked HUP p; echo $?")
        .stdout("1\n1\n")
        .stderr(predicate::str::contains("is the init process, which is believed only with --exe").count(2));
}

#[test]
fn unlocked_does_not_let_another_user_choose_the_victim() {
    if !needs_root() {
        return;
    }
    let place = place_for_all();
    let said = place.sh(
        "sleep 60 & echo $! >p; chown 65534 p; pidfile stop --unlocked p; kill -0 $! && echo alive
         echo $! >own; mkdir theirs.d; ln -s ../own theirs.d/p; chown -h 65534 theirs.d/p; pidfile stop --unlocked theirs.d/p; kill -0 $! && echo alive
         chmod 666 own; pidfile stop --unlocked own; kill -0 $! && echo alive; pidfile read --unlocked p own",
    );
    assert_eq!(said.stdout.lines().filter(|line| *line == "alive").count(), 3, "{said:?}");
    assert_eq!(said.code, 1);
}
