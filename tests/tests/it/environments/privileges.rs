//! A daemon that runs as another user: which process the PID file names, and what a signal reaches. docs/privileges.md
//! is the table.

use crate::common::place_for_all;
use tests::{Place, needs, needs_root};

/// Notes its signals in the file `got`, and ends at TERM.
const DAEMON: &str = "trap 'echo HUP >>got' HUP
    trap 'echo TERM >>got; kill $s; wait $s; exit' TERM
    sleep 1000 & s=$!
    echo up >>got
    while kill -0 $s 2>/dev/null; do wait $s; done";

/// A place of root's for a program that changes the user; none where that program or root's rights are missing.
fn place_with(program: &str, debian_package: &str) -> Option<Place> {
    if !needs_root() || !needs(program, debian_package) {
        return None;
    }
    let place = place_for_all();
    place.write("d", DAEMON);
    place.says("chmod 755 .");
    Some(place)
}

/// A place of the user's own.
fn users_place_with(program: &str, debian_package: &str) -> Option<Place> {
    let place = place_with(program, debian_package)?;
    place.says("chown nobody .");
    Some(place)
}

/// The user and the command of the process that the file names; whether the daemon itself has the claim; the signals
/// that it got from HUP and `stop`; the code of `stop`.
fn life(place: &Place, start: &str) -> String {
    place.says(&format!(
        ": >got; chmod 666 got; {start} 2>said & waitfor -q nonempty:got pidfile:p
        ps -o user=,comm= -p $(pidfile read p) | tr -s ' '
        pidfile read --holders p | grep -qx '[0-9]* sh d' && echo has the claim || echo has no descriptor
        pidfile signal HUP p
        pidfile stop --timeout 5s p 2>stopped; code=$?; echo $(cat got), stop $code"
    ))
}

/// The status after a kill -9 of the process that the file names, whether the daemon lives, and the next start.
fn after_kill(place: &Place, start: &str) -> String {
    place.says(&format!(
        "rm -f p; : >got; chmod 666 got; {start} 2>said & waitfor -q nonempty:got pidfile:p
        recorded=$(pidfile read p); pidfile signal KILL p; waitfor -q --down pid:$recorded
        pidfile read p >answer 2>&1; echo read $?
        pgrep -f '^sh d$' >pids && ls -l $(sed 's|.*|/proc/&/cwd|' pids) | grep -qF \"$PWD\" && echo the daemon lives
        pidfile claim p echo a second one starts 2>/dev/null; echo claim $?"
    ))
}

#[test]
fn user_inside_becomes_the_daemon() {
    let Some(place) = place_with("setpriv", "util-linux") else { return };
    let start = "pidfile claim --user nobody p sh d";
    assert_eq!(life(&place, start), "nobody sh\nhas the claim\nup HUP TERM, stop 0\n");
    assert_eq!(after_kill(&place, start), "read 2\nclaim 75\n");
}

#[test]
fn setpriv_inside_becomes_the_daemon() {
    let Some(place) = place_with("setpriv", "util-linux") else { return };
    let start = "pidfile claim p setpriv --reuid nobody --regid nogroup --init-groups sh d";
    assert_eq!(life(&place, start), "nobody sh\nhas the claim\nup HUP TERM, stop 0\n");
    // The daemon's own child has inherited the claim.
    assert_eq!(after_kill(&place, start), "read 2\nclaim 75\n");
}

#[test]
fn runuser_inside_is_recorded_in_the_place_of_the_daemon() {
    let Some(place) = place_with("runuser", "util-linux") else { return };
    let start = "pidfile claim p runuser -u nobody -- sh d";
    assert_eq!(life(&place, start), "root runuser\nhas the claim\nup TERM, stop 0\n");
    assert_eq!(after_kill(&place, start), "read 2\nthe daemon lives\nclaim 75\n");
}

#[test]
fn su_inside_is_recorded_in_the_place_of_the_daemon() {
    let Some(place) = place_with("su", "util-linux") else { return };
    let start = "pidfile claim p su -s /bin/sh nobody -c 'exec sh d'";
    assert_eq!(life(&place, start), "root su\nhas the claim\nup TERM, stop 0\n");
    assert_eq!(after_kill(&place, start), "read 2\nthe daemon lives\nclaim 75\n");
}

#[test]
fn su_inside_without_exec_leaves_the_daemon_behind_at_a_stop() {
    let Some(place) = place_with("su", "util-linux") else { return };
    let start = "pidfile claim p su -s /bin/sh nobody -c 'sh d; exit $?'";
    assert_eq!(life(&place, start), "root su\nhas the claim\nup, stop 124\n");
    assert!(place.content("stopped").contains("the claim is still held by "), "{}", place.content("stopped"));
    assert_eq!(place.sh("pidfile -q read p").code, 2);
}

/// su(1) and runuser(1) give their command two seconds after a TERM.
#[test]
fn su_and_runuser_kill_a_daemon_that_takes_longer_to_end() {
    for program in ["su", "runuser"] {
        let Some(place) = place_with(program, "util-linux") else { return };
        place.write("d", "trap 'echo TERM >>got' TERM; echo up >>got; while :; do sleep 0.1; done");
        let start = format!("pidfile claim p {program} -s /bin/sh nobody -c 'exec sh d'");
        let said = life(&place, &start);
        assert_eq!(said, format!("root {program}\nhas the claim\nup TERM, stop 0\n"), "{program}");
        place.wait_until("the daemon is killed", |place| place.still_running().is_empty());
    }
}

#[test]
fn sudo_inside_keeps_the_claim_from_the_daemon() {
    let Some(place) = place_with("sudo", "sudo") else { return };
    let start = "pidfile claim p sudo -n -u nobody -- sh d";
    assert_eq!(life(&place, start), "root sudo\nhas no descriptor\nup HUP TERM, stop 0\n");
    assert_eq!(after_kill(&place, start), "read 1\nthe daemon lives\na second one starts\nclaim 0\n");
}

#[test]
fn a_claim_inside_setpriv_is_the_users_own() {
    let Some(place) = users_place_with("setpriv", "util-linux") else { return };
    let start = "setpriv --reuid nobody --regid nogroup --init-groups pidfile claim p sh d";
    assert_eq!(life(&place, start), "nobody sh\nhas the claim\nup HUP TERM, stop 0\n");
    assert_eq!(place.says("stat -c %U p"), "nobody\n");
}

#[test]
fn a_claim_inside_runuser_is_the_users_own() {
    let Some(place) = users_place_with("runuser", "util-linux") else { return };
    let start = "runuser -u nobody -- pidfile claim p sh d";
    assert_eq!(life(&place, start), "nobody sh\nhas the claim\nup HUP TERM, stop 0\n");
    assert_eq!(place.says("stat -c %U p"), "nobody\n");
}

#[test]
fn a_claim_inside_su_is_the_users_own_with_and_without_exec() {
    let Some(place) = users_place_with("su", "util-linux") else { return };
    for command in ["exec pidfile claim p sh d", "pidfile claim p sh d; exit $?"] {
        let start = format!("rm -f p; su -s /bin/sh nobody -c '{command}'");
        assert_eq!(life(&place, &start), "nobody sh\nhas the claim\nup HUP TERM, stop 0\n", "{command}");
        assert_eq!(place.says("stat -c %U p"), "nobody\n");
    }
}

#[test]
fn a_claim_inside_sudo_is_the_users_own() {
    let Some(place) = users_place_with("sudo", "sudo") else { return };
    let start = "sudo -n -u nobody -- \"$(command -v pidfile)\" claim p sh d";
    assert_eq!(life(&place, start), "nobody sh\nhas the claim\nup HUP TERM, stop 0\n");
    assert_eq!(place.says("stat -c %U p"), "nobody\n");
}
