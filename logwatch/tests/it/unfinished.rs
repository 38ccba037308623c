//! A line without its end, and a record that is not over: judged after a silence, and again as a whole when it has grown.

use crate::common::{WAITS, place, said};

/// Longer than the silence after which a line without its end is judged.
const SILENCE: &str = "sleep 0.4";

/// Follows `l`, which is empty at first, while it is written to.
fn follow(options: &str, writes: &[&str]) -> String {
    let write: Vec<String> = writes.iter().map(|text| format!("printf '{text}' >>l")).collect();
    let write = write.join(&format!("; {SILENCE}; "));
    format!("{WAITS} : >l; logwatch {options} l & waits $!; {write}; wait $!")
}

#[test]
fn a_line_without_its_end_is_judged_after_a_silence_and_again_when_it_has_grown() {
    let place = place();
    place.script(&follow("--ready 'login: $'", &["login: "])).code(0).stdout("login: \n").stderr("");
    let script = follow("--ready 'done$'", &["10%%\\r50%%", "\\rdone"]);
    place.script(&script).code(0).stdout("10%\r50%\rdone\n").stderr("");
    // A ready line that does not decide yet, and becomes an error.
    let script = follow("--ready up --count 2 -e failed", &["up", " failed\\n"]);
    place.script(&script).code(1).stdout("up failed\n").stderr("");
}

#[test]
fn a_line_that_has_grown_is_counted_once_and_printed_whole() {
    let place = place();
    let count = "-e ERROR --count 2";
    let script = follow(count, &["ERROR a", " and ERROR b", " c\\n", "ERROR d"]);
    place.script(&script).code(1).stdout("ERROR a and ERROR b c\nERROR d\n").stderr("");
    let script = follow(count, &["10%%\\rERROR 1", "\\rERROR 2", "\\rdone\\n", "ERROR 3"]);
    place.script(&script).code(1).stdout("10%\rERROR 1\rERROR 2\rdone\nERROR 3\n").stderr("");
    let script = follow("--ready up --count 2", &["up", " soon\\n", "up\\n"]);
    place.script(&script).code(0).stdout("up\n").stderr("");
    // What is no error when it is whole was none.
    let script = follow(&format!("{count} --ignore harmless"), &["ERROR", " harmless\\nERROR a\\n", "ERROR b\\n"]);
    place.script(&script).code(1).stdout("ERROR a\nERROR b\n").stderr("");
}

#[test]
fn lines_without_their_ends_in_two_logs_decide_together() {
    let place = place();
    let script = format!(
        "{WAITS} : >a; : >b; logwatch -e ERROR --count 2 a b & waits $!; printf 'ERROR 1' >>b; printf 'ERROR 2' >>a; wait $!"
    );
    place.script(&script).code(1).stdout("a:ERROR 2\nb:ERROR 1\n").stderr("");
}

#[test]
fn a_record_that_has_grown_is_counted_once_and_printed_whole() {
    let place = place();
    let start = "--start '^2026' --count 2 -e";
    let script = follow(&format!("{start} ERROR"), &["2026 a ERROR\\n", " more ERROR\\n 2", "0\\n2026 b ERROR\\n"]);
    place.script(&script).code(1).stdout("2026 a ERROR\n more ERROR\n 20\n2026 b ERROR\n").stderr("");
    let script = follow("--start '^2026' -e '(?s)Trace.*boom'", &["2026 a\\nTrace\\n", " boom\\n"]);
    place.script(&script).code(1).stdout("2026 a\nTrace\n boom\n").stderr("");
    let script = follow(&format!("{start} ERROR"), &["2026 a ERROR\\n2026 b", " ERROR\\n"]);
    place.script(&script).code(1).stdout("2026 a ERROR\n2026 b ERROR\n").stderr("");
}

#[test]
fn a_run_that_ends_at_a_line_without_its_end_judges_it_and_a_run_that_is_ended_leaves_it() {
    let place = place();
    let watch = "logwatch -q --cursor-file c -e ERROR --count 2";
    let script = format!(
        "printf 'ERROR a' >l; {watch} --timeout 400ms l 2>&-; echo ' b' >>l; {watch} --timeout 0 l 2>&-; echo $?"
    );
    assert_eq!(place.sh(&script), said("ERROR a\n124\n", "", 0));
    let script = format!(
        "{WAITS} rm c; : >l; {watch} l & waits $!; printf 'ERROR a' >>l; {SILENCE}; kill $!; wait $!; echo ' b' >>l; \
         {watch} --timeout 0 l 2>&-"
    );
    place.script(&script).code(124).stdout("ERROR a b\n");
    // A line of another log decides.
    let script = format!(
        "{WAITS} rm c; : >l; : >m; logwatch --cursor-file c -e ERROR l m & waits $!; printf 'so ER' >>l; {SILENCE}; \
         printf ERROR >>m; wait $!; echo ROR >>l; logwatch --cursor-file c -e ERROR l m"
    );
    assert_eq!(place.sh(&script), said("m:ERROR\nl:so ERROR\n", "", 1));
}

#[test]
fn a_ready_line_without_its_end_as_the_command_ends_is_counted_once() {
    let place = place();
    let script = "logwatch --ready up --count 2 --timeout 400ms l -- sh -c 'printf up >>l; setsid sh -c \"sleep 0.1; echo >>l\" &'";
    place.script(script).code(124).stdout("").stderr("logwatch: watch l: nothing was seen after 400 ms\n");
    let script = "rm l; logwatch --ready up --count 2 -e failed l -- sh -c 'printf up >>l; setsid sh -c \"sleep 0.1; echo \\ failed >>l\" &'";
    place.script(script).code(1).stdout("up failed\n").stderr("");
}

#[test]
fn a_line_that_is_still_being_written_is_not_judged_half() {
    let place = place();
    let check = "logwatch --no-follow --cursor-file c -e FATAL l";
    let script = format!("printf 'FATAL half' >l; (sleep 0.05; echo ' and whole' >>l) & {check}; echo $?; {check}");
    assert_eq!(place.sh(&script), said("FATAL half and whole\n1\n", "", 0));
}

#[test]
fn an_unfinished_record_in_an_old_file_that_is_compressed_is_counted_once() {
    let place = place();
    let script = format!(
        "{WAITS} : >l; logwatch --start '^2026' -e ERROR --count 3 l & waits $!; echo '2026 a ERROR' >>l; {SILENCE}
         mv l l.1; echo '2026 b' >l; gzip l.1; {SILENCE}; echo '2026 c ERROR' >>l; echo '2026 d ERROR' >>l; wait $!"
    );
    place.script(&script).code(1).stdout("2026 a ERROR\n2026 c ERROR\n2026 d ERROR\n").stderr("");
}
