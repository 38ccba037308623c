//! `withlock --json`: who holds the lock, for a program that reads it.

use crate::common::place;
use serde_json::{Value, json};
use tests::{Place, Said, needs, needs_root};

/// The only object on stdout.
fn object(said: &Said) -> Value {
    assert_eq!(said.stdout.lines().count(), 1, "{said:?}");
    serde_json::from_str(&said.stdout).expect("an object")
}

/// Says what a script says beside a `sleep 60` that holds the lock on `l`.
fn beside_a_holder(place: &Place, script: &str) -> Said {
    place.sh(&format!(
        "withlock -F l sh -c 'echo $$ >holder; exec sleep 60' & until grep -qx sleep /proc/$!/comm; do :; done
         {script}; code=$?; kill $!; exit $code"
    ))
}

#[test]
fn a_busy_lock_names_its_holder() {
    for how in ["-n", "-w 20ms", "-n -E 9", "-n -s", "-n -o", "-q -n"] {
        let place = place();
        let said = beside_a_holder(&place, &format!("withlock {how} --json l touch ran"));
        let busy = object(&said);
        assert_eq!(said.code, if how.contains("-E 9") { 9 } else { 75 }, "{how}: {said:?}");
        let mut holder = busy["holders"][0].clone();
        assert!(holder["started"].as_f64().is_some_and(|started| started > 1e9), "{how}: {busy}");
        holder["started"] = Value::Null;
        let pid: i32 = place.content("holder").trim().parse().expect("a number");
        let user = place.says("id -un");
        let expected = json!({"pid": pid, "evidence": "descriptor", "name": "sleep", "command": "sleep 60",
            "user": user.trim(), "started": null});
        assert_eq!((&holder, busy["holders"].as_array().map(Vec::len)), (&expected, Some(1)), "{how}");
        let rest = (&busy["path"], &busy["descriptor"], &busy["waiting"], &busy["deadlock"]);
        assert_eq!(rest, (&"l".into(), &Value::Null, &0.into(), &false.into()), "{how}");
        assert_eq!(said.stderr, format!("withlock: {}\n", busy["reason"].as_str().expect("a reason")), "{how}");
        assert!(!place.file("ran").exists(), "{how}");
    }
}

#[test]
fn of_a_command_and_its_withlock_the_one_that_took_the_lock_is_named() {
    let place = place();
    let script = "withlock l sh -c 'echo >held; exec sleep 60' & until test -e held; do :; done; echo $! >holder
        withlock -n --json l true; code=$?; kill $!; exit $code";
    let said = place.sh(script);
    let pid: i32 = place.content("holder").trim().parse().expect("a number");
    let holders = object(&said)["holders"].clone();
    assert_eq!((&holders[0]["pid"], holders.as_array().map(Vec::len)), (&pid.into(), Some(1)), "{said:?}");
}

#[test]
fn a_process_that_waits_is_counted() {
    let said = beside_a_holder(
        &place(),
        "withlock -w 60 l true &
         until withlock -n --json l true 2>/dev/null | tee said | grep -q 'waiting\":1'; do :; done; cat said; kill %2",
    );
    assert_eq!(object(&said)["waiting"], 1, "{said:?}");
}

#[test]
fn of_several_locks_the_object_names_the_busy_one() {
    let said = beside_a_holder(&place(), "withlock -n --json -l l free true");
    assert_eq!((&object(&said)["path"], said.code), (&"l".into(), 75), "{said:?}");
}

#[test]
fn a_descriptor_has_a_number_and_no_path() {
    let said = beside_a_holder(&place(), "exec 9>>l; withlock -n --json 9");
    let busy = object(&said);
    assert_eq!((&busy["path"], &busy["descriptor"], said.code), (&Value::Null, &9.into(), 75), "{said:?}");
}

#[test]
fn a_lock_of_an_ancestor_is_a_deadlock() {
    let said = place().sh("withlock l withlock --json l true");
    let busy = object(&said);
    assert_eq!((&busy["deadlock"], &busy["holders"][0]["name"]), (&true.into(), &"withlock".into()), "{said:?}");
}

#[test]
fn a_caller_stands_for_a_holder_whose_descriptors_are_hidden() {
    if !needs_root() || !needs("setpriv", "util-linux") {
        return;
    }
    let place = place();
    place.says("chmod 755 .; cp .bin/withlock copy; chmod 755 copy");
    let said = beside_a_holder(&place, "setpriv --reuid 65534 --clear-groups ./copy -n --json l true");
    let holder = object(&said)["holders"][0].clone();
    assert_eq!((&holder["evidence"], &holder["name"]), (&"caller".into(), &"sleep".into()), "{said:?}");
}

#[test]
fn an_invisible_holder_leaves_an_empty_list() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let said = beside_a_holder(&place(), "unshare --pid --fork --mount-proc withlock -n --json l true");
    let busy = object(&said);
    assert_eq!((&busy["holders"], said.code), (&json!([]), 75), "{said:?}");
    assert!(busy["reason"].as_str().is_some_and(|reason| reason.contains("cannot be seen from here")), "{busy}");
}

#[test]
fn without_a_busy_lock_stdout_belongs_to_the_command() {
    let place = place();
    assert_eq!(place.says("withlock --json l echo mine"), "mine\n");
    let said = place.sh("withlock --json l sh -c 'exit 75'");
    assert_eq!((&*said.stdout, said.code), ("", 75), "{said:?}");
    let said = place.sh("mkfifo f; withlock -n --json f true");
    assert_eq!((&*said.stdout, said.code), ("", 125), "{said:?}");
}

#[test]
fn an_object_that_cannot_be_written_is_an_error() {
    let said = beside_a_holder(&place(), "withlock -n --json l true >/dev/full");
    assert_eq!((&*said.stderr, said.code), ("withlock: write the answer: No space left on device\n", 125), "{said:?}");
}
