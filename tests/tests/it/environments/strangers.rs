//! What a stranger, or a dead file system, can do to a tool at work: each costs it a second at most, and never its end.

use crate::common::place;
use std::time::{Duration, Instant};
use tests::{Place, Said, needs, needs_root, nothing_to_show};

/// A FUSE file system with one file, which answers until the file `go` is there. Then it is dead.
const DEAD: &str = include_str!("dead_file_system.py");

/// A service manager that does not read: its queue is empty, or as full as it gets.
const MANAGER: &str = "import socket, sys, time
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind('manager')
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.setblocking(False)
try:
    while sys.argv[1] == 'full':
        sender.sendto(b'x', 'manager')
except BlockingIOError:
    pass
open('listens', 'w')
time.sleep(1000)
";

/// Sends to every notify socket that there is, for ever.
const FLOOD: &str = "import socket
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.setblocking(False)
names = []
while True:
    if not names:
        lines = open('/proc/net/unix').read().split('\\n')
        names = [line.split()[-1] for line in lines if '@pidfile-notify' in line]
    for name in names:
        try:
            sender.sendto(b'STATUS=flood', '\\0' + name[1:])
        except BlockingIOError:
            pass
        except OSError:
            names = []
";

/// Opens a file for reading so often, and takes so many read locks on it, from the last byte to the first.
const READER: &str = "my ($file, $opens, $locks) = @ARGV; my @open;
    for (1 .. $opens) { open my $f, '<', $file or die; push @open, $f }
    fcntl $open[0], 6, pack 'ssx4qqix4', 0, 0, 2 * ($locks - $_), 1, 0 for 0 .. $locks - 1;
    open my $done, '>', 'reads'; sleep 1000";

fn timed(place: &Place, script: &str) -> (Said, Duration) {
    let begun = Instant::now();
    let said = place.sh(script);
    (said, begun.elapsed())
}

/// A promised time, with what the machine takes now for doing nothing.
fn bound(place: &Place, promised: Duration) -> Duration {
    promised + 5 * timed(place, "pidfile read -q absent").1
}

#[test]
fn a_holder_is_named_although_a_file_system_is_dead_on_which_it_has_a_file_open() {
    if !needs_root() || !needs("python3", "python3") || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    place.write("dead", DEAD);
    place.write(
        "script",
        "mkdir mnt; python3 dead & until test -e mounted -o -e failed; do :; done; test -e mounted || exit 99
         (exec 8<mnt/file; echo >opened; exec withlock -F l pidfile claim p sleep 1000) & waitfor file:opened lock:l pidfile:p
         : >go; waitfor file:gone
         for call in 'withlock -n l true' 'pidfile claim p true' 'pidfile read --json p' 'pidfile read --holders p' 'pidfile stop --timeout 10 p'
         do timeout -k 0 20 $call >/dev/null; echo $?; done
         # On the dead file system itself nothing can be done but to end. The shell is not to look into it.
         set -f
         for call in 'withlock -w 0.2 mnt/file true' 'pidfile stop --timeout 0.2 mnt/file' \
             'pidfile claim --wait 0.2 mnt/file true' 'pidfile claim -b --timeout 0.2 mnt/file sleep 1' \
             'pidfile claim --replace --timeout 0.2 mnt/file sleep 1' 'waitfor -t 0.2 file:mnt/file' \
             'logwatch --timeout 0.2 -e x mnt/file' 'logwatch --timeout 0.2 -e x mnt/*'
         do timeout -k 0 20 $call; echo $?; done",
    );
    let (said, took) = timed(&place, "exec unshare -m sh script");
    if said.code == 99 {
        return nothing_to_show("needs /dev/fuse");
    }
    assert_eq!(said.stdout, format!("75\n75\n0\n0\n0\n{}", "137\n".repeat(8)), "{said:?}");
    assert!(took < bound(&place, Duration::from_secs(20)), "{took:?}");
}

#[test]
fn a_restart_goes_on_past_a_service_manager_that_does_not_read() {
    if !needs("python3", "python3") {
        return;
    }
    for queue in ["empty", "full"] {
        let place = place();
        place.write("manage", MANAGER);
        place.says(&format!("python3 manage {queue} & waitfor file:listens; pidfile claim -b p sleep 1000"));
        let (said, took) = timed(
            &place,
            "NOTIFY_SOCKET=$PWD/manager pidfile claim --replace --timeout 3s p sleep 2000; echo $?; pidfile read -q p; echo $?",
        );
        assert_eq!(said.stdout, "0\n0\n", "{queue}: {said:?}");
        assert!(said.stderr.contains("the service manager does not read"), "{queue}: {said:?}");
        assert!(took < bound(&place, Duration::from_secs(4)), "{queue}: {took:?}");
        let daemons: Vec<_> = place.still_running().into_iter().filter(|line| line.starts_with("sleep")).collect();
        assert_eq!(daemons, ["sleep 2000"], "{queue}");
    }
}

#[test]
fn a_restart_that_waits_for_its_service_manager_hears_term_and_the_old_daemon_stays() {
    if !needs("python3", "python3") {
        return;
    }
    let place = place();
    place.write("manage", MANAGER);
    place.says("python3 manage full & waitfor file:listens; pidfile claim -b p sleep 1000");
    let said = place.sh(
        "before=$(pidfile read p); NOTIFY_SOCKET=$PWD/manager pidfile claim --replace --timeout none p sleep 2000 & restart=$!
         until test \"$(cat p)\" != $before; do :; done; kill $restart; wait $restart; echo $?
         test \"$(pidfile read p)\" = $before && echo the old one",
    );
    assert_eq!(said.stdout, "143\nthe old one\n", "{said:?}");
    assert!(!place.still_running().contains(&"sleep 2000".to_owned()));
}

#[test]
fn a_flood_on_the_notify_socket_holds_up_neither_the_deadline_nor_term_nor_the_answer() {
    if !needs("python3", "python3") {
        return;
    }
    let place = place();
    place.write("flood", FLOOD);
    place.says("for i in 1 2 3 4; do python3 flood & done");
    let (said, took) = timed(
        &place,
        "pidfile claim -b --notify --timeout 1s --kill-after 0 p sleep 1000; echo $?; pidfile read -q p; echo $?",
    );
    assert_eq!(said.stdout, "124\n1\n", "{said:?}");
    assert!(took < bound(&place, Duration::from_secs(2)), "{took:?}");
    let (said, took) = timed(
        &place,
        "pidfile claim -b --notify --timeout none --kill-after 0 p sh -c 'echo >runs; exec sleep 1000' & waitfor file:runs
         kill $!; wait $!; echo $?",
    );
    assert_eq!(said.stdout, "143\n", "{said:?}");
    assert!(took < bound(&place, Duration::from_secs(3)), "{took:?}");
    let said = place.sh("pidfile claim -b --notify --timeout 20s --ready 'exit 7' --kill-after 0 p sleep 1000");
    assert_eq!(said.code, 1, "{said:?}");
}

#[test]
fn the_read_locks_of_one_who_may_only_read_cost_a_stop_nothing() {
    if !needs("perl", "perl") {
        return;
    }
    let place = place();
    place.write("reader", READER);
    place.says("pidfile claim -b p sleep 1000; perl reader p 1 20000 & waitfor file:reads");
    let (said, took) = timed(&place, "pidfile stop --timeout 1s p");
    assert_eq!(said.code, 0, "{said:?}");
    assert!(took < bound(&place, Duration::from_secs(2)), "{took:?}");
}

#[test]
fn a_reader_with_many_descriptors_and_locks_costs_a_busy_lock_a_second_at_most() {
    if !needs_root() || !needs("perl", "perl") {
        return;
    }
    let place = place();
    place.write("reader", READER);
    place.says("withlock -F l sleep 1000 & waitfor lock:l; ulimit -n 20000; perl reader l 19000 20000 & waitfor -t 50 file:reads");
    let (said, took) = timed(&place, "withlock -n l true");
    assert_eq!(said.code, 75, "{said:?}");
    assert!(
        said.stderr.starts_with("withlock: lock l: held by ") || said.stderr.starts_with("withlock: lock l: taken by "),
        "{said:?}"
    );
    assert!(took < bound(&place, Duration::from_secs(1)), "{took:?}");
}

#[test]
fn a_process_with_many_descriptors_does_not_hide_the_holder_of_a_lock() {
    if !needs_root() || !needs("perl", "perl") {
        return;
    }
    let place = place();
    place.write("reader", READER);
    // The readers have the lower PIDs, and are looked at first.
    place.says("ulimit -n 20000; : >other; for n in 1 2 3 4; do rm -f reads; perl reader other 19000 1 & waitfor -t 50 file:reads || exit; done; withlock -F l sleep 1000 & waitfor lock:l");
    let said = place.sh("pidfile read --holders l");
    assert!(said.stdout.ends_with(" sleep 1000\n"), "{said:?}");
}

#[test]
fn a_pidfile_that_is_killed_leaves_no_ready_command_behind() {
    let place = place();
    place.says(
        "pidfile claim -b --ready 'waitfor file:never & waitfor -t none file:never' p sleep 1000 & tool=$!
         until test $(pgrep -cf 'waitfor.*file:[n]ever') -ge 2; do :; done; kill -9 $tool",
    );
    place.wait_until("only the daemon is left", |place| {
        !place.still_running().iter().any(|line| line.contains("file:never"))
    });
}

#[test]
fn who_is_pid_1_of_a_container_reaps_its_orphans() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    for wrapper in ["withlock l", "pidfile claim --supervise p"] {
        let place = place();
        place.write(
            "command",
            "sh -c 'sh -c \"echo \\$\\$ >orphan; exec waitfor -q file:end\" & waitfor file:orphan'; : >end
             until ! test -e /proc/$(cat orphan); do :; done; echo reaped",
        );
        let said = place.sh(&format!("exec unshare -pf --mount-proc {wrapper} sh command"));
        assert_eq!((said.stdout.as_str(), said.code), ("reaped\n", 0), "{wrapper}: {said:?}");
    }
}

#[test]
fn what_hangs_past_its_deadline_is_ended_by_the_kernel() {
    let place = place();
    // A full pipe as stderr: the message that tells of the busy lock cannot be written.
    let (said, took) = timed(
        &place,
        "withlock -F l sleep 1000 & waitfor lock:l; mkfifo pipe; exec 3<>pipe; head -c 65536 /dev/zero >&3
         withlock -w 0.1 l true 2>&3; echo $?; pidfile claim -b p sleep 1000; : >&2
         pidfile stop --timeout 0 p --signal URG 2>&3; echo $?",
    );
    assert_eq!(said.stdout, "124\n124\n", "{said:?}");
    assert!(took < bound(&place, Duration::from_secs(4)), "{took:?}");
}

#[test]
fn no_text_from_outside_makes_a_line_of_its_own_or_turns_one_around() {
    let place = place();
    let said = place.sh(
        "name=$(printf 'p\\npidfile: all is well\\tx\\342\\200\\256y\\302\\233z'); pidfile read \"$name\"; pidfile read --json \"$name\"
         withlock -n \"$name/x\" true; pidfile stop --timeout 0 \"$name/\"
         withlock l sh -c 'withlock -n l true; :' \"$name\"; waitfor -t 0 \"file:$name\"; logwatch --no-follow -e x \"$name\"",
    );
    assert!(said.stderr.lines().count() >= 5, "{said:?}");
    for line in said.stderr.lines() {
        let speaker = ["pidfile: ", "withlock: ", "waitfor: ", "logwatch: "].iter().any(|name| line.starts_with(name));
        assert!(speaker && !line.starts_with("pidfile: all is well"), "{line}");
    }
    for text in [&said.stderr, &said.stdout] {
        assert!(!text.contains(['\u{202e}', '\u{9b}']), "{text}");
    }
    assert!(said.stdout.contains("p\\npidfile: all is well\\tx\\u202ey\\u009bz"), "{said:?}");
    assert!(said.stderr.contains("p\\npidfile: all is well"), "{said:?}");
}
