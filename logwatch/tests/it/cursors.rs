//! A place that is found again: from run to run, through rotation as logrotate(8) really does it.

use crate::common::{place, said};
use tests::{needs, needs_root};

/// What cron runs.
const CHECK: &str = "logwatch --no-follow --cursor-file c -e FATAL l";

const GAP: &str = "logwatch: follow l: gap: the place is lost, lines may be missing\n";

#[test]
fn each_line_is_judged_once_from_run_to_run() {
    let place = place();
    place.write("l", "FATAL one\nfine\nFATAL two\n");
    place.script(CHECK).code(1).stdout("FATAL one\nFATAL two\n").stderr("");
    place.script(CHECK).code(0).stdout("").stderr("");
    place.script(&format!("echo FATAL three >>l; {CHECK}")).code(1).stdout("FATAL three\n").stderr("");
    place.script(&format!("echo fine >>l; {CHECK}")).code(0).stdout("").stderr("");
}

#[test]
fn the_first_run_begins_where_from_says() {
    let place = place();
    place.write("l", "FATAL old\n");
    place.script(&format!("{CHECK} --from end; echo FATAL new >>l; {CHECK}")).code(1).stdout("FATAL new\n").stderr("");
}

#[test]
fn an_unfinished_line_is_judged_whole_and_once() {
    let place = place();
    let said_ = place.sh(&format!("printf 'so FA' >l; {CHECK} && echo 'TAL it is' >>l; {CHECK}; {CHECK}; echo $?"));
    assert_eq!(said_, said("so FATAL it is\n0\n", "", 0));
    // One that was found although it was unfinished is not found again when it is finished.
    let said_ = place.sh(&format!("printf 'FATAL half' >>l; {CHECK}; echo ' and FATAL half' >>l; {CHECK}; echo $?"));
    assert_eq!(said_, said("FATAL half\n0\n", "", 0));
}

#[test]
fn rotation_between_two_runs_loses_nothing_and_doubles_nothing() {
    let place = place();
    place.write("l", "FATAL 1\n");
    place.script(CHECK).stdout("FATAL 1\n");
    let rotate = "for n in 3 2 1; do [ -e l.$n ] && mv l.$n l.$((n+1)); done; mv l l.1;";
    // Two rotations and more between two runs; the daemon still writes into the old file after the last.
    let script = format!(
        "echo FATAL 2 >>l; {rotate} echo FATAL 3 >l; {rotate} echo FATAL 4 >l; {CHECK}; echo FATAL 5 >>l; {rotate}
         : >l; {CHECK}; echo FATAL late >>l.1; echo FATAL 6 >>l; {CHECK}; {CHECK}; echo $?"
    );
    place.script(&script).code(0).stdout("FATAL 2\nFATAL 3\nFATAL 4\nFATAL 5\nFATAL late\nFATAL 6\n0\n").stderr("");
}

#[test]
fn a_reused_inode_and_a_file_grown_past_the_place_are_told_from_the_same_file() {
    let place = place();
    // The same inode, and longer than before: only the bytes before the place tell.
    let script = format!("echo FATAL 1 >l; {CHECK}; echo FATAL 2, and longer >l; {CHECK}; {CHECK}; echo $?");
    place.script(&script).code(0).stdout("FATAL 1\nFATAL 2, and longer\n0\n").stderr(GAP);
    // Copied and truncated: the place is in the copy.
    let script =
        format!("echo FATAL 3 >>l; cp l l.1; echo FATAL 4 instead of what was there >l; {CHECK}; {CHECK}; echo $?");
    place.script(&script).code(0).stdout("FATAL 3\nFATAL 4 instead of what was there\n0\n").stderr("");
}

#[test]
fn a_lost_place_is_said_aloud_and_nothing_known_is_skipped() {
    let place = place();
    let script = format!("echo FATAL 1 >l; {CHECK}; rm l; echo FATAL 2 >l.1; echo FATAL 3 >l; {CHECK} -q");
    place.script(&script).code(1).stdout("FATAL 1\nFATAL 2\nFATAL 3\n").stderr(GAP);
    let said_ = place.sh(&format!("rm l*; echo FATAL 4 >l; {CHECK} --json"));
    let json = "{\"event\":\"gap\",\"log\":\"l\"}\n{\"event\":\"error\",\"log\":\"l\",\"file\":\"l\",\"offset\":0,\
                \"line_number\":1,\"pattern\":0,\"regex\":\"FATAL\",\"line\":\"FATAL 4\"}\n";
    assert_eq!(said_, said(json, GAP, 1));
}

#[test]
fn another_logs_archives_are_not_read() {
    let place = place();
    let script = format!(
        "{CHECK}; for n in al.1 l2 l2.1 l.conf lx-20261121; do echo FATAL wrong >$n; done; echo FATAL right >l; {CHECK}"
    );
    place.script(&script).code(1).stdout("FATAL right\n").stderr("logwatch: l is not there\n");
}

#[test]
fn logrotate_in_all_its_ways_loses_nothing_and_doubles_nothing() {
    if !needs("logrotate", "logrotate") {
        return;
    }
    for ways in [
        "create",
        "copytruncate",
        "create\ncompress",
        "copytruncate\ncompress",
        "create\ncompress\ndelaycompress",
        "create\ndateext\ndateformat -%Y%m%d-%s",
        "copytruncate\ndateext\ndateformat -%Y%m%d-%s\ncompress",
        "nocreate",
    ] {
        let place = place();
        place.write("conf", format!("{}/l {{\nrotate 9\nmissingok\n{ways}\n}}\n", place.path().display()));
        // The same place of rotation twice between two runs. Dated names need a new second each.
        let dated = if ways.contains("dateext") { "sleep 1.1;" } else { "" };
        let rotate = format!("{dated} /usr/sbin/logrotate -f -s state conf");
        let script = format!(
            "{CHECK}; echo FATAL 1 >>l; {CHECK}; echo FATAL 2 >>l; {rotate}; echo FATAL 3 >>l; {rotate}; echo FATAL 4 >>l; {CHECK};
             {rotate}; {CHECK}; echo FATAL 5 >>l; {CHECK}; {CHECK}; echo $?"
        );
        let found = place.sh(&script);
        assert_eq!(found.stdout, "FATAL 1\nFATAL 2\nFATAL 3\nFATAL 4\nFATAL 5\n0\n", "{ways}: {found:?}");
        assert!(!found.stderr.contains("gap"), "{ways}: {found:?}");
    }
}

#[test]
fn two_runs_at_once_do_not_share_a_cursor_file() {
    let place = place();
    let script = r#"mkfifo f; logwatch --no-follow --cursor-file c -e x - <f & exec 3>f;
        until [ -e c ] && grep -q ":$(stat -c %i c) " /proc/locks; do :; done; logwatch --no-follow --cursor-file c -e x l; echo $?; exec 3>&-; wait $!"#;
    let found = place.sh(script);
    assert_eq!((found.stdout.as_str(), found.code), ("75\n", 0));
    assert!(
        found.stderr.starts_with("logwatch: lock c: ") && found.stderr.contains("--cursor-file c -e x -)"),
        "{found:?}"
    );
}

#[test]
fn a_cursor_file_that_is_not_one_is_left_as_it_is() {
    let place = place();
    place.write("l", "x\n");
    place.write("precious", "root:x:0:0\n");
    let check = "logwatch --no-follow -e x --cursor-file";
    let script = format!(
        "{check} precious l; echo $?; ln -s precious link; {check} link l; echo $?; mkdir d; {check} d l; echo $?; ls"
    );
    let stderr = "logwatch: read the cursor file precious: 'root:x:0:0' is no cursor; --mark prints one\n\
         logwatch: use the cursor file link: it is a symbolic link\n\
         logwatch: use the cursor file d: it is not a regular file\n";
    place.script(&script).code(0).stdout("125\n125\n125\nd\nl\nlink\nprecious\n").stderr(stderr);
    assert_eq!(place.content("precious"), "root:x:0:0\n");
}

#[test]
fn a_cursor_edited_or_of_another_version_is_refused() {
    let place = place();
    place.write("l", "some\nlines\n");
    let found = place
        .sh("c=$(logwatch --mark l); logwatch -e x --from ${c%?}0x l; echo $?; logwatch -e x --from lw9${c#lw2} l");
    assert_eq!((found.stdout.as_str(), found.code), ("64\n", 64));
    let lines: Vec<&str> = found.stderr.lines().collect();
    assert!(lines[0].ends_with("is damaged; take a new one with --mark"), "{found:?}");
    assert!(lines[1].ends_with("is of version lw9, this is lw2"), "{found:?}");
}

#[test]
fn what_could_not_be_written_is_judged_again() {
    let place = place();
    place.write("l", "FATAL\n");
    place.script(&format!("{CHECK} >/dev/full")).code(125);
    place.script(CHECK).code(1).stdout("FATAL\n").stderr("");
}

#[test]
fn a_watch_that_ended_at_an_error_goes_on_behind_it() {
    let place = place();
    place.write("l", "FATAL 1\nfine\nFATAL 2\nFATAL 3\n");
    let next = "logwatch --cursor-file c -e FATAL --timeout 0 l";
    for (line, code) in [("FATAL 1\n", 1), ("FATAL 2\n", 1), ("FATAL 3\n", 1), ("", 124)] {
        let found = place.sh(next);
        assert_eq!((found.stdout.as_str(), found.code), (line, code));
    }
}

#[test]
fn several_logs_share_a_cursor_file_and_an_argument_for_cursors() {
    let place = place();
    let check = "logwatch --no-follow --cursor-file c -e FATAL";
    let script =
        format!("echo FATAL >a; echo FATAL >b; {check} a b; {check} b; echo $?; echo FATAL 2 >>a; {check} a b");
    place.script(&script).code(1).stdout("a:FATAL\nb:FATAL\n0\na:FATAL 2\n").stderr("");
    let script = "c=$(logwatch --mark a b); echo FATAL 3 >>b; logwatch -e FATAL --from \"$c\" a b";
    place.script(script).code(1).stdout("b:FATAL 3\n").stderr("");
}

#[test]
fn a_cursor_file_that_is_a_link_or_a_fifo_is_refused() {
    let place = place();
    place.says("echo ERROR >l; echo precious >target; ln -s target link; ln -s absent dangling; mkfifo fifo");
    for (name, why) in [("link", "a symbolic link"), ("dangling", "a symbolic link"), ("fifo", "not a regular file")] {
        let found = place.sh(&format!("logwatch --no-follow -e ERROR --cursor-file {name} l"));
        assert_eq!(found, said("", &format!("logwatch: use the cursor file {name}: it is {why}\n"), 125));
    }
    assert_eq!(place.content("target"), "precious\n");
    assert!(!place.file("absent").exists());
}

#[test]
fn archives_in_another_directory_are_a_gap_for_a_cursor_and_none_for_who_follows() {
    if !needs("logrotate", "logrotate") {
        return;
    }
    let place = place();
    place.says("mkdir old");
    let conf = "{0}/l {\nrotate 9\nolddir {0}/old\ncreate\n}\n".replace("{0}", &place.path().display().to_string());
    place.write("conf", conf);
    let rotate = "/usr/sbin/logrotate -f -s state conf";
    let script =
        format!("echo FATAL 1 >l; {CHECK}; echo FATAL 2 >>l; {rotate}; echo FATAL 3 >>l; {CHECK}; {CHECK}; echo $?");
    place.script(&script).code(0).stdout("FATAL 1\nFATAL 3\n0\n").stderr(GAP);
    // A generation that comes and goes between two looks would be seen by nobody.
    let script = format!(
        "logwatch -v -C 9 --ready END l 2>said & w=$!
         opened() {{ until for f in /proc/$w/fd/*; do test $f -ef l && break; done; do kill -0 $w || exit; done; }}
         until grep -q inotify /proc/$w/fdinfo/* 2>/dev/null; do :; done; sleep 0.05
         opened; echo one >>l; {rotate}; echo two >>l; opened; {rotate}; echo END >>l; wait $w"
    );
    assert_eq!(place.sh(&script), said("one\ntwo\nEND\n", "", 0), "{}", place.content("said"));
}

#[test]
fn a_cursor_file_of_another_user_is_left_alone() {
    if !needs_root() {
        return;
    }
    let place = place();
    let found = place.sh(&format!(
        "echo FATAL >l; {CHECK}; cp c before; chown 65534 c; echo FATAL >>l; {CHECK}; echo $?; cmp c before"
    ));
    assert_eq!(found, said("FATAL\n125\n", "logwatch: use the cursor file c: it is another user's\n", 0));
}
