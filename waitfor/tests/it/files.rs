//! `file:`, `nonempty:`, `pidfile:`, `pid:` and `lock:`, at the prompt.

use crate::common::{place, said, waitfor, waiting_for};
use fs4::FileExt;
use predicates::prelude::predicate;
use racefree::claim::{Claimed, try_claim};

#[test]
fn a_file_is_awaited_from_its_first_missing_directory_on() {
    let place = place();
    let waiting = waiting_for(&place, &["file:a/b/c"]).until_it_says("No such file or directory");
    std::fs::create_dir_all(place.file("a/b")).unwrap();
    place.write("a/b/c", "");
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn an_empty_file_is_not_written_yet() {
    let place = place();
    let waiting = waiting_for(&place, &["nonempty:f"]).until_it_says("No such file");
    place.write("f", "");
    let waiting = waiting.until_it_says("it is empty");
    place.write("f", "x");
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_directory_that_may_not_be_searched_is_a_reason_and_no_failure() {
    if !tests::needs_root() || !tests::needs("setpriv", "util-linux") {
        return;
    }
    let place = place();
    // A copy, for our own directory may be closed to others, too.
    std::fs::copy(env!("CARGO_BIN_EXE_waitfor"), place.file("copy")).unwrap();
    place.says("chmod 755 . copy; mkdir -m 700 closed; echo 1 > closed/f");
    let said =
        place.sh("setpriv --reuid 65534 --clear-groups ./copy -t 50ms file:closed/f nonempty:closed/f unix:closed/f");
    assert_eq!(said.code, 124, "{said:?}");
    let expected = ["file", "nonempty", "unix"].map(|kind| format!("waitfor: {kind}:closed/f: Permission denied"));
    assert_eq!(said.without_times(), expected.join("\n"), "{said:?}");
}

#[test]
fn a_pid_file_is_awaited_until_it_is_claimed() {
    let place = place();
    place.write("p", "1\n");
    let waiting = waiting_for(&place, &["pidfile:p"]).until_it_says("stale: names 1, but nobody holds it");
    let Ok(Claimed::Ours(held)) = try_claim(&place.file("p")) else { panic!("not ours") };
    held.record_this_process().unwrap();
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_zombie_does_not_live() {
    let place = place();
    let mut child = place.command("true").spawn().unwrap();
    let pid = child.id();
    place.wait_until("a zombie", |_| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z "));
    let said = said(&place, &["-t0", &format!("pid:{pid}")]);
    assert_eq!(said.code, 124);
    assert_eq!(said.without_times(), format!("waitfor: pid:{pid}: it has ended"));
    child.wait().unwrap();
}

#[test]
fn a_lock_is_awaited_until_it_is_held_and_until_it_is_free() {
    let place = place();
    let waiting = waiting_for(&place, &["lock:l"]).until_it_says("No such file");
    place.write("l", "");
    let waiting = waiting.until_it_says("nobody holds it");
    let file = std::fs::File::open(place.file("l")).unwrap();
    file.lock().unwrap();
    assert_eq!(waiting.ended(), 0);
    waitfor(&place, &["--down", "-t0", "lock:l"])
        .code(124)
        .stderr(predicate::str::starts_with(format!("waitfor: lock:l: held by {} (", std::process::id())));
    let waiting = waiting_for(&place, &["--down", "lock:l"]).until_it_says("it is held");
    file.unlock().unwrap();
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_lock_that_several_share_is_held_until_the_last_of_them_has_gone() {
    let place = place();
    place.write("l", "");
    let [first, second] = [(); 2].map(|()| std::fs::File::open(place.file("l")).unwrap());
    first.lock_shared().unwrap();
    second.lock_shared().unwrap();
    waitfor(&place, &["lock:l"]).success().stdout("").stderr("");
    let waiting = waiting_for(&place, &["--down", "lock:l"]).until_it_says("it is held");
    first.unlock().unwrap();
    waitfor(&place, &["--down", "-t", "100ms", "lock:l"]).code(124);
    second.unlock().unwrap();
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn whoever_takes_a_lock_without_waiting_is_not_refused_because_somebody_waits_for_it_to_be_held() {
    if std::fs::read_link("/proc/self/ns/pid").unwrap().to_str() != Some("pid:[4026531836]") {
        return tests::nothing_to_show("/proc/locks shows all locks in the first PID namespace only");
    }
    let place = place();
    place.write("l", "");
    // It is held again and again, but never for an hour: so it is looked at without end.
    let waiting = waiting_for(&place, &["-t", "2h", "--stable", "1h", "--interval", "0", "lock:l"]);
    let waiting = waiting.until_it_says("nobody holds it");
    let file = std::fs::File::open(place.file("l")).unwrap();
    for round in 0..20_000 {
        FileExt::try_lock(&file).unwrap_or_else(|e| panic!("{round}: {e}"));
        FileExt::unlock(&file).unwrap();
    }
    nix::sys::signal::kill(waiting.pid(), nix::sys::signal::SIGTERM).unwrap();
    assert_eq!(waiting.ended(), 143);
}

#[test]
fn a_lock_held_outside_of_our_pid_namespace_is_held() {
    if !tests::needs_root() || !tests::needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    let file = std::fs::File::create(place.file("l")).unwrap();
    let inside = |script: &str| place.sh(&format!("unshare -pf --mount-proc sh -c '{script}'"));
    assert_eq!(inside("waitfor -t 0 lock:l 2>/dev/null; echo $?; waitfor --down lock:l; echo $?").stdout, "124\n0\n");
    file.lock().unwrap();
    let said = inside("waitfor -t 0 lock:l; echo $?; waitfor --down -t 0 lock:l; echo $?");
    assert_eq!(said.stdout, "0\n124\n");
    assert!(said.stderr.contains("lock:l: held by a process that cannot be seen from here"), "{said:?}");
}

#[test]
fn an_empty_directory_is_not_ready_until_it_has_an_entry() {
    let place = place();
    std::fs::create_dir(place.file("spool")).unwrap();
    let waiting =
        waiting_for(&place, &["--interval", "1h", "nonempty:spool"]).until_it_says("nonempty:spool: it is empty");
    place.write("spool/job", "");
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn any_file_that_a_pattern_matches_will_do() {
    let place = place();
    let waiting = waiting_for(&place, &["--interval", "1h", "file:run/*.ready"]);
    let waiting = waiting.until_it_says("file:run/*.ready: no file matches it");
    std::fs::create_dir(place.file("run")).unwrap();
    place.write("run/d", "");
    place.write("run/d.ready", "");
    assert_eq!(waiting.ended(), 0);
    waitfor(&place, &["-t0", "nonempty:run/*.ready"]).code(124).stderr(predicate::str::contains(": it is empty ("));
    place.write("run/e.ready", "x");
    waitfor(&place, &["-t0", "nonempty:run/*.ready", "file:[r]un/?.ready"]).success();
    // A file of this very name is not a pattern.
    place.write("[x]", "");
    waitfor(&place, &["-t0", "file:[x]"]).success();
    waitfor(&place, &["--down", "-t0", "file:*.none"]).success();
}

#[test]
fn a_file_is_stable_when_nobody_writes_to_it_any_more() {
    let place = place();
    place.write("f", "");
    let writes = "i=0; while [ $i -lt 30 ]; do echo >> f; i=$((i+1)); sleep 0.05; done; cp f written";
    let mut writer = place.command("sh").args(["-c", writes]).spawn().unwrap();
    waitfor(&place, &["-t", "30s", "--stable", "700ms", "file:f"]).success();
    // Had the wait ended earlier, there would be lines to come.
    assert_eq!(place.content("f").lines().count(), 30);
    assert!(writer.wait().unwrap().success());
}
