//! Wrong input: the contract's exit code, a message that says what to do, and nothing is changed.

use crate::common;
use std::os::unix::fs::MetadataExt;
use tests::Place;

fn place() -> Place {
    let place = common::place();
    place.says("mkfifo fifo; mkdir directory; : > target; ln -s target link; echo root:x:0:0:root:/root:/bin/bash > passwd; : > plain; echo 5 > script");
    place
}

/// What is there, with every file's content and time.
fn picture(place: &Place) -> Vec<String> {
    let mut picture: Vec<String> = std::fs::read_dir(place.path())
        .expect("our own directory")
        .map(|entry| {
            let entry = entry.expect("an entry");
            let metadata = entry.metadata().expect("an entry");
            let content =
                if metadata.is_file() { std::fs::read_to_string(entry.path()).expect("text") } else { String::new() };
            format!("{:?} {} {} {content:?}", entry.file_name(), metadata.mode(), metadata.mtime_nsec())
        })
        .collect();
    picture.sort();
    picture
}

#[test]
fn a_wrong_claim_is_refused_with_a_word_of_advice_and_changes_nothing() {
    let place = place();
    let before = picture(&place);
    for (script, code, says) in [
        ("pidfile claim nowhere/p true", 125, "open nowhere/p: No such file or directory"),
        (
            "pidfile claim fifo true",
            125,
            "claim fifo: it is a FIFO; name a regular file, or one that does not exist yet",
        ),
        ("pidfile claim link true", 125, "claim link: it is a symbolic link; name a regular file"),
        ("pidfile claim directory true", 125, "claim directory: it is a directory"),
        ("pidfile claim /dev/null true", 125, "claim /dev/null: it is a device"),
        ("pidfile claim passwd true", 125, "claim passwd: this was never a PID file: its first line is not a number"),
        ("pidfile claim p no-such-command", 127, "run no-such-command: not found in PATH"),
        ("pidfile claim p ./no-such-file", 127, "run ./no-such-file: no such file"),
        ("pidfile claim p ./plain", 126, "run ./plain: not executable"),
        ("pidfile claim p ./directory", 126, "run ./directory: it is a directory"),
        ("pidfile claim --background p no-such-command", 127, "run no-such-command: not found in PATH"),
        ("pidfile claim --background --log nowhere/l p true", 125, "open nowhere/l: No such file or directory"),
        ("pidfile claim p", 64, "COMMAND"),
        ("pidfile claim", 64, "PIDFILE"),
        ("pidfile claim --ready true p true", 64, "--background"),
        ("pidfile claim --background --ready true --timeout soon p true", 64, "'soon' is no duration"),
        ("pidfile", 64, "Usage"),
        ("pidfile adopt p", 64, "adopt"),
        ("withlock nowhere/l true", 125, "open nowhere/l: No such file or directory"),
        ("withlock fifo true", 125, "open fifo: "),
        ("withlock l no-such-command", 127, "run no-such-command: not found in PATH"),
        ("withlock l ./plain", 126, "run ./plain: not executable"),
        ("withlock -w soon l true", 64, "'soon' is no duration"),
        ("withlock -E 256 l true", 64, "256"),
        ("waitfor", 64, "TARGET"),
        ("waitfor tcp:127.0.0.1:99999", 64, "99999"),
        ("waitfor pid:1 -- no-such-command", 127, "run no-such-command: not found in PATH"),
        ("logwatch -e '(' plain", 64, "("),
        ("logwatch -e x directory --timeout 0", 125, "directory"),
    ] {
        let said = place.sh(&format!("exec {script}"));
        assert_eq!((said.code, said.stdout.as_str()), (code, ""), "{script}: {said:?}");
        assert!(said.stderr.contains(says), "{script}: {said:?}");
        let tool = script.split(' ').next().expect("a tool");
        assert!(said.stderr.starts_with(&format!("{tool}: ")), "{script}: {said:?}");
        assert_eq!(picture(&place), before, "{script}");
    }
}

#[test]
fn what_is_no_pid_is_never_signalled_and_never_overwritten() {
    let place = place();
    for text in ["garbage", "-1", "0", "0x10", "4294967297", "12345678901234567890", "12abc", "1 2"] {
        place.write("p", format!("{text}\n"));
        let before = picture(&place);
        for (script, code) in
            [("pidfile read p", 1), ("pidfile signal KILL p", 1), ("pidfile stop p", 0), ("pidfile claim p true", 125)]
        {
            let said = place.sh(script);
            assert_eq!((said.code, said.stdout.as_str()), (code, ""), "{text}: {script}: {said:?}");
            assert_eq!(picture(&place), before, "{text}: {script}");
        }
    }
}

#[test]
fn a_command_that_cannot_be_executed_after_all_leaves_the_file_as_it_was() {
    let place = place();
    // Found and executable, but its interpreter is missing: only execve(2) can tell.
    place.says("printf '#!/no/such/interpreter\\n' > script; chmod +x script; echo 4000000 > p");
    for verb in ["claim", "claim --background"] {
        let said = place.sh(&format!("pidfile {verb} p ./script"));
        assert_eq!(said.code, 127, "{verb}: {said:?}");
        assert!(said.stderr.contains("run ./script: No such file or directory"), "{verb}: {said:?}");
        assert_eq!(place.content("p"), "4000000\n", "{verb}");
        assert_eq!(place.sh("pidfile read p").code, 1, "{verb}");
    }
}

#[test]
fn unreadable_is_unknown_and_absent_is_not_running() {
    let place = place();
    for (script, code) in [
        ("pidfile read nowhere", 3),
        ("pidfile read fifo", 4),
        ("pidfile read directory", 4),
        ("pidfile read passwd", 1),
        ("pidfile read plain", 3),
        ("pidfile signal TERM nowhere", 3),
        ("pidfile signal NOSUCH nowhere", 64),
        ("pidfile stop fifo", 4),
    ] {
        let said = place.sh(script);
        assert_eq!((said.code, said.stdout.as_str()), (code, ""), "{script}: {said:?}");
        assert!(!said.stderr.is_empty(), "{script}");
    }
}
