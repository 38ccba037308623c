//! What a line is: after a hole, after a byte order mark, without its end, with escape sequences; and how many decide.

use crate::common::{WAITS, place, said};

/// What cron runs.
const CHECK: &str = "logwatch --no-follow --cursor-file c -e FATAL l";

#[test]
fn nuls_that_a_truncation_leaves_are_no_part_of_the_first_line() {
    let place = place();
    for nuls in [1, 100, 5000, 300_000] {
        // Written, not a hole, as in an archive that was copied.
        let script = format!(
            "{{ head -c {nuls} /dev/zero; echo 'ERROR one'; echo 'ERROR two'; }} >l; logwatch --no-follow -e '^ERROR' l; \
             rm -f c; head -c {nuls} /dev/zero >l; logwatch --no-follow --cursor-file c -e '^ERROR' l; \
             echo 'ERROR three' >>l; logwatch --no-follow --cursor-file c -e '^ERROR' l"
        );
        assert_eq!(place.sh(&script), said("ERROR one\nERROR two\nERROR three\n", "", 1), "{nuls}");
    }
    let script = "{ head -c 9000000 /dev/zero; echo 'ERROR one'; yes fine | head -c 9000000; } >l; logwatch --no-follow -e '^ERROR' l";
    place.script(script).code(1).stdout("ERROR one\n").stderr("");
    let script = "{ head -c 100 /dev/zero; printf '2026-11-25 a\\n FATAL\\n'; } >l; logwatch --no-follow --start '^2026' -e FATAL l";
    place.script(script).code(1).stdout("2026-11-25 a\n FATAL\n").stderr("");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_line() {
    let place = place();
    place.write("l", "\u{feff}FATAL one\nFATAL two\n");
    place.script("logwatch --no-follow -e '^FATAL' l").code(1).stdout("FATAL one\nFATAL two\n").stderr("");
}

#[test]
fn a_record_that_is_still_being_written_is_not_judged_half() {
    let place = place();
    let check = "logwatch --no-follow --cursor-file c --start '^2026' -e '(?s)Traceback.*boom' l";
    let script = format!(
        "printf '2026 a\\nTraceback\\n' >l; (sleep 0.05; printf ' at x\\n' >>l; sleep 0.1; printf ' boom\\n' >>l) & {check}; echo $?; {check}"
    );
    assert_eq!(place.sh(&script), said("2026 a\nTraceback\n at x\n boom\n1\n", "", 0));
}

#[test]
fn the_nth_ready_line_decides() {
    let place = place();
    let script = format!(
        "{WAITS} echo ready >l; logwatch --from start --ready ready --count 2 l & waits $!; echo ready again >>l; wait $!"
    );
    place.script(&script).code(0).stdout("ready again\n").stderr("");
    place.script("logwatch --no-follow --ready ready --count 3 l").code(1).stdout("").stderr("");
    place.script("logwatch --no-follow -e x --ready ready --count 2 l").code(0).stdout("ready again\n").stderr("");
}

#[test]
fn so_many_errors_decide_within_so_much_time() {
    let place = place();
    place.write("l", "FATAL 1\nFATAL 2\n");
    place.script("logwatch --no-follow -e FATAL --count 3 l").code(0).stdout("FATAL 1\nFATAL 2\n").stderr("");
    place.script("logwatch --no-follow -e FATAL --count 2 l").code(1).stdout("FATAL 1\nFATAL 2\n").stderr("");
    let script = format!(
        "{WAITS} : >l; logwatch -e FATAL --count 2 --within 200ms l & waits $!; echo FATAL 3 >>l; sleep 0.4; echo FATAL 4 >>l; echo FATAL 5 >>l; wait $!"
    );
    place.script(&script).code(1).stdout("FATAL 3\nFATAL 4\nFATAL 5\n").stderr("");
    place.script("logwatch -e FATAL --within 1s l").code(64);
}

#[test]
fn stdin_is_drained_so_that_its_writer_does_not_die() {
    let place = place();
    let script = "{ echo READY; sleep 0.1; yes | head -c 1000000; echo $? >writer; } | logwatch --ready READY --drain -; cat writer";
    place.script(script).code(0).stdout("READY\n0\n").stderr("");
}

#[test]
fn the_message_about_look_around_says_what_helps() {
    let place = place();
    let hint = "to except lines that match REGEX, give --ignore REGEX";
    let refused = |regex: &str| place.sh(&format!("logwatch -e '{regex}' l"));
    let around = refused("ERROR(?!=0)");
    assert!(around.code == 64 && around.stderr.contains(hint), "{around:?}");
    // The word alone, which the message quotes, is no reason for the hint.
    let word = refused("(look-around");
    assert!(word.code == 64 && word.stderr.contains("look-around") && !word.stderr.contains(hint), "{word:?}");
}

#[test]
fn a_log_that_never_came_is_told_of_although_nothing_else_is() {
    let place = place();
    for options in ["--for 50ms", "--for 50ms -q", "--no-follow -q"] {
        place.script(&format!("logwatch -e FATAL {options} l")).code(0).stdout("").stderr("logwatch: l is not there\n");
    }
    place
        .script("logwatch -e FATAL --for 50ms --must-exist l")
        .code(125)
        .stderr("logwatch: watch l: it does not exist\n");
    place.script(&format!("{CHECK} --must-exist")).code(125);
}

#[test]
fn a_signal_ends_a_watch_that_has_nothing_to_undo_by_its_default_action() {
    let place = place();
    for (signal, code) in [("TERM", 143), ("HUP", 129)] {
        let script = format!(
            "{WAITS} : >l; logwatch -e FATAL l & waits $!; grep SigBlk /proc/$!/status; kill -s {signal} $!; wait $!; echo $?"
        );
        assert_eq!(place.sh(&script).stdout, format!("SigBlk:\t0000000000000000\n{code}\n"));
    }
}

#[test]
fn plain_text_is_matched_captured_and_printed_without_colours() {
    let place = place();
    place.write("l", "\x1b[31mERROR\x1b[0m one\nfine \x1b[1m\nport \x1b[4m70\x1b[0m00 open\n");
    place.script("logwatch --no-follow --plain -e '^ERROR one$' l").code(1).stdout("ERROR one\n").stderr("");
    place.script("logwatch --no-follow -e '^ERROR one$' l").code(0).stdout("").stderr("");
    let capture = "logwatch --no-follow --plain --ready '^port (\\d+)' --capture l";
    place.script(capture).code(0).stdout("7000\n").stderr("");
    let script = "printf '\\033[1m2026 a\\033[0m\\n \\033[31mERROR\\033[0m\\n\\033[1m2026 b\\n' >l; logwatch --no-follow --plain --start ^2026 -e ERROR l";
    place.script(script).code(1).stdout("2026 a\n ERROR\n").stderr("");
}

#[test]
fn a_line_may_end_in_cr_lf() {
    let place = place();
    place.write("l", "FATAL one\r\nport 7000\r\n");
    place.script("logwatch --no-follow -e 'one$' l").code(1).stdout("FATAL one\r\n").stderr("");
    place.script("logwatch --no-follow --ready 'port (.*)$' --capture l").code(0).stdout("7000\n").stderr("");
}

#[test]
fn a_log_in_utf_16_with_a_byte_order_mark_is_read() {
    let place = place();
    for (mark, code) in [("\\377\\376", "UTF-16LE"), ("\\376\\377", "UTF-16BE")] {
        let append = |line: &str| format!("printf '{line}\\n' | iconv -f UTF-8 -t {code} >>l;");
        let script = format!(
            "rm -f l* c; printf '{mark}' >l; {} {} {CHECK}; {} {CHECK}; {CHECK}; echo $?; mv l l.1; printf '{mark}' >l; {} {CHECK}",
            append("fine ä 漢字 🦀"),
            append("FATAL ä"),
            append("FATAL 漢字 🦀"),
            append("FATAL three")
        );
        assert_eq!(place.sh(&script), said("FATAL ä\nFATAL 漢字 🦀\n0\nFATAL three\n", "", 1), "{code}");
    }
    let script = format!(
        "{WAITS} logwatch -e '^FATAL' l & waits $!; printf 'FATAL four\\n' | iconv -f UTF-8 -t UTF-16BE >>l; wait $!"
    );
    place.script(&script).code(1).stdout("FATAL four\n").stderr("");
}
