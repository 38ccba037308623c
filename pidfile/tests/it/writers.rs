//! The writers of a PID file: who can write the file or a directory of its path must have power over the claimant.

use crate::common::place_for_all;
use tests::{needs, needs_root};

/// A claim of the PID file `d/p` by a user of this name, in a group of this name; both can write the file.
fn claimed_by(user: &str, group: &str) -> String {
    format!(
        "install -d -o {user} d; setpriv --reuid {user} --regid {group} --clear-groups ./theirs claim -b --mode 0664 d/p sleep 60"
    )
}

/// Root's stop with other members of the group `games`.
fn with_members(members: &str) -> String {
    format!(
        "sed 's/^games:.*/games:x:60:{members}/' /etc/group >group
         unshare -m sh -c 'mount --bind group /etc/group; pidfile stop d/p'"
    )
}

#[test]
fn a_stop_is_refused_where_a_writer_has_no_power_over_the_claimant() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let ours = "mkdir d; pidfile claim -b d/p sleep 60";
    let in_theirs = "install -d -o 65534 d; pidfile claim -b d/p sleep 60";
    let (games, sync) = (claimed_by("games", "games"), claimed_by("sync", "nogroup"));
    for (claim, stop, code, why) in [
        (ours, "pidfile stop d/p", 0, ""),
        (in_theirs, "pidfile stop d/p", 4, "user nobody can write the directory ./d and"),
        (in_theirs, "pidfile stop $PWD/d/p", 4, "user nobody can write the directory /"),
        (in_theirs, "cd d; pidfile stop p", 4, "user nobody can write the directory . and"),
        (ours, "chmod 777 d; pidfile stop d/p", 4, "anybody can write the directory ./d and"),
        (ours, "chmod 1777 d; pidfile stop d/p", 0, ""),
        (ours, "ln d/p d/q; pidfile stop d/p", 4, "anybody can write the file d/p, which has several names, and"),
        (ours, "chmod 664 d/p; pidfile stop d/p", 0, ""),
        (
            ours,
            "chmod 664 d/p; chgrp nogroup d/p; pidfile stop d/p",
            4,
            "the members of group nogroup can write the file d/p and",
        ),
        // A group counts as the user's own if it has the user's name and no other member.
        (&games, "pidfile stop d/p", 0, ""),
        (&games, &with_members("games"), 0, ""),
        (&games, &with_members("games,daemon"), 4, "the members of group games can write the file d/p and"),
        (&sync, "pidfile stop d/p", 4, "the members of group nogroup can write the file d/p and"),
    ] {
        let said = place_for_all().sh(&format!("{claim}; {stop}; echo $?"));
        assert_eq!(said.stdout, format!("{code}\n"), "{claim}; {stop}: {said:?}");
        assert!(said.stderr.contains(why) && said.stderr.is_empty() == why.is_empty(), "{claim}; {stop}: {said:?}");
    }
}

/// Whoever may read a file can open it for reading and hand the descriptor to any process.
#[test]
fn a_descriptor_for_reading_is_enough_where_nobody_else_can_read_the_file() {
    if !needs_root() {
        return;
    }
    for (mode, code) in [("600", 0), ("640", 4), ("604", 4)] {
        let said = place_for_all().sh(&format!(
            "install -m {mode} /dev/null p; sh -c 'echo $$ >p; exec 9<p; flock 9; exec sleep 60' &
             until ! flock -n p true; do :; done; pidfile stop --timeout 5 p; echo $?"
        ));
        assert_eq!(said.stdout, format!("{code}\n"), "{mode}: {said:?}");
        assert_eq!(said.stderr.contains("has the file open for reading only"), code == 4, "{mode}: {said:?}");
    }
}
