//! What `logwatch` promises at the prompt.

use crate::common::{WAITS, place, said};
use tests::{needs, needs_root};

#[test]
fn an_error_line_that_comes_later_is_shown_and_the_answer_is_no() {
    let script = format!(
        "{WAITS} echo 'old FATAL' >l; logwatch -e FATAL l & waits $!; echo fine >>l; echo 'a FATAL b' >>l; wait $!"
    );
    place().script(&script).code(1).stdout("a FATAL b\n").stderr("");
}

#[test]
fn what_is_in_the_log_already_is_judged_from_the_start_only_when_asked() {
    let place = place();
    place.write("l", "one\nFATAL two\nthree");
    place.script("logwatch -e FATAL --from start l").code(1).stdout("FATAL two\n").stderr("");
    place
        .script("logwatch -e FATAL --timeout 50ms l")
        .code(124)
        .stdout("")
        .stderr("logwatch: watch l: nothing was seen after 50 ms\n");
}

#[test]
fn of_error_and_ready_whichever_comes_first_in_the_log_decides() {
    let place = place();
    place.write("good", "x\nready\nFATAL\n");
    place.write("bad", "x\nFATAL\nready\n");
    place.script("logwatch -e FATAL --ready ready --from start good").code(0).stdout("ready\n").stderr("");
    place.script("logwatch -e FATAL --ready ready --from start bad").code(1).stdout("FATAL\n").stderr("");
}

#[test]
fn a_log_that_is_not_there_yet_is_watched_for_with_its_directory() {
    let script = format!("{WAITS} logwatch --ready up a/b/l & waits $!; mkdir -p a/b; echo up >a/b/l; wait $!");
    place().script(&script).code(0).stdout("up\n").stderr("");
}

#[test]
fn after_rotation_the_old_file_is_read_to_its_end_first() {
    let script = format!(
        "{WAITS} : >l; logwatch -e FATAL --ready ready l & waits $!;
         mv l l.1; echo 'FATAL in the old one' >>l.1; echo ready >l; wait $!"
    );
    place().script(&script).code(1).stdout("FATAL in the old one\n").stderr("");
    let script = format!("{WAITS} : >l; logwatch -e FATAL l & waits $!; mv l l.1; echo FATAL >l; wait $!");
    place().script(&script).code(1).stdout("FATAL\n").stderr("");
}

#[test]
fn a_truncated_log_is_read_from_its_beginning() {
    let script = format!("{WAITS} echo long enough >l; logwatch -e FATAL l & waits $!; echo FATAL >l; wait $!");
    place().script(&script).code(1).stdout("FATAL\n").stderr("");
    // It may have grown past the old place before we look: the bytes before the place tell.
    let script = format!(
        "{WAITS} echo short >l; logwatch -e FATAL l & waits $!; kill -STOP $!; : >l; echo FATAL >>l;
         seq 100 >>l; kill -CONT $!; wait $!"
    );
    place().script(&script).code(1).stdout("FATAL\n").stderr("");
}

#[test]
fn a_cursor_finds_its_place_again_in_the_rotated_sibling() {
    let place = place();
    let marked = "echo old FATAL >l; c=$(logwatch --mark l); echo FATAL one >>l;";
    let watch = "logwatch -e 'FATAL' --from $c l";
    place.script(&format!("{marked} {watch}")).code(1).stdout("FATAL one\n").stderr("");
    place.script(&format!("{marked} mv l l.1; echo FATAL two >l; {watch}")).code(1).stdout("FATAL one\n").stderr("");
    place
        .script(&format!("{marked} mv l.1 l.2; mv l l.1; echo FATAL two >l; {watch}"))
        .code(1)
        .stdout("FATAL one\n")
        .stderr("");
    place.script(&format!("{marked} cp l l.1; echo FATAL two >l; {watch}")).code(1).stdout("FATAL one\n").stderr("");
}

#[test]
fn a_cursor_of_a_log_that_was_not_there_begins_at_its_beginning() {
    let place = place();
    place
        .script("c=$(logwatch --mark l); echo FATAL >l; logwatch -e FATAL --from $c l")
        .code(1)
        .stdout("FATAL\n")
        .stderr("");
}

#[test]
fn a_command_ends_as_itself_and_its_failure_shows_what_the_log_gained() {
    let place = place();
    place.write("l", "before\n");
    place.script("logwatch -e FATAL l -- sh -c 'echo out; echo in the log >>l'").code(0).stdout("out\n").stderr("");
    place
        .script("logwatch -e FATAL l -- sh -c 'echo one >>l; echo two >>l; printf three >>l; exit 7'")
        .code(7)
        .stdout("")
        .stderr("logwatch: l gained:\none\ntwo\nthree\n");
    place
        .script("rm l; logwatch --show 2 -e FATAL l -- sh -c 'seq 5 >l; exit 7'")
        .code(7)
        .stdout("")
        .stderr("logwatch: l gained 5 lines, the last 2 are:\n4\n5\n");
    place.script("logwatch -e FATAL l -- sh -c 'kill -KILL $$'").code(137);
}

#[test]
fn an_error_line_ends_the_command_with_all_its_group() {
    let place = place();
    let said_ = place.sh("logwatch -e FATAL l -- sh -c 'sleep 61 & sleep 62 & echo FATAL >l; wait'");
    assert_eq!(said_, said("FATAL\n", "logwatch: an error line was seen, so sh is ended\n", 1));
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn a_command_that_ignores_term_is_killed_after_a_while() {
    let place = place();
    let script = "logwatch -q --kill-after 50ms -e FATAL l -- sh -c \"exec 2>&-; trap '' TERM; echo FATAL >l; sleep 61; sleep 62\"";
    place.script(script).code(1).stdout("FATAL\n").stderr("");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn an_error_line_leaves_nothing_running_that_the_command_has_started() {
    let place = place();
    let script = "logwatch -q -e FATAL l -- sh -c 'setsid sh -c \"echo FATAL >l; exec sleep 61\" & wait'";
    place.script(script).code(1).stdout("FATAL\n").stderr("");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn an_error_line_as_the_command_succeeds_leaves_nothing_running() {
    let place = place();
    let script = "logwatch -q -e FATAL l -- sh -c 'setsid sleep 61 & echo FATAL >>l'";
    place.script(script).code(1).stdout("FATAL\n").stderr("");
    assert_eq!(place.still_running(), Vec::<String>::new());
    // The same for whatever judges the start after the command has succeeded.
    let script =
        "logwatch -q -e FATAL --for 10s l -- sh -c 'setsid sh -c \"sleep 0.1; echo FATAL >>l; exec sleep 61\" &'";
    place.script(script).code(1).stdout("FATAL\n").stderr("");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn a_line_that_is_in_the_log_when_the_command_ends_is_still_judged() {
    let place = place();
    for _ in 0..20 {
        let script = "logwatch -e FATAL l -- sh -c 'printf FATAL >>l'; echo $?; rm l";
        assert_eq!(place.says(script), "FATAL\n1\n");
    }
}

#[test]
fn a_command_that_succeeded_waits_for_the_ready_line() {
    let place = place();
    let script = "logwatch --ready up l -- sh -c 'setsid sh -c \"sleep 0.1; echo up >>l\" & exit 0'";
    place.script(script).code(0).stdout("up\n").stderr("");
    let script = "logwatch --ready up --timeout 50ms l -- true";
    place.script(script).code(124).stdout("").stderr("logwatch: watch l: nothing was seen after 50 ms\n");
    place.script("logwatch --ready up l -- sh -c 'echo up >>l; sleep 0.1; exit 4'").code(4);
}

#[test]
fn an_orphan_that_a_real_time_signal_ends_is_reaped() {
    let place = place();
    place.write("orphan", "echo $$ >number; kill -40 $$");
    place.write("command", "(sh orphan &); until test -s number; do :; done; while kill -0 $(cat number) 2>/dev/null; do :; done; echo up >>l");
    place.script("logwatch --timeout 20s --ready up l -- sh command").code(0).stdout("up\n").stderr("");
}

#[test]
fn a_command_that_takes_too_long_is_ended() {
    let place = place();
    let said_ = place.sh("logwatch -e FATAL --timeout 50ms l -- sleep 61");
    let stderr = "logwatch: run sleep: not ended in time, so it was ended\n";
    assert_eq!(said_, said("", stderr, 124));
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn signals_reach_the_command_and_end_a_watch_without_one() {
    let place = place();
    let script =
        "logwatch -e FATAL l -- sh -c 'trap \"echo got it; exit 5\" TERM; : >l; while :; do sleep 0.01; done' &
        until [ -e l ]; do :; done; kill -TERM $!; wait $!";
    place.script(script).code(5).stdout("got it\n").stderr("");
    let script = format!("{WAITS} : >l; logwatch -e FATAL l & waits $!; kill -INT $!; kill -TERM $!; wait $!");
    place.script(&script).code(143);
}

#[test]
fn wrong_usage_is_64_and_says_why() {
    let place = place();
    for (script, why) in [
        ("logwatch l", "logwatch: watch: nothing to look for: give -e REGEX, --ready REGEX or -- COMMAND\n"),
        (
            "logwatch -e x -e 'a(b' l",
            "logwatch: read the pattern of -e: regex parse error:\n    a(b\n     ^\n    error: unclosed group\n",
        ),
        ("logwatch -e x - -- true", "logwatch: watch: stdin is COMMAND's own\n"),
        ("logwatch -e x --from 12 l", "logwatch: begin at --from: '12' is no cursor; --mark prints one\n"),
    ] {
        assert_eq!(place.sh(script), said("", why, 64), "{script}");
    }
    place.script("logwatch").code(64);
}

#[test]
fn what_is_no_log_is_refused() {
    let place = place();
    let script = "mkdir d; mkfifo f; logwatch -e x d; echo $?; logwatch -e x f; echo $?";
    place.script(script).code(0).stdout("125\n125\n").stderr(
        "logwatch: watch d: it is a directory\n\
             logwatch: watch f: it is a FIFO; read it through stdin (logwatch ... - < FIFO)\n",
    );
    place.script("logwatch -e x l -- ./nothing").code(127);
}

#[test]
fn several_logs_are_watched_and_the_line_says_which() {
    let place = place();
    let script = format!("{WAITS} : >a.log; logwatch -e FATAL a.log b.log & waits $!; echo FATAL >b.log; wait $!");
    place.script(&script).code(1).stdout("b.log:FATAL\n").stderr("");
    place.script("logwatch --no-follow --from start -e FATAL '*.log'").code(1).stdout("b.log:FATAL\n").stderr("");
    place
        .script("logwatch -e FATAL --must-exist '*.txt'")
        .code(125)
        .stdout("")
        .stderr("logwatch: watch *.txt: it does not exist\n");
}

/// From its end there would never be anything to judge.
#[test]
fn what_is_there_is_judged_from_the_start() {
    let place = place();
    place.write("l", "FATAL\n");
    place.script("logwatch --no-follow -e FATAL l").code(1).stdout("FATAL\n").stderr("");
    place.script("logwatch --no-follow --from end -e FATAL l").code(0).stdout("").stderr("");
}

#[test]
fn a_link_that_is_swapped_and_a_log_that_is_removed_and_made_again_are_followed() {
    let place = place();
    let script = format!(
        "{WAITS} mkdir 1 2; : >1/l; echo old FATAL >2/l; ln -s 1/l l; logwatch -e FATAL l & waits $!; ln -s 2/l new; mv new l; wait $!"
    );
    place.script(&script).code(1).stdout("old FATAL\n").stderr("");
    let script = format!("{WAITS} : >m; logwatch -e FATAL m & waits $!; rm m; sleep 0.05; echo FATAL >m; wait $!");
    place.script(&script).code(1).stdout("FATAL\n").stderr("");
    let script =
        format!("{WAITS} mkdir d; : >d/l; logwatch -e FATAL d/l & waits $!; mv d e; mkdir d; echo FATAL >d/l; wait $!");
    place.script(&script).code(1).stdout("FATAL\n").stderr("");
    let script = format!(
        "{WAITS} mkdir f; : >f/l; logwatch -e FATAL f/l & waits $!; rm -r f; mkdir f; echo FATAL >f/l; wait $!"
    );
    place.script(&script).code(1).stdout("FATAL\n").stderr("");
}

#[test]
fn late_lines_in_the_old_file_are_seen_while_the_new_one_is_followed() {
    let script = format!(
        "{WAITS} : >l; logwatch -v -e FATAL l 2>said & waits $!; mv l l.1; : >l; until grep -q another said; do :; done;
         echo FATAL >>l.1; wait $!"
    );
    place().script(&script).code(1).stdout("FATAL\n").stderr("");
}

#[test]
fn a_new_file_may_be_unreadable_for_a_moment() {
    if !needs_root() || !needs("setpriv", "util-linux") {
        return;
    }
    let place = place();
    let script = format!(
        "{WAITS} chmod 755 .; cp $(command -v logwatch) w; : >l; chmod 644 l;
         setpriv --reuid 65534 --clear-groups ./w -v -e FATAL l 2>said & waits $!; umask 077; mv l l.1; echo FATAL >l;
         until grep -q denied said; do :; done; chmod 644 l; wait $!"
    );
    place.script(&script).code(1).stdout("FATAL\n").stderr("");
    let script = "chmod 600 l; setpriv --reuid 65534 --clear-groups ./w -e FATAL l";
    place.script(script).code(125).stdout("").stderr("logwatch: open l: Permission denied\n");
}

#[test]
fn many_rotations_leave_neither_descriptors_nor_watches_behind() {
    let script = format!(
        "{WAITS} : >l; logwatch -v -e FATAL l 2>said & waits $!;
         for n in $(seq 200); do mv l l.1; echo $n >l; done;
         until tail -n1 said | grep -q another && [ $(ls /proc/$!/fd | wc -l) -lt 20 ]; do :; done;
         grep -c ^inotify /proc/$!/fdinfo/* | sort -t: -k2n | tail -n1 | cut -d: -f2 >watches; echo FATAL >>l; wait $!; cat watches"
    );
    let found = place().sh(&script);
    let watches: usize = found.stdout.strip_prefix("FATAL\n").unwrap().trim().parse().unwrap();
    assert!(watches < 20, "{found:?}");
}

#[test]
fn lines_written_while_rotation_goes_on_are_each_seen_once_and_in_order() {
    let place = place();
    let script = "logwatch -q --no-follow --cursor-file c -e FATAL l; n=0
        for g in $(seq 30); do
            for i in 1 2 3; do n=$((n+1)); echo \"FATAL $n\" >>l; done
            k=$g; while [ $k -gt 1 ]; do mv l.$((k-1)) l.$k; k=$((k-1)); done; mv l l.1
        done & (until logwatch --cursor-file c -e FATAL --ready END l; do :; done) & wait %1; echo END >l; wait $!";
    let wanted: String = (1..=90).map(|n| format!("FATAL {n}\n")).collect();
    place.script(script).code(0).stdout(format!("{wanted}END\n")).stderr("logwatch: l is not there\n");
}

#[test]
fn where_the_kernel_gives_no_hints_we_look_again_and_again() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    // A user namespace of its own has limits of its own.
    let script = "unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances && : >l && {
        logwatch -v -e FATAL l 2>said & until grep -q hints said; do :; done; sleep 0.05; echo FATAL >>l; wait $!; }'";
    let found = place.sh(script);
    assert_eq!((found.stdout.as_str(), found.code), ("FATAL\n", 1), "{found:?} {}", place.content("said"));
}

#[test]
fn a_hole_left_by_a_writer_that_does_not_append_is_skipped() {
    let place = place();
    // 560 KB, then nothing of them, then a line where the writer thinks that the end is.
    let script = format!(
        "{WAITS} exec 3>l; seq 98304 >&3; logwatch --json -e FATAL l & waits $!; : >l; echo FATAL >&3; wait $!"
    );
    let found = place.sh(&script);
    assert!(found.stdout.contains("\"offset\":57") && found.stdout.ends_with("FATAL\"}\n"), "{found:?}");
    assert!(found.stdout.len() < 30_000, "{}", found.stdout.len());
}

#[test]
fn a_log_that_an_overlay_copies_up_is_followed() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    // A directory in memory: an overlay on an overlay, as in a container, would not do.
    let script = format!(
        "{WAITS} mkdir m; unshare -m sh -c 'mount -t tmpfs none m && cd m && mkdir lower upper work log && echo old >lower/l &&
         mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work none log || exit 99
         logwatch -e FATAL log/l & until grep -q inotify /proc/$!/fdinfo/* 2>/dev/null; do :; done; sleep 0.05
         echo FATAL >>log/l; wait $!'"
    );
    place.script(&script).code(1).stdout("FATAL\n").stderr("");
}

#[test]
fn a_log_whose_directory_is_unmounted_and_mounted_again_is_followed() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    // The kernel gives no hint of a mount: what wakes us here is another log, otherwise the look that comes anyway.
    let script = "mkdir m; : >other; unshare -m --propagation private sh -c 'mount -t tmpfs none m; : >m/l
         logwatch -e FATAL m/l other & until grep -q inotify /proc/$!/fdinfo/* 2>/dev/null; do :; done; sleep 0.05
         umount -l m; mount -t tmpfs none m; echo FATAL >m/l; echo fine >>other; wait $!'";
    place().script(script).code(1).stdout("m/l:FATAL\n").stderr("");
}

#[test]
fn every_line_is_seen_through_rotation_after_rotation() {
    let place = place();
    // All the lines before the one that is awaited are shown; 20 files, with 1,000 lines each.
    let script = format!(
        "{WAITS} : >l; logwatch -C 30000 --ready END l >seen & waits $!; n=0
         for g in $(seq 20); do
             for part in 1 2 3 4; do seq -f 'line %.0f' $((n+1)) $((n+250)) >>l; n=$((n+250)); done
             k=$g; while [ $k -gt 1 ]; do mv l.$((k-1)) l.$k; k=$((k-1)); done; mv l l.1; : >l
         done; echo END >>l; wait $!; echo $?; {{ seq -f 'line %.0f' 20000; echo END; }} | cmp - seen"
    );
    place.script(&script).code(0).stdout("0\n").stderr("");
}

#[test]
fn memory_is_bounded_while_a_log_grows_and_rotates() {
    let place = place();
    // 64 MiB, a quarter of it without a newline, through eight rotations; the most that was ever resident.
    let script = format!(
        "{WAITS} : >l; logwatch -e 'FATAL$' --ready END l & waits $!
         for g in $(seq 8); do
             yes 'a line of an ordinary length, as daemons write them' | head -c 6291456 >>l
             head -c 2097152 /dev/zero | tr '\\0' x >>l; echo >>l; mv l l.1; : >l
             waits $!
         done; grep VmHWM /proc/$!/status >most; echo END >>l; wait $!"
    );
    place.script(&script).code(0).stdout("END\n").stderr("");
    let most: u64 = place.content("most").split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(most < 32_000, "{most} kB"); // a debug build is itself larger than one that is shipped
}

#[test]
fn the_archives_of_a_log_that_is_there_are_not_looked_for_at_the_start() {
    if !needs("strace", "strace") {
        return;
    }
    let place = place();
    place.write("l", "x\n");
    // A directory that has changed in this very tick of the clock would be listed, to know the archives that are there.
    let script = "mkdir d; touch -d '1 minute ago' .
        strace -f -e trace=getdents64 -o d/calls logwatch -e FATAL --timeout 0 l; grep -c getdents d/calls";
    place.script(script).stdout("0\n");
}

#[test]
fn a_program_among_the_logs_is_answered_with_what_was_meant() {
    let place = place();
    place
        .script("echo well >l; logwatch -e x l true --for 10ms")
        .code(0)
        .stderr(predicates::str::contains("logwatch: there is no log true, but a program; did you mean: -- true\n"));
    place.script(": >true; logwatch -e x l true --for 10ms").code(0).stderr("");
}
