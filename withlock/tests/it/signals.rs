//! What `withlock` does with signals, at a real terminal too.

use crate::common::place;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use tests::{Place, Terminal};

/// Starts `withlock` and waits until its COMMAND has made the file `ready`.
fn started(place: &Place, arguments: &[&str]) -> Child {
    let child = place.command("withlock").args(arguments).spawn().expect("withlock");
    place.wait_until("COMMAND runs", |place| place.file("ready").exists());
    child
}

fn at_terminal(place: &Place, program: &str, arguments: &[&str]) -> Terminal {
    let mut command = place.command(program);
    command.args(arguments).env("PS1", "> ");
    Terminal::of(command)
}

fn code_at_the_end(place: &Place, terminal: &mut Terminal) -> Option<i32> {
    let mut ended = None;
    place.wait_until("the program ends", |_| {
        ended = terminal.ended();
        ended.is_some()
    });
    ended.and_then(|status| status.code())
}

const UNTIL_GO: &str = "while ! [ -e go ]; do sleep 0.01; done";

#[test]
fn what_is_sent_to_withlock_alone_reaches_command() {
    for signal in ["HUP", "INT", "QUIT", "TERM", "USR1", "USR2"] {
        let place = place();
        let script = format!("trap 'echo {signal} >> got; exit 7' {signal}; echo > ready; {UNTIL_GO}");
        let mut child = started(&place, &["l", "sh", "-c", &script]);
        place.says(&format!("kill -{signal} {}", child.id()));
        assert_eq!(child.wait().expect("our own child").code(), Some(7), "{signal}");
        assert_eq!(place.content("got"), format!("{signal}\n"));
    }
}

#[test]
fn ctrl_c_reaches_command_once_and_withlock_waits_for_it() {
    let place = place();
    let script = format!("trap 'echo int >> got' INT; trap 'exit 9' TERM; echo > ready; {UNTIL_GO}");
    let mut terminal = at_terminal(&place, "withlock", &["l", "sh", "-c", &script]);
    place.wait_until("COMMAND runs", |place| place.file("ready").exists());
    terminal.types("\x03");
    place.wait_until("COMMAND is interrupted", |place| place.file("got").exists());
    place.script("withlock -n l true").code(75);
    // Sent on after anything that was sent before it: a second interrupt would be there by now.
    place.says(&format!("kill -TERM {}", terminal.pid()));
    assert_eq!(code_at_the_end(&place, &mut terminal), Some(9));
    assert_eq!(place.content("got"), "int\n");
}

#[test]
fn ctrl_c_reaches_a_command_that_left_the_foreground() {
    let place = place();
    let script = format!("trap 'exit 9' INT; echo > ready; {UNTIL_GO}");
    let mut terminal = at_terminal(&place, "withlock", &["l", "setsid", "sh", "-c", &script]);
    place.wait_until("COMMAND runs", |place| place.file("ready").exists());
    terminal.types("\x03");
    assert_eq!(code_at_the_end(&place, &mut terminal), Some(9));
}

#[test]
fn a_terminal_that_is_closed_hangs_up_on_command_too() {
    let place = place();
    let script = format!("trap 'echo hup >> got; exit' HUP; echo > ready; {UNTIL_GO}");
    let terminal = at_terminal(&place, "sh", &["-c", "exec withlock l sh -c \"$0\"", &script]);
    place.wait_until("COMMAND runs", |place| place.file("ready").exists());
    terminal.close();
    place.wait_until("all have ended", |place| place.still_running().is_empty());
    assert_eq!(place.content("got"), "hup\n");
}

#[test]
fn ctrl_z_stops_and_fg_continues() {
    let place = place();
    let mut terminal = at_terminal(&place, "sh", &["-i"]);
    terminal.types(&format!("withlock l sh -c 'echo > ready; {UNTIL_GO}; exit 4'\n"));
    place.wait_until("COMMAND runs", |place| place.file("ready").exists());
    terminal.types("\x1a");
    place.wait_until("the shell says so", |_| terminal.shows().contains("Stopped"));
    place.script("withlock -n l true").code(75);
    place.write("go", "");
    terminal.types("fg; echo status=$?\n");
    place.wait_until("it ends", |_| terminal.shows().contains("status=4"));
    assert_eq!(place.says("withlock -n l echo free"), "free\n");
}

#[test]
fn a_signal_ignored_at_the_start_stays_ignored() {
    let place = place();
    let script = format!("trap '' HUP; exec withlock l sh -c 'echo > ready; {UNTIL_GO}; exit 5'");
    let mut child = place.command("sh").args(["-c", &script]).spawn().expect("sh");
    place.wait_until("COMMAND runs", |place| place.file("ready").exists());
    place.says(&format!("kill -HUP {} && touch go", child.id()));
    assert_eq!(child.wait().expect("our own child").code(), Some(5));
}

/// The ignored signals in the line `SigIgn: MASK`, but for 32 and 33: posix_spawn(3) of glibc ignores what it keeps for
/// its threads, and gives it back to those who use it.
fn ignored(line: &str) -> u64 {
    let mask = line.trim().rsplit(['\t', ' ']).next().expect("a mask");
    u64::from_str_radix(mask, 16).expect("a mask") & !(0b11 << 31)
}

#[test]
fn command_begins_with_the_signals_that_withlock_began_with() {
    let place = place();
    for how in ["", "trap '' HUP", "trap '' PIPE", "trap '' CHLD", "trap '' INT ALRM USR1", "trap '' CHLD PIPE"] {
        for mask in ["SigBlk", "SigIgn"] {
            let bare = place.says(&format!("{how}\n exec grep {mask} /proc/self/status"));
            for options in ["", "-F", "-o", "-w 60"] {
                let under = place.says(&format!("{how}\n exec withlock {options} l grep {mask} /proc/self/status"));
                assert_eq!(ignored(&under), ignored(&bare), "{how} {options} {mask}");
            }
        }
    }
}

#[test]
fn an_alarm_ignored_at_the_start_stays_ignored_after_a_wait_with_a_deadline() {
    let place = place();
    let mut holder = started(&place, &["l", "sh", "-c", &format!("echo > ready; {UNTIL_GO}")]);
    let script = "trap '' ALRM; exec withlock -w 60 l sh -c 'grep SigIgn /proc/self/status > under'";
    let mut waiter = place.command("sh").args(["-c", script]).spawn().expect("sh");
    place.wait_until("it waits", |place| place.sh("withlock -n l true").stderr.contains("1 process waits"));
    place.write("go", "");
    waiter.wait().and_then(|_| holder.wait()).expect("our own children");
    assert_eq!(ignored(&place.content("under")) & (1 << 13), 1 << 13);
}

#[test]
fn a_parent_that_ignores_its_children_does_not_hide_how_command_ended() {
    place().script("trap '' CHLD; exec withlock l sh -c 'exit 5'").code(5);
}

#[test]
fn a_command_ended_by_a_signal_ends_withlock_by_the_same_and_dumps_no_second_core() {
    let place = place();
    for (name, number) in [("TERM", 15), ("QUIT", 3), ("SEGV", 11), ("KILL", 9), ("PIPE", 13)] {
        let script = format!("ulimit -c unlimited; exec withlock l sh -c 'kill -{name} $$'");
        let status = place.command("sh").args(["-c", &script]).status().expect("sh");
        assert_eq!((status.signal(), status.core_dumped()), (Some(number), false), "{name}");
    }
}

#[test]
fn killing_withlock_leaves_the_lock_with_command() {
    let place = place();
    let mut child = started(&place, &["l", "sh", "-c", &format!("echo > ready; {UNTIL_GO}")]);
    child.kill().and_then(|()| child.wait()).expect("our own child");
    let said = place.sh("withlock -n l true");
    assert_eq!(said.code, 75);
    assert!(said.stderr.contains("(sh -c echo > ready;") && !said.stderr.contains("(withlock"), "{said:?}");
    assert_eq!(place.says("touch go; withlock -w 60 l echo free"), "free\n");
}

#[test]
fn without_inheritance_command_does_not_outlive_withlock() {
    let place = place();
    let mut child = started(&place, &["-o", "l", "sh", "-c", "echo > ready; exec sleep 60"]);
    child.kill().and_then(|()| child.wait()).expect("our own child");
    place.wait_until("COMMAND is gone", |place| place.still_running().is_empty());
    assert_eq!(place.says("withlock -n l echo free"), "free\n");
}

#[test]
fn a_signal_while_waiting_ends_the_wait() {
    let place = place();
    let mut holder = started(&place, &["l", "sh", "-c", "echo > ready; exec sleep 60"]);
    let mut waiter = place.command("withlock").args(["l", "touch", "ran"]).spawn().expect("withlock");
    place.wait_until("it waits", |place| place.sh("withlock -n l true").stderr.contains("1 process waits"));
    place.says(&format!("kill -TERM {}", waiter.id()));
    assert_eq!(waiter.wait().expect("our own child").signal(), Some(15));
    holder.kill().and_then(|()| holder.wait()).expect("our own child");
    assert!(!place.file("ran").exists());
}

#[test]
fn a_terminal_shows_what_is_awaited_and_loses_no_place_in_the_queue_by_it() {
    let place = place();
    let mut holder = started(&place, &["l", "sh", "-c", &format!("echo > ready; {UNTIL_GO}")]);
    let mut first = at_terminal(&place, "withlock", &["-w", "60", "l", "sh", "-c", "echo first >> order"]);
    place.wait_until("the first waits", |place| place.sh("withlock -n l true").stderr.contains("1 process waits"));
    let mut second = place.command("withlock").args(["l", "sh", "-c", "echo second >> order"]).spawn().expect("it");
    place.wait_until("both wait", |place| place.sh("withlock -n l true").stderr.contains("2 processes wait"));
    place.wait_until("it is shown twice", |_| {
        first.shows().matches("withlock: waiting for the lock on l: held by").count() > 1
    });
    place.write("go", "");
    assert_eq!(code_at_the_end(&place, &mut first), Some(0));
    assert!(first.shows().ends_with("\r\x1b[K"), "{:?}", first.shows());
    second.wait().and_then(|_| holder.wait()).expect("our own children");
    assert_eq!(place.content("order"), "first\nsecond\n");
}
