//! Who holds the lock, who waits for it, and what is said about them.

use crate::common::place;
use predicates::prelude::predicate;
use std::process::Child;
use std::time::{Duration, Instant};
use tests::{Place, needs, needs_root};

const UNTIL_GO: &str = "while ! [ -e go ]; do sleep 0.01; done";

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn withlock(place: &Place, arguments: &[&str]) -> Running {
        Running(place.command("withlock").args(arguments).spawn().expect("withlock"))
    }

    fn id(&self) -> u32 {
        self.0.id()
    }

    fn succeeds(mut self) {
        assert!(self.0.wait().expect("our own child").success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Holds `l` until there is a file `go`.
fn held(place: &Place) -> Running {
    let holder = Running::withlock(place, &["l", "sh", "-c", &format!("echo > ready; {UNTIL_GO}")]);
    place.wait_until("it is held", |place| place.file("ready").exists());
    holder
}

fn wait_for_waiters(place: &Place, count: usize) {
    let words = match count {
        1 => "; 1 process waits for it".to_owned(),
        many => format!("; {many} processes wait for it"),
    };
    place.wait_until("they wait", |place| place.sh("withlock -n l true").stderr.trim_end().ends_with(&words));
}

#[test]
fn a_daemon_started_under_the_lock_does_not_keep_it() {
    assert_eq!(place().says("withlock l sh -c 'sleep 60 & echo started'; withlock -n l echo free"), "started\nfree\n");
}

#[test]
fn who_becomes_command_keeps_the_lock_as_long_as_its_heirs_live() {
    place()
        .script("withlock -F l sh -c 'sleep 60 & echo started'; withlock -n l echo free")
        .code(75)
        .stdout("started\n")
        .stderr(predicate::str::contains("(sleep 60)"));
}

#[test]
fn a_command_that_may_not_inherit_does_not_see_the_lock() {
    let place = place();
    assert_eq!(place.says("withlock l sh -c 'readlink /proc/$$/fd/* | grep -c /l$'"), "1\n");
    place.script("withlock -o l sh -c 'readlink /proc/$$/fd/* | grep -c /l$'").stdout("0\n");
    place.script("withlock -o l withlock -n l true").code(75);
    assert_eq!(place.says("withlock -o l sh -c 'sleep 60 & '; withlock -n l echo free"), "free\n");
}

#[test]
fn a_busy_lock_is_explained_in_one_line() {
    let place = place();
    let holder = held(&place);
    let said = place.sh("withlock -n l true").stderr;
    let start =
        format!("withlock: lock l: held by {} (withlock l sh -c echo > ready; while ! [ -e go ]; do ", holder.id());
    assert!(said.starts_with(&start), "{said}");
    let user = place.says("id -un");
    assert!(said.contains(&format!(" of {}, running for ", user.trim())), "{said}");
    assert!(said.contains("...) of ") && said.contains("; ") && !said.contains("wait for it"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn waiters_are_counted_and_served_in_the_order_in_which_they_came() {
    let place = place();
    let holder = held(&place);
    let mut waiters = Vec::new();
    for (number, option) in ["-x", "-w60", "-x", "-w60", "-o", "-F"].iter().enumerate() {
        waiters.push(Running::withlock(&place, &[option, "l", "-c", &format!("echo {number} >> order")]));
        wait_for_waiters(&place, number + 1);
    }
    place.write("go", "");
    holder.succeeds();
    waiters.into_iter().for_each(Running::succeeds);
    assert_eq!(place.content("order"), "0\n1\n2\n3\n4\n5\n");
}

#[test]
fn readers_share_and_a_writer_waits_for_them() {
    let place = place();
    let script = "withlock -s l sh -c 'echo > ready; exec sleep 60' & until [ -e ready ]; do :; done
        withlock -s -n l echo shared; withlock -n l echo alone 2> /dev/null; echo $?";
    assert_eq!(place.says(script), "shared\n75\n");
}

#[test]
fn the_deadline_is_exact() {
    let place = place();
    let _holder = held(&place);
    let begun = Instant::now();
    place.script("withlock -w 0.3 l true").code(75);
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_millis(300) && waited < Duration::from_secs(20), "{waited:?}");
}

#[test]
fn waiting_costs_no_wake_up() {
    let place = place();
    let _holder = held(&place);
    let waiter = Running::withlock(&place, &["-w", "60", "l", "true"]);
    wait_for_waiters(&place, 1);
    let switches = || place.says(&format!("grep ctxt_switches /proc/{}/status", waiter.id()));
    let before = switches();
    // Time must pass for anything to happen in it.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(switches(), before);
}

#[test]
fn a_lock_that_an_ancestor_holds_is_reported_at_once_with_the_chain() {
    let place = place();
    place.says("touch l; ln l hard; ln -s l soft");
    for path in ["l", "./l", "hard", "soft", "\"$PWD/l\""] {
        for outer in ["l", "-F l", "-o l"] {
            let said = place.sh(&format!("withlock {outer} sh -c 'withlock {path} echo ran; exit $?'"));
            assert_eq!((said.code, said.stdout.as_str()), (75, ""), "{outer} {path}");
            assert!(
                said.stderr.contains(": held by an ancestor of this process, so waiting for it would be a deadlock: "),
                "{said:?}"
            );
            assert!(said.stderr.contains("(sh -c withlock ") && said.stderr.contains(" > "), "{said:?}");
        }
    }
}

#[test]
fn a_lock_of_an_ancestor_that_may_not_be_looked_at_is_reported_too() {
    if !needs_root() || !needs("setpriv", "util-linux") {
        return;
    }
    let place = place();
    place.says("chmod 755 .; cp .bin/withlock copy; chmod 755 copy");
    let inner = "setpriv --reuid 65534 --clear-groups ./copy -w 60 l echo ran";
    let said = place.sh(&format!("withlock l sh -c '{inner}; exit $?'"));
    assert_eq!((said.code, said.stdout.as_str()), (75, ""), "{said:?}");
    assert!(said.stderr.contains(": held by an ancestor of this process, so waiting for it would be"), "{said:?}");
}

#[test]
fn an_ancestors_own_descriptor_can_be_locked_again() {
    let place = place();
    let script = "exec 9>>l; withlock 9; sh -c 'withlock -n 9 && echo again; withlock l true; echo $?'";
    assert_eq!(place.says(script), "again\n75\n");
}

#[test]
fn two_users_of_the_same_files_in_different_orders_never_block_each_other() {
    let place = place();
    let rounds = |order: &str| format!("for i in $(seq 100); do withlock {order} true || exit; done");
    let script = format!("{} & {} & {} & wait", rounds("-l a -l b c"), rounds("-l c -l b a"), rounds("-l a -l c b"));
    assert_eq!(place.says(&format!("{{ {script}; }} && echo done")), "done\n");
}

#[test]
fn several_locks_are_got_all_or_none() {
    let place = place();
    let script = "touch a b; withlock b sh -c 'echo > ready; exec sleep 60' & until [ -e ready ]; do :; done
        withlock -n -l b a true 2> /dev/null; echo $?; withlock -n -l a b true 2> /dev/null; echo $?; withlock -n a echo free";
    assert_eq!(place.says(script), "75\n75\nfree\n");
    let script =
        "withlock -l c d sh -c 'withlock -n c true; echo $?; withlock -n d true; echo $?; sleep 60 &' 2> /dev/null
        withlock -n -l d c echo free";
    assert_eq!(place.says(script), "75\n75\nfree\n");
}

#[test]
fn the_same_file_twice_is_one_lock() {
    assert_eq!(place().says("touch l; ln l hard; ln -s l soft; withlock -l l -l hard -l soft l echo ran"), "ran\n");
}

#[test]
fn a_lock_file_replaced_under_the_waiter_is_noticed() {
    let place = place();
    let holder = held(&place);
    let waiter = Running::withlock(&place, &["l", "sh", "-c", "echo waiter >> order"]);
    wait_for_waiters(&place, 1);
    place.says("mv l old");
    // The old file has a holder and a waiter; the new one a holder of its own.
    let script = "echo > new; while ! [ -e on ]; do sleep 0.01; done; echo other >> order";
    let other = Running::withlock(&place, &["l", "sh", "-c", script]);
    place.wait_until("the other holds it", |place| place.file("new").exists());
    place.write("go", "");
    holder.succeeds();
    wait_for_waiters(&place, 1);
    place.write("on", "");
    other.succeeds();
    waiter.succeeds();
    assert_eq!(place.content("order"), "other\nwaiter\n");
}

#[test]
fn who_may_not_look_at_the_holder_is_told_who_took_the_lock() {
    if !needs_root() || !needs("setpriv", "util-linux") {
        return;
    }
    let place = place();
    place.says("chmod 755 .; cp .bin/withlock copy; chmod 755 copy");
    let holder = held(&place);
    let said = place.sh("setpriv --reuid 65534 --clear-groups ./copy -n l true");
    assert_eq!(said.code, 75);
    let start = format!("withlock: lock l: taken by {} (withlock l sh -c ", holder.id());
    assert!(said.stderr.starts_with(&start) && said.stderr.contains(" of root, running for "), "{said:?}");
    place
        .script("withlock n setpriv --reuid 65534 --clear-groups ./copy n true")
        .stderr(predicate::str::contains("held by an ancestor of this process"));
}

#[test]
fn a_holder_in_another_pid_namespace_is_said_to_be_there() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    let _holder = held(&place);
    let said = place.sh("unshare --pid --fork --mount-proc withlock -n l true");
    let words = "held by a process that cannot be seen from here (in another PID namespace, or on another host)";
    assert_eq!(said.stderr, format!("withlock: lock l: {words}\n"));
}
