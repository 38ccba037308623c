//! What is found in a log, and how it is shown.

use crate::common::{place, said};
use tests::needs;

const ALL: &str = "logwatch --no-follow --from start";

#[test]
fn every_line_that_matches_is_shown_and_no_other() {
    let place = place();
    place.write("l", "errors=0\nERROR one\nFatal two\nfine\nerror three, errors=0\n");
    place.script(&format!("{ALL} -e ERROR -e Fatal l")).code(1).stdout("ERROR one\nFatal two\n").stderr("");
    place.script(&format!("{ALL} -i -e error --ignore ERRORS=0 l")).code(1).stdout("ERROR one\n").stderr("");
    place.script(&format!("{ALL} -e panic l")).code(0).stdout("").stderr("");
    place
        .script(&format!("{ALL} -i -e error --max-lines 1 l"))
        .code(1)
        .stdout("errors=0\n")
        .stderr("logwatch: more lines were found than are shown: 2\n");
}

#[test]
fn without_following_the_ready_line_is_there_or_not() {
    let place = place();
    place.write("l", "x\nready\nFATAL\n");
    place.script(&format!("{ALL} --ready ready l")).code(0).stdout("ready\n").stderr("");
    place.script(&format!("{ALL} --ready ready -e FATAL l")).code(0).stdout("ready\n").stderr("");
    place.script(&format!("{ALL} --ready ready -e x l")).code(1).stdout("x\n").stderr("");
    place.script(&format!("{ALL} --ready never l")).code(1).stdout("").stderr("");
}

#[test]
fn anchors_are_those_of_the_line_also_of_one_that_ends_in_cr_lf() {
    let place = place();
    place.write("l", "failed\r\nfailed again\r\nit failed\r\n");
    place.script(&format!("{ALL} -e '^failed$' l")).code(1).stdout("failed\r\n").stderr("");
    place.script(&format!("{ALL} -e 'failed$' l")).code(1).stdout("failed\r\nit failed\r\n").stderr("");
    place.script(&format!("{ALL} -e 'failed[^x]*failed' l")).code(0).stdout("").stderr("");
}

#[test]
fn bytes_that_are_no_text_are_judged_and_shown_as_they_are() {
    let place = place();
    place.write("l", b"\xff\xfd\0 FATAL \x80\n");
    let found = place.sh(&format!("{ALL} -e FATAL l | od -An -tx1"));
    assert_eq!(found, said(" ff fd 00 20 46 41 54 41 4c 20 80 0a\n", "", 0));
    let found = place.sh(&format!("{ALL} --json -e 'FATAL \\x80|(?-u:\\xff)' l"));
    assert!(found.stdout.contains("\"base64\":\"//0AIEZBVEFMIIA=\""), "{found:?}");
}

#[test]
fn a_line_longer_than_any_buffer_is_judged_to_its_end_in_bounded_memory() {
    let place = place();
    // 64 MiB without a newline; the address space is held at 300 MiB less than what a whole line would take twice.
    let line = |end: &str| format!("{{ head -c 67108864 /dev/zero | tr '\\0' x; echo '{end}'; echo after FATAL; }} >l");
    let found = place.sh(&format!("{}; ulimit -v 60000; {ALL} --json -e 'FATAL$' l", line(" FATAL")));
    assert_eq!(found.stdout.lines().count(), 2);
    assert!(found.stdout.ends_with("\"line\":\"after FATAL\"}\n"), "{}", found.code);
    place.script(&format!("{}; {ALL} -e '^FATAL|x$|^x+y|^ ' l", line(" y"))).code(0).stdout("").stderr("");
    let found = place.sh(&format!(
        "{{ printf 'FATAL '; head -c 3000000 /dev/zero; echo; echo FATAL; }} >l; {ALL} -e 'FATAL.*' l | wc -l"
    ));
    assert_eq!(found, said("2\n", "", 0));
}

#[test]
fn a_long_log_is_judged_like_a_short_one() {
    let place = place();
    // 11 MB, of which most is skipped by a search on all processors; the truth comes from grep.
    let fill = "seq 1500000 | sed 's/7777$/FATAL &/; s/^1000000$/FATAL/' >l; printf 'FATAL unfinished' >>l; grep FATAL l >wanted";
    place.says(fill);
    let wanted = place.content("wanted");
    assert!(wanted.lines().count() > 30);
    place.script(&format!("{ALL} -e FATAL l")).code(1).stdout(wanted.clone()).stderr("");
    place.script(&format!("{ALL} -i -e fatal -e panic --cursor-file c l")).code(1).stdout(wanted.clone()).stderr("");
    place.script(&format!("echo >>l; {ALL} -e FATAL --cursor-file c l")).code(0).stdout("").stderr("");
    let ten = "-e error -e fatal -e panic -e denied -e corrupt -e refused -e timeout -e segv -e abort -e nospace";
    place.script(&format!("{ALL} -i {ten} l")).code(1).stdout(wanted.clone()).stderr("");
    // A line longer than what is read at once, in the middle of the others.
    let longer = "{ cat l; echo; head -c 700000 /dev/zero | tr '\\0' x; echo; cat l; echo; } >m; grep FATAL m >wanted";
    place.says(longer);
    place.script(&format!("{ALL} -e FATAL m")).code(1).stdout(place.content("wanted")).stderr("");
    place.script(&format!("{ALL} --ready '100FATAL 7777' m")).code(0).stdout("100FATAL 7777\n").stderr("");
    place.script(&format!("{ALL} -e '^[0-9]*0$' --max-lines 3 l")).stdout("10\n20\n30\n");
    assert_eq!(
        place.says(&format!("{ALL} -e 0 l | md5sum; {ALL} -e . l | md5sum")),
        place.says("grep 0 l | md5sum; grep . l | md5sum")
    );
}

#[test]
fn lines_around_are_shown_once_each_with_a_mark_where_some_were_left_out() {
    let place = place();
    place.write("l", "1\n2\n3\nFATAL a\n5\nFATAL b\n7\n8\n9\n10\nFATAL c");
    place
        .script(&format!("{ALL} -C 1 -e FATAL l"))
        .code(1)
        .stdout("3\nFATAL a\n5\nFATAL b\n7\n--\n10\nFATAL c\n")
        .stderr("");
    place.script("logwatch --from start -C 2 -e FATAL l").code(1).stdout("2\n3\nFATAL a\n5\nFATAL b\n").stderr("");
}

#[test]
fn a_record_of_several_lines_is_judged_and_shown_whole() {
    let place = place();
    let log = "2026-01-01 fine\n2026-01-02 ERROR\n  File x\nValueError: bad\n2026-01-03 fine\n2026-01-04 last\n  ValueError\n";
    place.write("l", log);
    let record = "2026-01-02 ERROR\n  File x\nValueError: bad\n";
    let start = "--start '^\\d{4}-'";
    place
        .script(&format!("{ALL} {start} -e ValueError l"))
        .code(1)
        .stdout(format!("{record}2026-01-04 last\n  ValueError\n"))
        .stderr("");
    place.script(&format!("{ALL} {start} -e '(?s)ERROR.*bad$' l")).code(1).stdout(record).stderr("");
    place.script(&format!("{ALL} {start} -e '(?s)fine.*ERROR' l")).code(0).stdout("").stderr("");
    // The last record is over when nothing more comes.
    place
        .script(&format!("logwatch {start} --from start -e 'last' l"))
        .code(1)
        .stdout("2026-01-04 last\n  ValueError\n")
        .stderr("");
}

#[test]
fn a_python_traceback_is_shown_whole_while_it_is_being_written() {
    if !needs("python3", "python3") {
        return;
    }
    let place = place();
    place.write("d.py", "import logging\nlogging.basicConfig(filename='l', format='%(asctime)s %(message)s')\n\
        logging.error('begin')\ntry:\n    1/0\nexcept ZeroDivisionError:\n    logging.exception('it broke')\nlogging.error('end')\n");
    let found = place.sh("logwatch -q --start '^\\d{4}-' -e ZeroDivisionError l -- python3 d.py");
    let lines: Vec<&str> = found.stdout.lines().collect();
    assert!(lines[0].ends_with("it broke") && lines[1].starts_with("Traceback"), "{found:?}");
    assert_eq!((lines.last(), found.code), (Some(&"ZeroDivisionError: division by zero"), 1));
}

#[test]
fn the_groups_of_the_ready_line_are_the_answer() {
    let place = place();
    place.write("l", "x\nlistening on 127.0.0.1 port 7000\r\n");
    let ready = "logwatch --from start --capture";
    assert_eq!(place.says(&format!("{ready} --ready 'port (\\d+)' l")), "7000\n");
    assert_eq!(place.says(&format!("{ready} --ready 'on (\\S+) port (.*)$' l")), "127.0.0.1\t7000\n");
    place
        .script(&format!("{ready} --ready port l"))
        .code(64)
        .stdout("")
        .stderr("logwatch: watch: --capture needs a group in the pattern of --ready, such as 'port (\\d+)'\n");
}

#[test]
fn json_says_where_a_line_is_and_which_pattern_it_matches() {
    let place = place();
    place.write("l", "x\n\"FATAL\"\tone\nready 8\n");
    assert_eq!(
        place
            .sh("logwatch --from start --json -e panic -e FATAL l; logwatch --from start --json --ready 'ready (.)' l"),
        said(
            "{\"event\":\"error\",\"log\":\"l\",\"file\":\"l\",\"offset\":2,\"line_number\":2,\"pattern\":1,\"regex\":\"FATAL\",\
             \"line\":\"\\\"FATAL\\\"\\tone\"}\n\
             {\"event\":\"ready\",\"log\":\"l\",\"file\":\"l\",\"offset\":14,\"line_number\":3,\"line\":\"ready 8\",\"captures\":[\"8\"]}\n",
            "",
            0
        )
    );
}

#[test]
fn json_numbers_the_lines_of_what_is_read_from_its_beginning() {
    let place = place();
    let numbers = "sed -n 's/.*\"line_number\":\\([0-9]*\\).*/\\1/p'";
    // Long enough to be judged on all processors; the last lines are judged in order.
    place.says("seq 1500000 | sed 's/7777$/& FATAL/' >l; echo last FATAL >>l; grep -n FATAL l | cut -d: -f1 >wanted");
    assert_eq!(place.says(&format!("{ALL} --json -e FATAL l | {numbers}")), place.content("wanted"));
    // From a cursor, or from the end, nobody has counted.
    let script = format!("c=$(logwatch --mark l); echo FATAL >>l; logwatch --json --from $c -e FATAL l | {numbers}");
    assert_eq!(place.says(&script), "");
    let script = format!(
        "mv l l.1; echo x >l; gzip l.1; echo FATAL >>l; logwatch --json --from $(cat c) -e FATAL l | {numbers}"
    );
    assert_eq!(place.says(&format!("logwatch --mark l >c; {script}")), "2\n");
}

#[test]
fn a_terminal_obeys_nothing_in_a_log() {
    if !needs("script", "bsdutils") {
        return;
    }
    let place = place();
    place.write("l", "\x1b]0;title\x07FATAL \x1b[2Jgone\n");
    let found = place.sh(&format!("script -qec \"{ALL} --color never -e FATAL l\" /dev/null </dev/null"));
    assert_eq!(found.stdout, "\\x1b]0;title\\x07FATAL \\x1b[2Jgone\r\n");
    let found = place.sh(&format!("script -qec \"{ALL} -e FATAL l\" /dev/null </dev/null"));
    assert_eq!(found.stdout, "\\x1b]0;title\\x07\x1b[1;31mFATAL\x1b[0m \\x1b[2Jgone\r\n");
    let found = place.sh(&format!("NO_COLOR=1 script -qec \"{ALL} -e FATAL l\" /dev/null </dev/null"));
    assert!(!found.stdout.contains('\x1b'), "{found:?}");
}

#[test]
fn stdin_is_judged_while_it_comes_and_to_its_end() {
    let place = place();
    place
        .script("mkfifo f; logwatch -e FATAL - <f & exec 3>f; echo FATAL >&3; wait $!")
        .code(1)
        .stdout("FATAL\n")
        .stderr("");
    place.script("printf 'x\\nFATAL' | logwatch -e FATAL -").code(1).stdout("FATAL\n").stderr("");
    place.script("echo fine | logwatch -e FATAL -").code(0).stdout("").stderr("");
    place.script("echo fine | logwatch --ready up -").code(1).stdout("").stderr("");
    place
        .script("printf 'FATAL 1\\nFATAL 2\\n' | logwatch --no-follow -e FATAL -")
        .code(1)
        .stdout("FATAL 1\nFATAL 2\n")
        .stderr("");
}

#[test]
fn no_error_for_long_enough_is_success_and_no_growth_is_not() {
    let place = place();
    place.write("l", "FATAL old\n");
    place.script("logwatch -e FATAL --for 50ms l").code(0).stdout("").stderr("");
    place.script("logwatch -e FATAL --for 50ms l -- true").code(0).stdout("").stderr("");
    place.script("logwatch -e FATAL --for 60 l -- sh -c 'setsid sh -c \"sleep 0.1; echo FATAL >>l\" &'").code(1);
    place
        .script("logwatch -e FATAL --idle 50ms l")
        .code(124)
        .stdout("")
        .stderr("logwatch: watch l: it did not grow after 50 ms\n");
    let idle = "logwatch: run sleep: the log did not grow any more, so it was ended\n";
    place.script("logwatch -e FATAL --idle 50ms l -- sleep 61").code(124).stdout("").stderr(idle);
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn a_process_that_is_gone_ends_the_watch_and_its_last_words_are_judged_first() {
    let place = place();
    let script = "sh -c 'until [ -e go ]; do :; done; printf \"$1\" >>l' sh \"$WORDS\" & logwatch -e FATAL --while pid:$! --from start l & touch go; wait $!";
    for _ in 0..10 {
        place.script(&format!("rm -f go l; : >l; WORDS=FATAL; {script}")).code(1);
        let found = place.sh(&format!("rm -f go l; : >l; WORDS=fine; {script}"));
        assert_eq!((found.stdout.as_str(), found.code), ("", 3), "{found:?}");
    }
    place
        .script("logwatch -e FATAL --while pidfile:p l")
        .code(3)
        .stdout("")
        .stderr("logwatch: watch l: pidfile:p is not running any more\n");
}
