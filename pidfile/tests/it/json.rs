//! `--json` of the verbs that act: what was signalled, how that ended, and who has the claim.

use crate::common::{NOBODY, place, place_for_all};
use serde_json::{Value, json};
use tests::{Place, Said, needs, needs_root};

/// Ignores TERM, and says when it does.
const STUBBORN: &str = r#"sh -c 'trap "" TERM; echo >ready; while :; do sleep 0.1; done'"#;

/// A start that returns once COMMAND has made the file `ready`.
const START: &str = "rm -f ready; pidfile claim -b --ready 'until test -e ready; do :; done'";

/// The objects on stdout, a line each.
fn objects(said: &Said) -> Vec<Value> {
    said.stdout.lines().map(|line| serde_json::from_str(line).expect("an object on each line")).collect()
}

/// The only object on stdout. Each process has its name in `named` instead of its PID.
fn object(place: &Place, script: &str, named: &[&str]) -> (Value, i32, String) {
    let said = place.sh(script);
    let [object] = &objects(&said)[..] else { panic!("one object: {said:?}") };
    let mut text = object.to_string();
    for name in named {
        let pid = place.content(name);
        text = text.replace(&format!("\"pid\":{}", pid.trim()), &format!("\"pid\":\"{name}\""));
    }
    (serde_json::from_str(&text).expect("an object"), said.code, said.stderr)
}

#[test]
fn a_stop_says_who_was_signalled_and_that_it_is_gone() {
    let place = place();
    let script = "pidfile claim -b p sleep 60; pidfile read p >daemon; pidfile stop --json p";
    let daemon = json!({"path": "p", "outcome": "gone", "pid": "daemon", "evidence": "vouched", "command": "sleep 60",
        "signals": [{"signal": "SIGTERM", "pid": "daemon", "command": "sleep 60"}], "reason": null, "exit": 0});
    assert_eq!(object(&place, script, &["daemon"]), (daemon, 0, String::new()));
}

#[test]
fn a_stop_says_what_had_to_be_killed() {
    let place = place();
    let script = format!("{START} p {STUBBORN}; pidfile read p >daemon; pidfile stop --json --kill-after 20ms p");
    let (said, code, stderr) = object(&place, &script, &["daemon"]);
    assert_eq!((&said["outcome"], &said["exit"], code, &*stderr), (&"killed".into(), &137.into(), 137, ""));
    // Its child may have been killed too.
    let signals = said["signals"].as_array().expect("signals").iter().filter(|sent| sent["pid"] == "daemon");
    assert_eq!(signals.map(|sent| &sent["signal"]).collect::<Vec<_>>(), ["SIGTERM", "SIGKILL"]);
}

#[test]
fn a_stop_names_the_worker_that_was_killed_too() {
    let place = place();
    let script = format!(
        "{START} p sh -c '(trap \"\" TERM; echo >ready; exec sleep 60) & exec sleep 61'; pidfile read p >daemon
         until pidfile read --holders p | grep 'sleep 60' | cut -d' ' -f1 >worker && test -s worker; do :; done
         pidfile stop --json --kill-after 20ms p"
    );
    let (said, code, _) = object(&place, &script, &["daemon", "worker"]);
    assert_eq!((&said["outcome"], code), (&"killed".into(), 137));
    let killed = json!({"signal": "SIGKILL", "pid": "worker", "command": "sleep 60"});
    assert!(said["signals"].as_array().expect("signals").contains(&killed), "{said}");
}

#[test]
fn a_stop_of_a_group_names_each_process_that_was_signalled() {
    let place = place();
    let script = format!(
        "{START} p sh -c 'sleep 60 & echo $! >worker; echo >ready; wait'; pidfile read p >daemon; pidfile stop --json --group p"
    );
    let (said, code, _) = object(&place, &script, &["daemon", "worker"]);
    let signals = said["signals"].as_array().expect("signals").iter();
    let asked: Vec<_> = signals.filter(|sent| sent["signal"] == "SIGTERM").map(|sent| &sent["pid"]).collect();
    assert_eq!((asked, code), (vec![&"daemon".into(), &"worker".into()], 0), "{said}");
}

/// A restart that was killed before its new daemon was ready.
const KILLED_RESTART: &str = "pidfile claim --replace --log /dev/null --ready 'echo >asked; sleep 62' p sleep 61 & until test -e asked; do :; done
    kill -9 $!; wait $! 2>/dev/null";

#[test]
fn a_stop_names_what_a_killed_restart_has_left() {
    let place = place();
    let script =
        format!("pidfile claim -b p sleep 60; pidfile read p >daemon; {KILLED_RESTART}; pidfile stop --json p");
    let (said, code, _) = object(&place, &script, &["daemon"]);
    let commands: Vec<_> = said["signals"].as_array().expect("signals").iter().map(|sent| &sent["command"]).collect();
    assert_eq!((&said["pid"], &said["outcome"], code), (&"daemon".into(), &"gone".into(), 0), "{said}");
    assert_eq!(commands, ["sleep 60", "sleep 61"]);
}

#[test]
fn a_stop_of_what_only_others_hold_has_no_claimant() {
    let place = place();
    let script = format!(
        "pidfile claim -b p sleep 60; {KILLED_RESTART}; kill -9 $(pidfile read p)
        until pidfile read --json p | grep -q orphaned; do :; done; pidfile stop --json p"
    );
    let (said, code, _) = object(&place, &script, &[]);
    assert_eq!((&said["pid"], &said["outcome"], code), (&Value::Null, &"gone".into(), 0), "{said}");
    assert_eq!(said["signals"][0]["command"], "sleep 61", "{said}");
}

#[test]
fn a_stop_says_who_has_not_ended_in_time() {
    let place = place();
    let script = format!("{START} p {STUBBORN}; pidfile stop --json --timeout 50ms p");
    let (said, code, stderr) = object(&place, &script, &[]);
    assert_eq!((&said["outcome"], &said["exit"], code), (&"timeout".into(), &124.into(), 124));
    // An error is never silenced.
    assert_eq!(stderr, format!("pidfile: {}\n", said["reason"].as_str().expect("a reason")));
    assert!(stderr.contains("has not ended after 50 ms"), "{stderr}");
}

#[test]
fn a_stop_prints_an_object_for_each_file_in_their_order_and_no_notice() {
    let place = place();
    let said = place.sh(
        "pidfile claim -b p sleep 60; mkdir d; echo $$ >stale; pidfile stop --json absent d stale p; code=$?; cat stale >&2
         exit $code",
    );
    let (pid, errors) = said.stderr.rsplit_once("no PID file\n").map(|(before, pid)| (pid, before)).expect("an error");
    assert_eq!((errors, said.code), ("pidfile: stop d: read d: it is a directory, so ", 4), "{said:?}");
    let all = objects(&said);
    let facts: Vec<_> = all.iter().map(|one| [&one["path"], &one["outcome"], &one["exit"]]).collect();
    let expected = [
        json!(["absent", "not-running", 0]),
        json!(["d", "refused", 4]),
        json!(["stale", "not-running", 0]),
        json!(["p", "gone", 0]),
    ];
    assert_eq!(json!(facts), json!(expected), "{said:?}");
    assert_eq!(all[0]["reason"], "stop absent: no such PID file");
    assert_eq!(all[1]["reason"], "stop d: read d: it is a directory, so no PID file");
    let reason = all[2]["reason"].as_str().expect("a reason");
    assert!(reason.contains(&format!("{} is alive", pid.trim())) && reason.ends_with("nothing was signalled"));
    assert!(all[..3].iter().all(|one| one["signals"] == json!([]) && one["pid"].is_null()), "{said:?}");
}

#[test]
fn a_stop_that_the_kernel_refuses_has_failed_and_signalled_nobody() {
    if !needs_root() || !needs("setpriv", "util-linux") {
        return;
    }
    let place = place_for_all();
    let script = format!("pidfile claim -b p sleep 60; {NOBODY} ./theirs stop --json p");
    let (said, code, stderr) = object(&place, &script, &[]);
    assert_eq!((&said["outcome"], &said["exit"], &said["signals"]), (&"failed".into(), &125.into(), &json!([])));
    assert_eq!((code, stderr), (125, format!("pidfile: {}\n", said["reason"].as_str().expect("a reason"))));
}

#[test]
fn a_signal_says_who_got_it() {
    let place = place();
    let script = "pidfile claim -b p sleep 60; pidfile read p >daemon; pidfile signal --json CONT p";
    let sent = json!({"path": "p", "outcome": "sent", "pid": "daemon", "evidence": "vouched", "command": "sleep 60",
        "signals": [{"signal": "SIGCONT", "pid": "daemon", "command": "sleep 60"}], "reason": null, "exit": 0});
    assert_eq!(object(&place, script, &["daemon"]), (sent, 0, String::new()));
}

#[test]
fn a_signal_says_why_nobody_got_it() {
    let place = place();
    for (make, outcome, code) in
        [(":", "not-running", 3), ("echo 999999999 >p", "not-running", 1), ("rm p; mkdir p", "refused", 4)]
    {
        let (said, exit, stderr) = object(&place, &format!("{make}; pidfile signal --json HUP p"), &[]);
        assert_eq!((&said["outcome"], &said["exit"], exit), (&outcome.into(), &code.into(), code), "{said}");
        assert_eq!((&said["signals"], &said["pid"]), (&json!([]), &Value::Null));
        assert_eq!(stderr, format!("pidfile: {}\n", said["reason"].as_str().expect("a reason")));
    }
}

#[test]
fn a_claim_that_is_refused_says_who_has_it_in_every_mode() {
    let place = place();
    place.says("pidfile claim -b p sleep 60; pidfile read p >daemon; pidfile read p >daemon");
    for claim in
        ["p touch ran", "-b p touch ran", "--supervise p touch ran", "--forking p touch ran", "--wait 20ms p touch ran"]
    {
        let (said, code, stderr) = object(&place, &format!("pidfile claim --json {claim}"), &["daemon"]);
        let facts = (&said["path"], &said["state"], &said["pid"], &said["evidence"], &said["command"]);
        let expected = (&"p".into(), &"held".into(), &"daemon".into(), &"vouched".into(), &"sleep 60".into());
        assert_eq!((facts, code), (expected, 75), "{claim}: {said}");
        assert_eq!(stderr, format!("pidfile: {}\n", said["reason"].as_str().expect("a reason")), "{claim}");
        assert!(!place.file("ran").exists(), "{claim}");
    }
    let shell = object(&place, "exec 9<>p; pidfile claim --json --fd 9 p", &["daemon"]);
    assert_eq!((&shell.0["pid"], shell.1), (&"daemon".into(), 75), "{shell:?}");
}

/// A look at the descriptors of all processes takes a limited time, so that it may find nobody on a busy machine.
const UNTIL_SEEN: &str =
    "until pidfile claim --json p true 2>errors >said; code=$?; grep -q 'holders\":.{' said; do :; done; cat said";

#[test]
fn a_claim_that_is_refused_names_the_workers_too() {
    let place = place();
    let script = format!(
        "{START} p sh -c 'sleep 60 & echo $! >worker; until grep -q sleep /proc/$!/comm; do :; done; echo >ready; exec sleep 61'
         pidfile read p >daemon; {UNTIL_SEEN}; exit $code"
    );
    let (said, code, _) = object(&place, &script, &["daemon", "worker"]);
    let holders = said["holders"].as_array().expect("holders");
    assert_eq!((holders.len(), code), (2, 75), "{said}");
    assert!(holders.contains(&json!({"pid": "worker", "command": "sleep 60"})), "{said}");
}

#[test]
fn a_claim_that_meets_a_restart_says_who_has_it() {
    let place = place();
    let script = "pidfile claim -b p sleep 60; pidfile read p >daemon
        pidfile claim --replace --log /dev/null --ready 'echo >asked; sleep 62' p sleep 61 & until test -e asked; do :; done
        pidfile claim --json --replace --timeout 50ms p sleep 63; code=$?; kill $!; wait $!; exit $code";
    let (said, code, _) = object(&place, script, &["daemon"]);
    assert_eq!((&said["state"], &said["pid"], code), (&"held".into(), &"daemon".into(), 75), "{said}");
    assert!(said["reason"].as_str().is_some_and(|reason| reason.ends_with("another restart is under way")), "{said}");
}

#[test]
fn a_claim_that_a_strangers_lock_keeps_out_says_who_has_that() {
    if !needs("flock", "util-linux") {
        return;
    }
    let place = place();
    let script = format!(
        "flock -s -o p sh -c 'echo >locked; sleep 60' & until test -e locked; do :; done; echo $! >stranger; {UNTIL_SEEN}
         kill $!; exit $code"
    );
    let (said, code, _) = object(&place, &script, &["stranger"]);
    assert_eq!((&said["state"], &said["pid"], code), (&"empty".into(), &Value::Null, 75), "{said}");
    assert_eq!(said["holders"][0]["pid"], "stranger", "{said}");
}

#[test]
fn a_claim_that_succeeds_leaves_stdout_to_the_command() {
    let place = place();
    assert_eq!(place.says("pidfile claim --json p echo mine"), "mine\n");
    assert_eq!(place.says("pidfile claim --json -b p sleep 60; pidfile claim --json --ensure p sleep 60"), "");
    // A COMMAND that ends as a busy claim would is COMMAND's own end.
    let said = place.sh("pidfile claim --json --supervise q sh -c 'exit 75'");
    assert_eq!((&*said.stdout, said.code), ("", 75), "{said:?}");
}

#[test]
fn an_object_that_cannot_be_written_is_an_error() {
    let place = place();
    let said = place.sh(
        "pidfile claim -b p sleep 60; exec >/dev/full; for verb in 'claim --json p true' 'signal --json CONT p' 'stop --json p'; do
             pidfile $verb; echo $? >&2; done",
    );
    let one = "pidfile: write the answer: No space left on device\n125\n";
    assert_eq!(said.stderr, one.repeat(3), "{said:?}");
    assert_eq!(place.sh("pidfile read -q p").code, 3);
}

#[test]
fn an_invisible_character_of_a_command_line_is_escaped() {
    let place = place();
    let said = place.sh(
        "pidfile claim -b p sh -c 'while :; do sleep 0.1; done' \"$(printf 'a\\342\\200\\256\\033b')\"; pidfile claim --json p true
         pidfile signal --json CONT p; pidfile stop --json p",
    );
    assert_eq!(said.stdout.matches("a\\u202e\\u001bb").count(), 6, "{said:?}");
    for one in objects(&said) {
        assert!(one["command"].as_str().expect("a command").ends_with("a\u{202e}\u{1b}b"), "{one}");
    }
}
