//! Where something is missing or odd: it works, or says plainly what it cannot do there. docs/environments.md is the table.

use crate::common::place_for_all;
use tests::{Place, Said, needs, needs_root};

/// Runs a script in mount and PID namespaces of its own, with the /proc of the latter.
fn apart(place: &Place, script: &str) -> Said {
    place.write("script", script);
    place.sh("exec unshare -mpf --kill-child --mount-proc sh script")
}

fn may_not() -> bool {
    !needs_root() || !needs("unshare", "util-linux")
}

/// Claimed, refused to a second, replaced, named, stopped, and free: what has to hold on every file system.
const WHOLE_LIFE: &str = "pidfile claim -b p sleep 1000; pidfile read --json p | grep -o '\"evidence\":\"[a-z]*\"'
    pidfile claim p true 2>/dev/null; echo $?
    pidfile claim --replace p sleep 1001; echo $?; pidfile read --holders p | cut -d' ' -f2-
    pidfile stop p; echo $?; pidfile read -q p; echo $?
    withlock l sleep 1002 & until pgrep -f '^sleep 1002' >/dev/null; do :; done; withlock -n l true; echo $?
    (echo well; echo ERROR) >log; logwatch --no-follow --from start -e ERROR log; echo $?";

fn lived(said: &Said) {
    assert_eq!(said.stdout, "\"evidence\":\"vouched\"\n75\n0\nsleep 1001\n0\n3\n75\nERROR\n1\n", "{said:?}");
    assert!(said.stderr.contains("withlock: lock l: held by ") && said.stderr.contains("sleep 1002)"), "{said:?}");
}

#[test]
fn on_tmpfs_all_works() {
    if may_not() {
        return;
    }
    lived(&apart(&place_for_all(), &format!("mkdir d; mount -t tmpfs none d; cd d; {WHOLE_LIFE}")));
}

#[test]
fn on_an_overlay_all_works_with_files_of_the_lower_layer_too() {
    if may_not() {
        return;
    }
    lived(&apart(
        &place_for_all(),
        &format!(
            "mkdir t; mount -t tmpfs none t; cd t; mkdir l u w m; echo 999999 >l/p; : >l/l
             mount -t overlay none -o lowerdir=l,upperdir=u,workdir=w m || exit; cd m; {WHOLE_LIFE}"
        ),
    ));
}

/// Its device number in stat(2) is not the one that the kernel prints in /proc/locks.
#[test]
fn on_btrfs_all_works() {
    if may_not() || !needs("mkfs.btrfs", "btrfs-progs") {
        return;
    }
    let place = place_for_all();
    let said = place.sh("grep -q btrfs /proc/filesystems || modprobe btrfs && losetup -f");
    if said.code != 0 {
        eprintln!("SKIPPED on_btrfs_all_works: the kernel has no btrfs, or no loop devices");
        return;
    }
    lived(&apart(
        &place,
        &format!(
            "truncate -s 200M image; mkfs.btrfs -q image >&2; mkdir d; mount -o loop image d || exit; cd d; {WHOLE_LIFE}"
        ),
    ));
}

#[test]
fn without_proc_claims_hold_and_what_needs_it_says_so() {
    if may_not() {
        return;
    }
    let said = apart(
        &place_for_all(),
        "umount -l /proc; umount -l /proc 2>/dev/null
        pidfile claim -b p sleep 1000; pidfile read -q p; echo read $?; pidfile claim -q p true; echo claim $?
        pidfile claim --replace p sleep 1001; echo replace $?; pidfile stop p; echo stop $?; pidfile read -q p; echo read $?
        withlock l withlock -n l true; echo lock $?; withlock l true; echo lock $?
        waitfor -t 0 file:l; echo wait $?; waitfor -t 0 listen:9; echo wait $?
        (echo well; echo ERROR) >log; logwatch --no-follow --from start -e ERROR log >/dev/null; echo log $?
        logwatch -e ERROR log -- sh -c 'echo ERROR >>log; exec sleep 1000' >/dev/null; echo log $?
        pidfile claim -b --supervise p true; echo supervise $?
        pidfile claim -b --ready false p sleep 1000; echo ready $?; pidfile stop p",
    );
    let expected = "read 0\nclaim 75\nreplace 0\nstop 0\nread 3\nlock 75\nlock 0\nwait 0\nwait 124\nlog 1\nlog 125\n\
                    supervise 127\nready 1\n";
    assert_eq!(said.stdout, expected, "{said:?}");
    for words in [
        "held by a process that cannot be seen from here",
        "run /proc/self/exe: No such file or directory",
        "end what was started: it lives, but /proc does not show it",
    ] {
        assert!(said.stderr.contains(words), "{words}: {said:?}");
    }
}

const NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups";

/// hidepid=2: an ordinary user sees no process of another.
#[test]
fn where_others_processes_are_hidden_claims_are_believed_all_the_same() {
    if may_not() {
        return;
    }
    let said = apart(
        &place_for_all(),
        &format!(
            "mount -t proc -o hidepid=2 proc /proc; pidfile claim -b r sleep 1000; withlock l sleep 1000 & holder=$!
             {NOBODY} pidfile read -q r; echo read $?; {NOBODY} pidfile stop r; echo stop $?
             until ! flock -n l true; do :; done; {NOBODY} withlock -n l true; echo lock $?
             {NOBODY} pidfile claim -b n sleep 1001; {NOBODY} pidfile claim --replace n sleep 1002; echo replace $?
             {NOBODY} pidfile stop n; echo stop $?
             {NOBODY} pidfile claim -b --supervise n sleep 1003; echo supervise $?; {NOBODY} pidfile stop n
             {NOBODY} pidfile claim -b --ready false n sleep 1004; echo ready $?; {NOBODY} pidfile read -q n; echo read $?"
        ),
    );
    let expected = "read 0\nstop 125\nlock 75\nreplace 0\nstop 0\nsupervise 0\nready 1\nread 1\n";
    assert_eq!(said.stdout, expected, "{said:?}");
    assert!(said.stderr.contains(": Operation not permitted\n"), "{said:?}");
    assert!(said.stderr.contains("withlock: lock l: taken by ") && said.stderr.contains("hidden"), "{said:?}");
}

#[test]
fn on_a_read_only_file_system_what_is_there_is_read_and_locked_and_nothing_is_claimed() {
    if may_not() {
        return;
    }
    let said = apart(
        &place_for_all(),
        "mkdir rw ro; pidfile claim -b rw/p sleep 1000; echo 999999 >rw/stale; : >rw/l; echo ERROR >rw/log
        mount --bind rw ro && mount -o remount,bind,ro ro && cd ro || exit
        pidfile read -q p; echo $?; pidfile read -q stale; echo $?
        pidfile claim stale true; echo $?; pidfile claim new true; echo $?; pidfile claim --replace p true; echo $?
        withlock l true; echo $?; withlock new true; echo $?
        logwatch --no-follow --from start -e ERROR log >/dev/null; echo $?
        logwatch --no-follow -e ERROR --cursor-file cursor log >/dev/null; echo $?
        pidfile stop p; echo $?",
    );
    assert_eq!(said.stdout, "0\n1\n125\n125\n125\n0\n125\n1\n125\n0\n", "{said:?}");
    assert_eq!(said.stderr.matches(": Read-only file system\n").count(), 5, "{said:?}");
}

#[test]
fn a_claim_in_another_pid_namespace_is_respected_and_never_signalled_by_its_number() {
    if may_not() {
        return;
    }
    let said = apart(
        &place_for_all(),
        "pidfile claim -b p sleep 1000; outer=$(pidfile read p)
        cat >inner <<'END'
sleep 3000 & sleep 3000 & sleep 3000 & sleep 3000 & sleep 3000 & sleep 3000 & sleep 3000 & sleep 3000 &
pidfile read -q p; echo read $?; pidfile claim -q p true; echo claim $?; pidfile stop p; echo stop $?
pidfile signal KILL p; echo signal $?; pgrep -cx sleep
pidfile claim -b q sleep 1001; pidfile read q >number; : >begun; until test -e over; do :; done
END
        unshare -pf --mount-proc sh inner & until test -e begun; do :; done
        test $(pidfile read q) != $(cat number); echo other number $?; pidfile stop q; echo stop $?; : >over; wait
        test $(pidfile read p) = $outer; echo still there $?",
    );
    let expected = "read 4\nclaim 75\nstop 4\nsignal 4\n8\nother number 0\nstop 0\nstill there 0\n";
    assert_eq!(said.stdout, expected, "{said:?}");
    assert!(
        said.stderr
            .contains("a process that has no PID here (it is in another PID namespace) owns the byte of its PID"),
        "{said:?}"
    );
}

/// A kernel before 5.3, or a seccomp filter that knows no pidfd_open(2).
#[test]
fn without_pidfds_what_needs_one_says_so_and_leaves_nothing() {
    if !needs("strace", "strace") {
        return;
    }
    let place = place_for_all();
    for errno in ["ENOSYS", "EPERM"] {
        let traced = format!("strace -f -qq -o /dev/null -e inject=pidfd_open:error={errno}");
        for (call, code) in [
            ("pidfile claim p true", 0),
            ("pidfile read -q held", 0),
            ("withlock -F l true", 0),
            ("waitfor -t 0 file:held", 0),
            ("pidfile claim -b p sleep 1000", 125),
            ("pidfile claim --supervise p sleep 1000", 125),
            ("pidfile claim --replace held sleep 1000", 125),
            ("pidfile stop held", 125),
            ("pidfile signal KILL held", 125),
            ("withlock l sleep 1000", 125),
            ("waitfor pid:1", 125),
        ] {
            place.says("pidfile claim -b --ensure held sleep 2000");
            let said = place.sh(&format!("exec {traced} {call}"));
            assert_eq!(said.code, code, "{call}: {said:?}");
            assert_eq!(
                said.stderr.contains("pidfd_open(2) is needed: Linux 5.3 or newer"),
                code != 0,
                "{call}: {said:?}"
            );
            assert_eq!(place.still_running(), ["sleep 2000"], "{call}");
        }
    }
}
