//! `pidfile stop --group` against a group that forks while it is signalled.

use crate::common::place;
use nix::libc;
use tests::{Place, Steps};

/// Forks a child when the file `fork` is there. The child has no descriptor of the claim.
const FORKS: &str = r#"
    use POSIX;
    sub begin_child { POSIX::close($_) for 3..20; open my $child, ">", "child.new"; print $child $$; close $child; rename "child.new", "child" }
    sub await { until (-e $_[0]) { select undef, undef, undef, 0.01 } }
"#;

fn start(place: &Place, daemon: &str) {
    place.write("daemon", format!("{FORKS}{daemon}"));
    place.says("pidfile claim -b --ready 'until test -e ready; do :; done' p perl daemon");
}

fn stop(place: &Place, options: &[&str]) -> Steps {
    let mut command = place.command("pidfile");
    command.args(["stop", "--group"]).args(options).arg("p");
    Steps::of(command)
}

fn run_to_signal(steps: &mut Steps, signal: i32) {
    while steps.run_to(libc::SYS_pidfd_send_signal).arguments[1] != signal as u64 {}
}

/// It has left the session, too.
#[test]
fn a_child_that_the_claimant_forks_after_the_first_look_is_asked_too() {
    let place = place();
    start(
        &place,
        r#"open my $ready, ">", "ready"; await("fork");
           fork or do { setsid(); $SIG{TERM} = sub { open my $asked, ">", "asked"; exit }; begin_child(); sleep 60 }; sleep 60"#,
    );
    let mut stop = stop(&place, &[]);
    stop.run_to(libc::SYS_pidfd_send_signal);
    place.write("fork", "");
    place.wait_until("it has forked", |place| place.file("child").exists());
    assert_eq!(stop.finish(), Some(0));
    assert!(place.file("asked").exists());
    assert_eq!(place.still_running(), Vec::<String>::new());
}

/// Its parent ends at once, as in a chain of forks.
#[test]
fn a_child_that_a_member_forks_before_the_kill_is_killed_too() {
    let place = place();
    start(
        &place,
        r#"$SIG{TERM} = "IGNORE";
           fork or do { open my $ready, ">", "ready"; await("fork"); fork and exit; begin_child(); sleep 60 }; wait; sleep 60"#,
    );
    let mut stop = stop(&place, &["--kill-after", "0"]);
    run_to_signal(&mut stop, libc::SIGCONT);
    run_to_signal(&mut stop, libc::SIGSTOP);
    place.write("fork", "");
    place.wait_until("it has forked and ended", |place| {
        place.file("child").exists() && place.still_running().len() == 3
    });
    assert_eq!(stop.finish(), Some(137));
    assert_eq!(place.still_running(), Vec::<String>::new());
}

/// As a daemon that runs a command at its end.
#[test]
fn a_child_that_is_forked_later_is_awaited_and_not_asked() {
    let place = place();
    start(
        &place,
        r#"$SIG{TERM} = sub {
               fork or do { setsid(); $SIG{TERM} = sub { open my $asked, ">", "asked" }; begin_child(); await("done"); exit };
               await("go"); exit
           };
           open my $ready, ">", "ready"; close $ready; sleep 1 while 1"#,
    );
    place
        .script(
            "pidfile stop --group p & stop=$!; until test -e child; do :; done; child=$(cat child)
             until grep -qsx \"Pid:[[:space:]]*$child\" /proc/$stop/fdinfo/*; do :; done
             echo >go; until ! pidfile read -q p; do :; done; kill -0 $stop; echo $?
             echo >done; wait $stop; echo $?; test -e asked || echo unasked",
        )
        .stdout("0\n0\nunasked\n")
        .stderr("");
}
