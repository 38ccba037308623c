//! Who could have made a PID file name a process, and over whom that gives power: nobody but themselves.

use super::hostile::{NOBODY, roots_place, script};
use predicates::prelude::predicate;
use tests::{needs, needs_root};

#[test]
fn no_link_of_another_user_is_followed() {
    if !needs_root() {
        return;
    }
    let place = roots_place();
    script(
        &place,
        &format!(
            "mkdir roots theirs; pidfile claim -b roots/p sleep 1000; pid=$(pidfile read roots/p); chown 65534 theirs
             {NOBODY} ln -s ../roots/p theirs/p; {NOBODY} ln -s ../roots theirs/d; {NOBODY} ln -s ../roots/new theirs/new
             for file in theirs/p theirs/d/p; do
                 for act in read stop 'stop --unlocked' 'signal TERM'; do pidfile $act $file 2>/dev/null; echo $act $?; done
                 pidfile claim $file true 2>/dev/null; echo claim $?
             done
             withlock theirs/new true; echo withlock $?; pidfile claim -b --log theirs/new p true; echo log $?
             pidfile claim theirs/new true; echo new $?; test -e roots/new || echo nothing was made
             test $(pidfile read roots/p) = $pid && echo lives"
        ),
    )
    .stdout(
        "read 4\nstop 4\nstop --unlocked 4\nsignal TERM 4\nclaim 125\nread 4\nstop 4\nstop --unlocked 4\nsignal TERM 4\nclaim 125\n\
         withlock 125\nlog 125\nnew 125\nnothing was made\nlives\n",
    )
    .stderr(predicate::str::contains("is a symbolic link made by user 65534"));
}

#[test]
fn a_directory_of_another_user_gives_power_over_that_users_processes_only() {
    if !needs_root() {
        return;
    }
    let place = roots_place();
    script(
        &place,
        &format!(
            "install -d -o 65534 theirs; pidfile claim -b theirs/p sleep 1000; pidfile read -q theirs/p; echo read $?
             pidfile stop theirs/p; echo stop $?; kill $(cat theirs/p); until pidfile claim theirs/p true; do :; done
             {NOBODY} pidfile claim -b theirs/q sleep 1001; pidfile stop theirs/q; echo stop $?"
        ),
    )
    .stdout("read 0\nstop 4\nstop 0\n")
    .stderr(predicate::str::contains("user nobody can write the directory ./theirs"));
}

#[test]
fn a_file_that_a_group_can_write_names_nobody_to_be_ended() {
    if !needs_root() {
        return;
    }
    let place = roots_place();
    script(
        &place,
        "sleep 1000 & victim=$!; echo $victim >p; chgrp 65534 p; chmod 664 p
         pidfile read --unlocked p; echo $?; pidfile stop --unlocked p; pidfile signal --unlocked KILL p; echo $?
         kill -0 $victim && echo lives; chmod 644 p; pidfile stop --unlocked p; echo $?; wait $victim; echo $?",
    )
    .stdout("1\n1\nlives\n0\n143\n")
    .stderr(predicate::str::contains("others than its owner may write the file"));
}

#[test]
fn the_proc_of_another_pid_namespace_is_asked_nothing() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = roots_place();
    // Without --mount-proc: /proc shows the processes outside, where the PID is another's.
    place.write(
        "inside",
        "sleep 1000 & victim=$!; echo $victim >p; pidfile read --unlocked p; echo $?
         pidfile stop --unlocked p; pidfile signal --unlocked KILL p; echo $?; kill -0 $victim && echo lives",
    );
    place
        .script("unshare -pf sh inside")
        .stdout("1\n1\nlives\n")
        .stderr(predicate::str::contains("/proc shows another PID namespace, and is asked nothing"));
}
