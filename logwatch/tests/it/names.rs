//! Which files are logs and which are their archives: globs, --archives, and what a stranger may put there.

use crate::common::{WAITS, place, said};
use nix::libc::SYS_ppoll;
use std::fs;
use std::os::unix::fs::FileExt;
use tests::{Steps, Stop, needs};

/// What cron runs.
const CHECK: &str = "logwatch --no-follow --cursor-file c -e FATAL l";

#[test]
fn an_archive_that_a_glob_matches_is_no_log_of_its_own() {
    let place = place();
    let check = "logwatch --no-follow --cursor-file c -e FATAL '*.log*'";
    let script = format!(
        "echo FATAL 1 >a.log; echo FATAL 2 >b.log; {check}; echo FATAL 3 >>a.log; mv a.log a.log.1; echo FATAL 4 >a.log; {check}; {check}"
    );
    let stdout = "a.log:FATAL 1\nb.log:FATAL 2\na.log:FATAL 3\na.log:FATAL 4\n";
    assert_eq!(place.sh(&script), said(stdout, "", 0));
}

#[test]
fn a_glob_that_matches_nothing_yet_is_waited_for() {
    let place = place();
    let script = format!(
        "{WAITS} mkdir d; logwatch -e FATAL 'd/*.log' 2>said & waits $!; echo FATAL >d/new.log; wait $!; cat said >&2"
    );
    assert_eq!(place.sh(&script), said("d/new.log:FATAL\n", "logwatch: no file matches d/*.log\n", 0));
    // Nor need its directory be there yet.
    for glob in ["e/f/*.log", "e/*/*.log"] {
        let script = format!(
            "{WAITS} rm -rf e; logwatch --timeout 10s -e FATAL '{glob}' 2>&- & waits $!; mkdir e; sleep 0.1; mkdir e/f; sleep 0.1; echo FATAL >e/f/new.log; wait $!"
        );
        assert_eq!(place.sh(&script), said("e/f/new.log:FATAL\n", "", 1), "{glob}");
    }
    let script = format!(
        "{WAITS} rm d/*; : >d/a.log; logwatch -C 9 --ready END 'd/*.log' & waits $!; echo one >d/b.log; mv d/b.log d/b.log.1; sleep 0.1; echo END >d/a.log; wait $!"
    );
    let found = place.sh(&script);
    assert!(found.code == 0 && found.stdout.ends_with("d/a.log:END\n"), "{found:?}");
}

#[test]
fn archives_in_another_directory_are_found_by_their_glob() {
    if !needs("logrotate", "logrotate") {
        return;
    }
    let place = place();
    let conf = "{0}/l {\nrotate 9\nolddir {0}/old\ncreate\n}\n".replace("{0}", &place.path().display().to_string());
    place.write("conf", conf);
    let check = "logwatch --no-follow --cursor-file c -e FATAL --archives 'old/*' l";
    let rotate = "/usr/sbin/logrotate -f -s state conf";
    let script = format!(
        "mkdir old; echo FATAL 1 >l; {check}; echo FATAL 2 >>l; {rotate}; echo FATAL 3 >>l; {rotate}; echo FATAL 4 >>l; {check}; {check}; echo $?"
    );
    assert_eq!(place.sh(&script), said("FATAL 1\nFATAL 2\nFATAL 3\nFATAL 4\n0\n", "", 0));
}

#[test]
fn with_several_logs_an_archive_belongs_to_the_log_whose_stem_it_has() {
    let place = place();
    let check = "logwatch --no-follow --cursor-file c -e FATAL --archives 'old/*' a.log b.log";
    let script = format!(
        "mkdir old; : >a.log; : >b.log; {check}; echo FATAL a >a.log; mv a.log old/a-kept; : >a.log; echo FATAL b >b.log; mv b.log old/b-kept; : >b.log; {check}"
    );
    assert_eq!(place.sh(&script), said("a.log:FATAL a\nb.log:FATAL b\n", "", 1));
}

#[test]
fn a_log_that_is_judged_between_copy_and_truncation_is_judged_once() {
    let place = place();
    // The whole copy, a copy in the tick of the last write, and a copy that is still short.
    for copy in ["cp l l.1", "cp -p l l.1", "head -c 9 l >l.1"] {
        let script = format!(
            "rm -f l* c; echo FATAL 1 >l; {CHECK}; echo FATAL 2 >>l; {copy}; {CHECK}; cp l l.1; : >l; echo FATAL 3 >>l; {CHECK}; {CHECK}; echo $?"
        );
        assert_eq!(place.sh(&script), said("FATAL 1\nFATAL 2\nFATAL 3\n0\n", "", 0), "{copy}");
    }
}

#[test]
fn a_log_that_is_judged_between_copy_and_truncation_after_another_rotation_is_judged_once() {
    let place = place();
    let script = format!(
        "echo FATAL 1 >l; {CHECK}; echo FATAL 2 >>l; cp l l.2; : >l; echo FATAL 3 >>l; cp l l.1; {CHECK}; : >l; echo FATAL 4 >>l; {CHECK}; {CHECK}; echo $?"
    );
    assert_eq!(place.sh(&script), said("FATAL 1\nFATAL 2\nFATAL 3\nFATAL 4\n0\n", "", 0));
}

#[test]
fn a_log_that_is_copied_and_truncated_after_it_was_listed_is_judged_once() {
    let place = place();
    place.says(&format!("echo FATAL 1 >l; {CHECK}; echo FATAL 2 >>l"));
    let mut check = place.command("sh");
    check.args(["-c", &format!("exec {CHECK} >found 2>&1")]);
    let mut check = Steps::through_a_shell(check);
    let log = place.file("l");
    let has_opened = |stop: Stop| {
        let fds = fs::read_dir(format!("/proc/{}/fd", stop.pid)).into_iter().flatten().flatten();
        fds.filter_map(|fd| fs::read_link(fd.path()).ok()).any(|file| file == log)
    };
    // It is opened first to see if it can be read, and again after it was listed.
    for open in [true, false, true] {
        while has_opened(check.step().expect("the log is opened")) != open {}
    }
    place.says("cp l l.1; : >l; echo FATAL 3 >>l");
    assert_eq!(check.end(), 1);
    assert_eq!(place.content("found"), "FATAL 2\nFATAL 3\n");
    place.script(CHECK).code(0).stdout("").stderr("");
}

/// Whether a process is about to wait for a second or longer.
fn waits_long(stop: &Stop) -> bool {
    let mut seconds = [0; 8];
    stop.call == SYS_ppoll && {
        let memory = fs::File::open(format!("/proc/{}/mem", stop.pid)).expect("a traced process");
        memory.read_exact_at(&mut seconds, stop.arguments[2]).expect("the time of ppoll(2)");
        i64::from_ne_bytes(seconds) > 0
    }
}

/// The log is rotated before one system call after the other, up to the wait. The next log is longer than the old one, as a
/// log is that an overlay has copied up.
#[test]
fn a_log_that_is_rotated_at_any_step_is_no_copied_up_log() {
    // So many calls are made before the log is opened.
    for at in 60.. {
        let place = place();
        place.write("l", "old\n");
        let mut watch = place.command("sh");
        watch.args(["-c", "exec logwatch -C 9 --ready END --from start l >found 2>&1"]);
        let mut watch = Steps::through_a_shell(watch);
        let waiting = (0..=at).map(|_| watch.step().expect("it waits")).find(waits_long);
        place.says("mv l l.1; for n in 1 2 3; do echo new $n; done >l; echo END >>l");
        assert_eq!(watch.end(), 0);
        let found = place.content("found");
        assert_eq!(found.trim_start_matches("old\n"), "new 1\nnew 2\nnew 3\nEND\n", "rotated before call {at}");
        if waiting.is_some() {
            break;
        }
    }
}

#[test]
fn what_a_stranger_puts_beside_a_log_is_not_waited_for() {
    let place = place();
    let script = format!(
        "echo FATAL 1 >l; {CHECK}; mkfifo l.1 l.2.gz; ln -s /dev/zero l.3; mkdir l.4; echo FATAL 2 >>l; timeout 5 {CHECK}"
    );
    assert_eq!(place.sh(&script), said("FATAL 1\nFATAL 2\n", "", 1));
}

#[test]
fn an_archive_that_unpacks_without_end_ends_at_the_deadline() {
    let place = place();
    // 1 GiB of zeros in 1 MiB, ten times over: more than can be unpacked in the time.
    let script = "echo x >l; c=$(logwatch --mark l); head -c 1073741824 /dev/zero | gzip -1 >one
        for n in 1 2 3 4 5 6 7 8 9 10; do cat one; done >l.1.gz; rm one
        timeout -s KILL 20 logwatch -q -e FATAL --timeout 1s --from $c l; echo $?
        logwatch -q -e FATAL --from $c l & sleep 0.3; kill $!; wait $!; echo $?";
    let begun = std::time::Instant::now();
    assert_eq!(place.sh(script).stdout, "124\n143\n");
    assert!(begun.elapsed().as_secs() < 60);
}

#[test]
fn more_archives_than_descriptors_are_read() {
    let place = place();
    let script = "echo x >l; c=$(logwatch --mark l); for n in $(seq 1100); do echo FATAL $n >l.$n; done; ulimit -n 1024
        logwatch --no-follow -e FATAL --from $c l | wc -l";
    place.script(script).code(0).stdout("1100\n").stderr("");
}

#[test]
fn a_name_that_is_not_utf_8_has_archives_too() {
    let place = place();
    let script = "l=$(printf 'a\\377.log'); echo FATAL 1 >\"$l\"; c=$(logwatch --mark \"$l\"); echo FATAL 2 >>\"$l\"; mv \"$l\" \"$l.1\"; : >\"$l\"
        logwatch --no-follow -e FATAL --from $c \"$l\"";
    place.script(script).code(1).stdout("FATAL 2\n").stderr("");
}
