//! What `withlock` promises at the prompt: flock(1)'s interface, and how it ends.

use crate::common::place;
use predicates::prelude::predicate;
use tests::Said;

fn ended(said: &Said) -> (i32, &str) {
    (said.code, &said.stdout)
}

#[test]
fn a_command_ends_as_itself() {
    let place = place();
    place.script("withlock l sh -c 'exit 5'").code(5);
    assert_eq!(place.sh("exec withlock l sh -c 'kill -KILL $$'").code, 137);
}

#[test]
fn every_option_of_flock_is_understood() {
    let place = place();
    let options = "-s|--shared|-x|-e|--exclusive|-n|--nb|--nonblock|-w 5|-w 0.5|--timeout 5|--wait 5|-E 9|\
                   --conflict-exit-code 0|-o|--close|-F|--no-fork|-v|--verbose|-s -x|-n -w 5|-x -x";
    for option in options.split('|') {
        assert_eq!(ended(&place.sh(&format!("withlock {option} l echo ran -n"))), (0, "ran -n\n"), "{option}");
    }
}

#[test]
fn a_shell_command_runs_in_the_users_shell() {
    let place = place();
    for how in ["l -c 'echo $0 $((1 + 1))'", "-c 'echo $0 $((1 + 1))' l", "l --command 'echo $0 $((1 + 1))'"] {
        assert_eq!(place.says(&format!("SHELL=/bin/sh withlock {how}")), "/bin/sh 2\n", "{how}");
        assert_eq!(place.says(&format!("unset SHELL; withlock {how}")), "/bin/sh 2\n", "{how}");
    }
}

#[test]
fn wrong_usage_locks_and_creates_nothing() {
    let place = place();
    let usages = "|l|-E 256 l true|-E -1 l true|-E x l true|-w x l true|-w -1 l true|-o -F l true|--fd x|--fd -1|--fd 9 l|\
                  -u l|-u l true|-u l -c true|l -c true more|-l m 9|-l m --fd 9|--nonsense l true|--fd 9 -c true";
    for usage in usages.split('|') {
        let said = place.sh(&format!("withlock {usage}"));
        assert_eq!(ended(&said), (64, ""), "{usage}");
        assert!(said.stderr.starts_with("withlock: "), "{usage}: {said:?}");
    }
    assert_eq!(place.says("ls"), "");
}

#[test]
fn a_command_that_is_not_there_locks_and_creates_nothing() {
    let place = place();
    place.write("script", "echo ran");
    assert_eq!(
        place.sh("withlock l nosuch"),
        Said { stdout: "".into(), stderr: "withlock: run nosuch: not found in PATH\n".into(), code: 127 }
    );
    assert_eq!(
        place.sh("withlock l ./script"),
        Said { stdout: "".into(), stderr: "withlock: run ./script: not executable\n".into(), code: 126 }
    );
    assert_eq!(place.says("ls"), "script\n");
}

#[test]
fn a_script_without_an_interpreter_runs_under_sh() {
    let place = place();
    place.write("script", "echo ran $1");
    for options in ["", "-F", "-o"] {
        assert_eq!(
            place.says(&format!("chmod +x script; withlock {options} l ./script here")),
            "ran here\n",
            "{options}"
        );
    }
}

#[test]
fn a_number_with_a_command_is_a_file_and_without_one_a_descriptor() {
    let place = place();
    assert_eq!(place.says("withlock 8 echo ran; ls"), "ran\n8\n");
    place
        .script("withlock 9 9>&-; echo $?; ls")
        .stderr("withlock: use descriptor 9: Bad file descriptor\n")
        .stdout("125\n8\n");
    let script = "exec 9>>l; withlock 9; (exec 9>&-; withlock -n l true 2> /dev/null); echo $?; withlock -u 9; \
                  (exec 9>&-; withlock -n l true); echo $?; ls";
    assert_eq!(place.says(script), "75\n0\n8\nl\n");
}

#[test]
fn a_descriptor_is_locked_and_unlocked_by_a_function() {
    let script = "held() { (exec 9>&-; withlock -n l true 2> /dev/null && echo free || echo held); }
        exec 9>>l; withlock --fd 9 -w 30 || exit; held; withlock --fd 9 -n && held; withlock -u --fd 9; held
        withlock --fd 9; held; exec 9>&-; held";
    assert_eq!(place().says(script), "held\nheld\nfree\nheld\nfree\n");
}

#[test]
fn a_descriptor_that_another_holds_is_busy() {
    let place = place();
    let script = "withlock l sh -c 'echo > ready; exec sleep 60' & until [ -e ready ]; do :; done
        exec 9>>l; withlock --fd 9 -n -E 7; echo $?; withlock -w 0.01 9; echo $?";
    place.script(script).stdout("7\n75\n").stderr(predicate::str::starts_with("withlock: lock descriptor 9: held by "));
}

#[test]
fn busy_is_75_or_what_the_user_says() {
    let place = place();
    let script = "withlock l sh -c 'echo > ready; exec sleep 60' & until [ -e ready ]; do :; done
        for o in '-n' '-w 0' '-w 0.01' '-w 10ms' '-n -E 0' '-n -E 255' '-s -n'; do withlock $o l echo ran; echo $?; done 2> said";
    assert_eq!(place.says(script), "75\n75\n75\n75\n0\n255\n75\n");
    assert_eq!(place.content("said").matches("withlock: lock l: held by ").count(), 7);
}

#[test]
fn verbose_says_that_the_lock_was_got() {
    place()
        .script("withlock -v l true")
        .stderr(predicate::str::starts_with("withlock: got the lock after "))
        .stderr(predicate::str::ends_with(" ms\n"));
    place().script("withlock l true").stderr("");
}
