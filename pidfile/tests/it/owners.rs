//! The owners of bytes, as other programs than `pidfile` can become one: which of them is the claimant.

use crate::common::{NOBODY, place, place_for_all};
use tests::needs_root;

/// Locks ranges of `p`, each given by its distance from the byte of the process and by its length; 0: the whole file.
const LOCK: &str = "perl -e 'use Fcntl; $| = 1; open my $f, \"+<\", \"p\" or die;
     while (my ($from, $length) = splice @ARGV, 0, 2) {
         fcntl $f, F_SETLK, pack(\"ssx4qqix4\", F_WRLCK, 0, $length && $$ + $from, $length, 0) or die
     }
     print \"locked\\n\"; sleep 60' --";

/// The byte that marks a successor, as a distance from the byte of its PID.
const SUCCESSOR: i32 = 1 << 23;

#[test]
fn a_process_is_the_claimant_if_its_lock_covers_the_byte_of_its_pid() {
    for (from, length, is_claimant) in [
        ("0", "1", true),
        ("-3", "4", true),
        ("0", "3", true),
        ("-3", "10", true),
        ("0", "0", true),
        ("-3", "3", false),
        ("1", "3", false),
    ] {
        for text in ["", "4000000", "x"] {
            let said = place().sh(&format!(
                "printf '{text}' >p; {LOCK} {from} {length} >locked & until test -s locked; do :; done
                 test \"$(pidfile read p)\" = $! && echo claimant; kill $!"
            ));
            assert_eq!(said.stdout == "claimant\n", is_claimant, "{from} {length} '{text}': {said:?}");
        }
    }
}

#[test]
fn of_two_owners_of_their_bytes_neither_is_the_claimant_whichever_the_text_names() {
    let said = place().sh(&format!(
        ": >p; {LOCK} 0 1 >one & one=$!; {LOCK} 0 1 >two & two=$!; until test -s one && test -s two; do :; done
         for text in $one $two 4000000; do
             echo $text >p; pidfile read p; echo $?; pidfile signal KILL p; echo $?; pidfile stop p; echo $?
         done; pidfile claim p true; echo $?; kill -0 $one && kill -0 $two && echo both live"
    ));
    assert_eq!(said.stdout, format!("{}75\nboth live\n", "4\n4\n4\n".repeat(3)), "{said:?}");
}

/// A restart has written its PID, and the old daemon has not ended yet.
#[test]
fn a_successor_is_the_claimant_beside_an_old_daemon_that_it_may_signal() {
    if !needs_root() {
        return;
    }
    for (new, old, code) in [("", "", 0), ("", NOBODY, 0), (NOBODY, NOBODY, 0), (NOBODY, "", 4)] {
        let said = place_for_all().sh(&format!(
            ": >p; chmod 666 p; {old} {LOCK} 0 1 >old & {new} {LOCK} 0 1 {SUCCESSOR} 1 >new & new=$!
             until test -s old && test -s new; do :; done; echo $new >p
             found=$(pidfile read p); echo $?; test \"$found\" = $new && echo the new one"
        ));
        let expected = if code == 0 { "0\nthe new one\n" } else { "4\n" };
        assert_eq!(said.stdout, expected, "new: {new:?}, old: {old:?}: {said:?}");
    }
}

/// It stands as the successor of a killed restart does: it owns its byte and the mark, and the text does not name it.
#[test]
fn a_stop_ends_a_leftover_only_if_each_writer_and_each_holder_has_power_over_it() {
    if !needs_root() {
        return;
    }
    for (mode, holder, ended_by) in [("644", "", 143), ("666", "", 137), ("644", NOBODY, 137)] {
        let hold = format!("{holder} flock -s p sleep 60 & until ! flock -n p true; do :; done");
        let hold = if holder.is_empty() { "" } else { &hold };
        let said = place_for_all().sh(&format!(
            "install -m {mode} /dev/null p; {LOCK} 0 1 {SUCCESSOR} 1 >locked & left=$!; until test -s locked; do :; done
             {hold}
             pidfile stop --timeout 1 p 2>/dev/null; kill -KILL $left 2>/dev/null; wait $left; echo $?"
        ));
        assert_eq!(said.stdout, format!("{ended_by}\n"), "{mode} {holder:?}: {said:?}");
    }
}
