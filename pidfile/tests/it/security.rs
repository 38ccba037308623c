//! What nobody can make `pidfile` do: clobber a file, believe a trap, signal a stranger.

use crate::common::{NOBODY, place_for_all};
use predicates::prelude::predicate;
use tests::needs_root;

#[test]
fn what_was_never_a_pid_file_is_refused_and_left_as_it_was() {
    let place = place_for_all();
    let long = "1".repeat(5000);
    for content in ["hello\n", "root:x:0:0:root:/root:/bin/sh\n", "\n\nx", "-1\n", "0x10\n", "12abc\n", "1 2\n", &long]
    {
        place.write("f", content);
        let said = place.sh("pidfile claim f touch ran; echo $?; pidfile claim -b f touch ran; echo $?");
        assert_eq!(said.stdout, "125\n125\n", "{content:.30}");
        assert!(said.stderr.starts_with("pidfile: claim f: this was never a PID file: "), "{said:?}");
        assert_eq!(place.content("f"), content);
    }
    assert!(!place.file("ran").exists());
}

#[test]
fn what_can_have_been_one_is_taken_over() {
    let place = place_for_all();
    for content in ["", "\n", "\0\0\0\0\0", "999999\n", "999999", "  0099\nmore\nlines\n"] {
        place.write("f", content);
        assert_eq!(place.sh("pidfile claim f true").code, 0, "{content:?}");
        assert!(place.content("f").trim().parse::<u32>().is_ok());
    }
}

#[test]
fn a_file_of_another_kind_or_with_another_name_is_refused() {
    let place = place_for_all();
    place.says("echo 1 >target; ln -s target symlink; ln -s absent dangling; mkfifo fifo; mkdir directory; echo 1 >one; ln one two");
    for (path, why) in [
        ("symlink", "it is a symbolic link; name a regular file, or one that does not exist yet"),
        ("dangling", "it is a symbolic link; name a regular file, or one that does not exist yet"),
        ("fifo", "it is a FIFO; name a regular file, or one that does not exist yet"),
        ("directory", "it is a directory; name a regular file, or one that does not exist yet"),
        ("/dev/null", "it is a device; name a regular file, or one that does not exist yet"),
        ("one", "it has several names (hard links); name a file of its own"),
    ] {
        place
            .script(&format!("pidfile claim {path} touch ran"))
            .code(125)
            .stderr(format!("pidfile: claim {path}: {why}\n"));
    }
    assert!(!place.file("ran").exists() && !place.file("absent").exists());
    assert_eq!((place.content("target"), place.content("two")), ("1\n".into(), "1\n".into()));
}

#[test]
fn anothers_file_in_a_sticky_directory_can_be_claimed() {
    if !needs_root() {
        return;
    }
    // With fs.protected_regular, opening it with O_CREAT is refused even to root.
    let said = place_for_all()
        .sh("mkdir d; chmod 1777 d; echo 999999 >d/p; chown 65534 d/p; pidfile claim d/p sh -c 'test $(cat d/p) = $$'");
    assert_eq!((said.code, &*said.stderr), (0, ""));
}

#[test]
fn a_users_pid_file_does_not_turn_root_against_a_stranger() {
    if !needs_root() {
        return;
    }
    let place = place_for_all();
    // The user claims properly, then writes a root process's number over its own.
    place.script(&format!(
        "sleep 1000 & victim=$!; install -o 65534 /dev/null p
         {NOBODY} ./theirs claim p sh -c 'echo '$victim' >p; echo done >&3; exec sleep 60' 3>ready & until test -s ready; do :; done
         for verb in read stop 'signal KILL' 'stop --kill-after 0'; do pidfile $verb p; echo $?; {NOBODY} ./theirs $verb p; echo $?; done
         pidfile stop --unlocked p; echo $?; kill -0 $victim && echo alive"
    )).stdout(format!("{}alive\n", "4\n".repeat(9)));
}

#[test]
fn pid_1_is_not_hit_through_a_file_that_a_user_can_write() {
    if !needs_root() {
        return;
    }
    let place = place_for_all();
    // In a namespace whose PID 1 we can afford to lose.
    place
        .script(&format!(
            "cat >script <<'END'
trap 'echo PID 1 was hit' TERM
install -o 65534 /dev/null p
{NOBODY} flock p sh -c 'echo 1 >p; exec sleep 60' & until test -s p; do :; done
pidfile read p; echo $?; pidfile signal TERM p; echo $?; pidfile stop p; echo $?; pidfile stop --unlocked p; echo $?
END
         unshare -pf --mount-proc sh script"
        ))
        .stdout("4\n4\n4\n4\n");
}

#[test]
fn a_lock_by_nobody_is_no_daemon_and_its_holder_is_named() {
    if !needs_root() {
        return;
    }
    let place = place_for_all();
    for (kind, code, why) in [
        ("-s", 1, "no daemon, but its lock is held by "),
        ("-x", 2, "orphaned: 999999 is dead, but its lock is held by "),
    ] {
        place
            .script(&format!(
                "echo 999999 >p; {NOBODY} flock {kind} p sleep 60 & until ! flock -n p true; do :; done
             pidfile read -q p; echo $?; pidfile claim p true; echo $?; pkill -P $!; wait"
            ))
            .stdout(format!("{code}\n75\n"))
            .stderr(predicate::str::contains(format!("claim p: {why}")))
            .stderr(predicate::str::contains(format!("(flock {kind} p sleep 60)")));
    }
}

#[test]
fn a_record_lock_by_nobody_keeps_a_claim_out_by_name() {
    if !needs_root() {
        return;
    }
    let place = place_for_all();
    let said = place.sh(&format!(
        "install -m 644 /dev/null p
         {NOBODY} perl -e 'use Fcntl; open my $f, \"<\", \"p\" or die; my $l = pack \"ssx4qqix4\", F_RDLCK, 0, 0, 0, 0;
             fcntl $f, F_SETLK, $l or die; print STDERR \"locked\"; sleep 60' 2>locked & until test -s locked; do :; done
         pidfile claim p true; echo $?; pidfile claim -b p true; echo $?; cat p; pidfile read -q p; echo $?"
    ));
    assert_eq!(said.stdout, "75\n75\n3\n");
    assert_eq!(said.stderr.matches(" has a record lock on it\n").count(), 2, "{said:?}");
    assert!(said.stderr.contains("(perl -e "), "{said:?}");
}

#[test]
fn a_log_line_or_a_name_cannot_command_the_terminal() {
    let said = place_for_all().sh("pidfile claim -b --log l --ready 'until test -s l; do :; done; false' p sh -c 'printf \"\\033[2Jgone\\n\"; sleep 60'");
    assert!(said.stderr.contains("\\x1b[2Jgone") && !said.stderr.contains('\x1b'), "{said:?}");
}

#[test]
fn the_name_of_a_process_or_a_file_cannot_command_the_terminal() {
    let place = place_for_all();
    let said = place.sh(
        "pidfile claim -b p perl -e '$0 = \"bad\\e[2J\\nname\"; open F, \">begun\"; sleep 1000'; until test -e begun; do :; done
         pidfile read --table p; pidfile read --holders p; pidfile read --json p; pidfile claim p true; echo $?
         name=$(printf 'q\\033[2J'); pidfile read --table \"$name\"; pidfile read \"$name\"; mkdir \"$name\"; pidfile claim \"$name\" true; echo $?",
    );
    assert!(said.stdout.contains("\n75\n") && said.stdout.ends_with("125\n"), "{said:?}");
    assert!(said.stderr.contains("bad\\x1b[2J") && said.stdout.contains("q\\x1b[2J"), "{said:?}");
    assert!(!said.stdout.contains('\x1b') && !said.stderr.contains('\x1b'), "{said:?}");
}

#[test]
fn nothing_is_run_through_a_shell_but_what_was_written_for_one() {
    let place = place_for_all();
    let said = place.sh(
        "trap=';touch ran;$(touch ran)`touch ran`'; pidfile claim -b --log \"l$trap\" --ready 'test \"$PIDFILE\" = \"p$0\" || exit 0' \"p$trap\" sleep 1000
         pidfile read -q \"p$trap\"; echo $?; pidfile stop \"p$trap\"; echo $?; pidfile claim p echo \"$trap\"; pidfile claim q \"$trap\"; echo $?",
    );
    assert_eq!(said.stdout, "0\n0\n;touch ran;$(touch ran)`touch ran`\n127\n", "{said:?}");
    assert!(!place.file("ran").exists(), "{said:?}");
}

/// A user vouches for a child of its own that has become root's, and for a stranger. It has power over neither.
#[test]
fn a_user_turns_roots_stop_against_no_stranger_and_no_child_that_has_become_roots() {
    if !needs_root() {
        return;
    }
    let place = place_for_all();
    place.script(&format!(
        "sleep 1000 & victim=$!; install -m 4755 $(command -v setpriv) become; install -o 65534 /dev/null p
         cat >vouch <<'END'
use Fcntl ':flock'; use Fcntl;
open my $f, '+<', 'p' or die; flock $f, LOCK_EX or die;
my $child = fork // die; exec './become', '--reuid', '0', '--regid', '0', '--clear-groups', 'sleep', '2000' if !$child;
for my $pid ($child, $ARGV[0]) {{ fcntl $f, F_SETLK, pack 'ssx4qqix4', F_WRLCK, 0, $pid, 1, 0 or die }}
for my $pid ($ARGV[0], $child) {{
    syswrite $f, \"$pid\\n\"; truncate $f, length \"$pid\\n\"; seek $f, 0, 0; print \"$pid\\n\"; $| = 1; my $go = <STDIN>;
}}
wait; sleep 60;
END
         mkfifo go; {NOBODY} perl vouch $victim <go >told & vouch=$!; exec 9>go
         until test $(grep -c . told) = 1; do :; done
         until grep -qs 2000 /proc/$(pgrep -P $vouch)/cmdline; do :; done; for verb in read 'signal TERM' 'stop --timeout 1'; do pidfile $verb p; echo $?; done
         kill -0 $victim && echo the stranger lives; echo >&9; until test $(grep -c . told) = 2; do :; done
         until grep -q 2000 /proc/$(tail -n1 told)/cmdline; do :; done
         pidfile signal TERM p; echo $?; kill $(tail -n1 told); exec 9>&-"
    )).stdout("4\n4\n4\nthe stranger lives\n4\n");
}
