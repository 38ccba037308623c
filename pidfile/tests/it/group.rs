//! What `pidfile stop --group` and `pidfile signal --group` promise at the prompt.

use crate::common::{place, place_for_all};
use predicates::prelude::predicate;
use tests::{needs, needs_root};

/// A shell that does not become its last command, and ignores TERM: its worker is asked too, and killed with it.
const BEHIND_A_SHELL: &str = "sh -c 'trap \"echo asked >>shell\" TERM; sh -c \"trap \\\"echo asked >>worker; exit\\\" TERM; echo >ready; while :; do sleep 0.01; done\"; exit 0'";

#[test]
fn a_stop_of_the_group_asks_all_that_descend_from_the_claimant_and_waits_for_them() {
    let place = place();
    place
        .script(&format!(
            "pidfile claim -b --ready 'until test -e ready; do :; done' p {BEHIND_A_SHELL}
             pidfile stop --group --kill-after 30s p; echo $?; cat shell worker; pidfile read -q p; echo $?"
        ))
        .stdout("0\nasked\nasked\n3\n");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

/// With its descriptors closed, a worker keeps no claim: without `--group` nobody waits for it.
const CLOSES: &str =
    "for fd in /proc/self/fd/*; do n=${fd##*/}; test $n -le 2 || test $n -gt 9 || eval \"exec $n>&-\"; done";

#[test]
fn a_worker_without_the_lock_is_waited_for_and_killed_with_the_group() {
    let place = place();
    place.write("worker", format!("{CLOSES}; trap '' TERM; echo >ready; exec sleep 60\n"));
    let start = "rm -f ready; pidfile claim -b --ready 'until test -e ready; do :; done' p sh -c 'sh worker & wait'";
    place.script(&format!("{start}; pidfile stop p; echo $?")).stdout("0\n");
    assert_eq!(place.still_running(), ["sleep 60"]);
    place.kill_all();
    place
        .script(&format!("{start}; pidfile stop --group --timeout 100ms p; echo $?; pidfile read -q p; echo $?"))
        .stdout("124\n1\n")
        .stderr(predicate::str::starts_with("pidfile: stop p: not all of its group have ended: "))
        .stderr(predicate::str::ends_with(" (sleep 60) after 100 ms\n"));
    place.kill_all();
    place.script(&format!("{start}; pidfile stop --group --kill-after 50ms p; echo $?")).stdout("137\n");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn a_worker_that_left_its_parent_but_not_the_session_belongs_to_the_group() {
    let place = place();
    let forks_twice = "sh -c '(sh worker &) ; echo >forked; exec sleep 61'";
    place.write("worker", format!("{CLOSES}; echo >ready; exec sleep 60\n"));
    place
        .script(&format!(
            "pidfile claim -b --ready 'until test -e ready && test -e forked; do :; done' p {forks_twice}
             pidfile stop --group p; echo $?"
        ))
        .stdout("0\n");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn a_signal_to_the_group_reaches_the_daemon_behind_a_shell() {
    let place = place();
    place
        .script(&format!(
            "pidfile claim -b --ready 'until test -e ready; do :; done' p {BEHIND_A_SHELL}
             pidfile signal TERM p; pidfile signal --group TERM p; echo $?; until test -s worker; do :; done
             while pidfile read -q p; do :; done; sort -u shell; cat worker"
        ))
        .stdout("0\nasked\nasked\n");
}

/// Of a file that a user can write, only that user's processes are signalled, also among the descendants.
#[test]
fn a_descendant_over_which_the_owner_of_the_file_has_no_power_is_left_alone() {
    if !needs_root() {
        return;
    }
    let place = place_for_all();
    place.write(
        "worker",
        format!("{CLOSES}; echo >d/ready; exec ./asroot --reuid 0 --regid 0 --clear-groups sleep 6161\n"),
    );
    place
        .script(
            "cp \"$(command -v setpriv)\" asroot; chmod 4755 asroot; mkdir d; chown games d
             setpriv --reuid games --regid games --clear-groups ./theirs claim -b --ready 'until test -e d/ready && pgrep -u 0 -xf sleep.6161; do :; done' \
                 d/p sh -c 'sh worker & exec sleep 61' >/dev/null 2>&1; echo $?
             pidfile stop --group --kill-after 50ms d/p; echo $?",
        )
        .stdout("0\n0\n")
        .stderr(predicate::str::contains("(sleep 6161) descends from the claimant and is left alone: user games can write"));
    assert_eq!(place.still_running(), ["sleep 6161"]);
}

/// sudo(8) closes the descriptor of the claim, and gives its command a session of its own.
#[test]
fn a_daemon_behind_sudo_is_asked_and_killed_with_the_group_and_left_running_without_it() {
    if !needs_root() || !needs("sudo", "sudo") {
        return;
    }
    let place = place_for_all();
    place.write("daemon6262", "trap 'echo asked' TERM; while :; do sleep 0.01; done\n");
    let start = |daemon: &str| {
        format!(
            "pidfile claim -b --log log --ready 'until pgrep -u nobody -f \"{daemon}\"; do :; done >/dev/null' p sudo -u nobody {daemon}"
        )
    };
    place
        .script(&format!("{}; pidfile stop --group p; echo $?; pidfile read -q p; echo $?", start("sleep 6161")))
        .stdout("0\n3\n")
        .stderr("");
    assert_eq!(place.still_running(), Vec::<String>::new());
    // Without --group, KILL ends sudo alone.
    place.script(&format!("{}; pidfile stop --kill-after 50ms p; echo $?", start("sh daemon6262"))).stdout("137\n");
    place.wait_until("sudo has ended", |place| place.still_running().iter().all(|line| !line.starts_with("sudo")));
    assert!(place.still_running().contains(&"sh daemon6262".to_owned()), "{:?}", place.still_running());
    place.kill_all();
    place
        .script(&format!("{}; pidfile stop --group --kill-after 1s p; echo $?", start("sh daemon6262")))
        .stdout("137\n");
    assert_eq!(place.still_running(), Vec::<String>::new());
    assert!(place.content("log").contains("asked\n"), "{}", place.content("log"));
}

/// su(1) stops itself when its command stops, and nobody would continue it.
#[test]
fn su_outside_of_a_claim_does_not_see_its_command_stop() {
    if !needs_root() || !needs("su", "util-linux") {
        return;
    }
    let place = place_for_all();
    place.write("polite", "sh -c 'echo >d/ready; exec sleep 60' & exec sleep 61\n");
    place.write("stubborn", "trap '' TERM; sh -c 'echo >d/ready; exec sleep 60' & exec sleep 61\n");
    place
        .script(
            "install -d -o nobody d; for daemon in polite stubborn; do rm -f d/ready
                 su -s /bin/sh nobody -c \"exec ./theirs claim d/p sh $daemon\" & su=$!
                 until test -e d/ready; do :; done; pidfile stop --group --kill-after 1s d/p; echo $?; wait $su; done",
        )
        .stdout("0\n137\n");
    assert_eq!(place.still_running(), Vec::<String>::new());
}
