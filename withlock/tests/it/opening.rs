//! What can be locked, what is refused, and that nothing is ever written.

use crate::common::place;
use predicates::prelude::predicate;
use tests::{needs, needs_root};

#[test]
fn a_lock_file_is_created_and_never_written_or_removed() {
    let place = place();
    place.write("full", "content\n");
    let script =
        "withlock new true; stat -c '%s %a' new; touch -d @1 full; withlock full true; cat full; stat -c %Y full";
    assert_eq!(place.says(&format!("umask 022; {script}")), "0 644\ncontent\n1\n");
}

#[test]
fn directories_and_files_that_may_only_be_read_are_locked() {
    let place = place();
    place.says("mkdir d; touch r; chmod 444 r");
    for lock in ["d", "r"] {
        assert_eq!(place.says(&format!("withlock {lock} echo ran")), "ran\n");
        place.script(&format!("withlock {lock} withlock -n {lock} true")).code(75);
    }
}

#[test]
fn a_file_that_another_user_may_only_read_is_locked() {
    if !needs_root() || !needs("setpriv", "util-linux") {
        return;
    }
    let place = place();
    place.says("chmod 755 .; cp .bin/withlock copy; chmod 755 copy; touch r; chmod 444 r");
    let as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups ./copy";
    assert_eq!(place.says(&format!("{as_nobody} r echo ran")), "ran\n");
    place
        .script(&format!("{as_nobody} absent echo ran"))
        .code(125)
        .stderr("withlock: open absent: Permission denied\n");
}

#[test]
fn a_read_only_file_system_is_no_hindrance() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let script = "mkdir m; mount -t tmpfs x m; touch m/l; mount -o remount,ro m; withlock m/l echo ran; withlock m echo ran; \
                  withlock m/absent true";
    place()
        .script(&format!("unshare -m sh -c '{script}'"))
        .stdout("ran\nran\n")
        .code(125)
        .stderr(predicate::str::starts_with("withlock: open m/absent: "));
}

#[test]
fn another_users_file_in_a_sticky_directory_is_locked() {
    if !needs_root() {
        return;
    }
    let place = place();
    // What fs.protected_regular forbids is open(2) with O_CREAT on it, even to root.
    place.says("mkdir -m 1777 sticky; touch sticky/l; chown 65534 sticky/l");
    assert_eq!(place.says("withlock sticky/l echo ran"), "ran\n");
}

#[test]
fn what_a_lock_means_nothing_on_is_refused_without_hanging() {
    let place = place();
    place.says("mkfifo fifo");
    for path in ["fifo", "/dev/null"] {
        for options in ["", "-n", "-s"] {
            let said = place.sh(&format!("withlock {options} {path} echo ran"));
            assert_eq!((said.code, said.stdout.as_str()), (125, ""), "{path} {options}");
            assert!(said.stderr.starts_with(&format!("withlock: open {path}: ")), "{said:?}");
        }
    }
}

#[test]
fn a_path_that_leads_nowhere_is_an_error() {
    let place = place();
    place.write("f", "");
    for (path, why) in [("nowhere/l", "No such file or directory"), ("f/l", "Not a directory")] {
        place.script(&format!("withlock {path} true")).code(125).stderr(format!("withlock: open {path}: {why}\n"));
    }
}

/// NFS, played by strace(1): no server for it is to be had in a test, but its refusal is.
#[test]
fn nfs_that_refuses_an_exclusive_lock_is_explained() {
    if !needs("strace", "strace") {
        return;
    }
    let place = place();
    place.says(": > l; chmod 444 l");
    let said = place.sh("strace -qq -o trace -e inject=flock:error=EBADF withlock l true");
    let expected = "withlock: lock l: an exclusive lock on NFS needs a file that may be written, \
                    and this one is open for reading only\n";
    assert_eq!((said.stderr.as_str(), said.code), (expected, 125));
}
