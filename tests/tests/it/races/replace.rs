//! The overlapped restart: the new daemon beside the old one, and the claim never free in between.

use crate::common::place;
use fs4::FileExt;
use nix::libc;
use racefree::claim::status::Status;
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::{Place, Steps, free_port, needs, needs_root};

/// How many daemons run, the dying included.
fn daemons(place: &Place) -> Vec<String> {
    place.still_running().into_iter().filter(|line| line.starts_with("demod")).collect()
}

const START: &str = "pidfile claim -b --notify p demod --notify READY=1";
const REPLACE: &str = "pidfile claim --replace --notify p demod --notify READY=1";

#[test]
fn the_claim_is_never_free_and_no_connection_refused() {
    let place = place();
    let port = free_port();
    let demod = format!("p demod --notify READY=1 --reuse-port --port {port} --linger 20ms");
    place.says(&format!("pidfile claim -b --notify {demod}"));
    let done = AtomicBool::new(false);
    let until_done = |mut step: Box<dyn FnMut() -> bool + Send>| {
        let done = &done;
        move || {
            let (mut tries, mut hits) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                tries += 1;
                hits += usize::from(step());
            }
            (tries, hits)
        }
    };
    std::thread::scope(|scope| {
        let pidfile = place.file("p");
        let prober = std::fs::File::open(&pidfile).expect("the PID file");
        let prober = scope.spawn(until_done(Box::new(move || {
            std::thread::sleep(Duration::from_micros(100));
            match FileExt::try_lock(&prober) {
                Ok(()) => FileExt::unlock(&prober).is_ok(),
                Err(_) => false,
            }
        })));
        let reader = scope.spawn(until_done(Box::new(move || !matches!(Status::of(&pidfile), Status::Held(_)))));
        let client = scope.spawn(until_done(Box::new(move || match TcpStream::connect(("127.0.0.1", port)) {
            Ok(mut connected) => {
                // What is answered, and whether, is not the matter here: the socket of the old one is closed with its queue.
                let _ = connected.read(&mut [0; 64]);
                false
            }
            // Accepted into that queue, and reset before this thread ran again (connect(2) says ECONNRESET then).
            Err(e) if e.kind() == ErrorKind::ConnectionReset => false,
            Err(e) => {
                eprintln!("connect: {e}");
                true
            }
        })));
        let claimer = scope.spawn(|| {
            let mut slipped_in = 0;
            while !done.load(Ordering::Relaxed) {
                slipped_in += usize::from(place.sh("pidfile claim p true").code != 75);
            }
            slipped_in
        });
        let mut before = place.content("p");
        for _ in 0..10 {
            place.says(&format!("pidfile claim --replace --notify {demod}"));
            let now = place.content("p");
            assert_ne!(now, before);
            before = now;
        }
        done.store(true, Ordering::Relaxed);
        let (probes, got) = prober.join().expect("the prober");
        assert!(probes > 0 && got == 0, "the lock was free in {got} of {probes} probes");
        let (reads, wrong) = reader.join().expect("the reader");
        assert!(reads > 0 && wrong == 0, "{wrong} of {reads} readings were not `held`");
        let (connects, refused) = client.join().expect("the client");
        assert!(connects > 0 && refused == 0, "{refused} of {connects} connections were refused");
        assert_eq!(claimer.join().expect("the claimer"), 0, "a claim slipped in");
    });
    assert_eq!(daemons(&place).len(), 1);
}

#[test]
fn with_nothing_running_it_is_a_plain_start() {
    let place = place();
    place.says(REPLACE);
    assert_eq!(place.says("pidfile read p"), place.content("p"));
    assert_eq!(daemons(&place).len(), 1);
}

#[test]
fn the_kernel_vouches_for_the_new_one_too() {
    let place = place();
    place.says(&format!("{START}; {REPLACE}"));
    assert_eq!(place.says("pidfile read --json p | grep -o '\"evidence\":\"[a-z]*\"'"), "\"evidence\":\"vouched\"\n");
}

#[test]
fn if_the_new_one_fails_the_old_one_is_untouched() {
    let place = place();
    place.says(START);
    let before = place.content("p");
    for (options, code, why) in [
        ("--notify p demod --die-before 5", 3, "it exited with status 5 before it was ready"),
        ("--ready false p demod", 1, "the ready command exited with status 1"),
        ("--notify --timeout 300ms p demod", 124, "not ready after 300 ms"),
        (
            "--notify p demod --close-descriptors --notify READY=1",
            125,
            "it has closed the descriptor of its claim; start it with --supervise",
        ),
    ] {
        let said = place.sh(&format!("pidfile claim --replace --log /dev/null {options}"));
        assert_eq!((said.code, said.stderr), (code, format!("pidfile: start demod: {why}\n")), "{options}");
        assert_eq!((place.content("p"), place.says("pidfile read p")), (before.clone(), before.clone()));
        assert_eq!(daemons(&place).len(), 1);
    }
    let said = place.sh("pidfile claim --replace p /nonexistent");
    assert_eq!((said.code, place.says("pidfile read p")), (127, before));
}

#[test]
fn if_the_old_one_will_not_go_it_stays_the_claimant() {
    let place = place();
    place.says(&format!("{START} --ignore-term"));
    let before = place.content("p");
    let said = place.sh("pidfile claim --replace --log /dev/null --notify --timeout 1s p demod --notify READY=1");
    let why = format!("the old one, process {}, has not ended after 1.0 s", before.trim());
    assert_eq!((said.code, said.stderr), (124, format!("pidfile: start demod: {why}\n")));
    assert_eq!((place.content("p"), place.says("pidfile read p")), (before.clone(), before));
    assert_eq!(daemons(&place).len(), 1);
}

#[test]
fn the_old_one_is_asked_to_end_by_the_signal_asked_for() {
    let place = place();
    for (options, signal) in [("", "SIGTERM"), ("--stop-signal QUIT", "SIGQUIT")] {
        place.says("rm -f log; pidfile claim -b --log log --notify p demod --notify READY=1");
        place.says(&format!("pidfile claim --replace {options} p demod"));
        assert_eq!(place.content("log"), format!("demod: ready\ndemod: {signal}: ending\n"));
        place.says("pidfile stop p");
    }
    assert_eq!(place.sh("pidfile claim -b --stop-signal QUIT p true").code, 64);
}

#[test]
fn an_interrupted_restart_changes_nothing() {
    let place = place();
    place.says(START);
    let before = place.content("p");
    let said = place.sh(
        "pidfile claim --replace --log /dev/null --ready 'echo >asked; sleep 60' p demod & until test -e asked; do :; done; kill -TERM $!; wait $!; echo $?",
    );
    assert_eq!(said.stdout, "143\n");
    assert!(said.stderr.contains("pidfile: start demod: SIGTERM arrived\n"), "{said:?}");
    assert_eq!(place.says("pidfile read p"), before);
    assert_eq!(daemons(&place).len(), 1);
}

#[test]
fn concurrent_restarts_go_one_after_the_other() {
    let place = place();
    place.says(START);
    let said = place.says(&format!("for i in 1 2 3 4 5 6; do ({REPLACE}; echo $?) & done; wait"));
    assert_eq!(said, "0\n".repeat(6));
    assert_eq!(daemons(&place).len(), 1);
    assert_eq!(place.says("pidfile read p"), place.content("p"));
    let said = place
        .sh("pidfile claim --replace --log /dev/null --ready 'echo >asked; sleep 60' p demod & until test -e asked; do :; done
         pidfile claim --replace --timeout 50ms p demod; echo $?; kill $!; wait $!");
    assert_eq!(said.stdout, "75\n");
    assert!(said.stderr.starts_with("pidfile: replace the claimant of p: another restart is under way\n"), "{said:?}");
}

#[test]
fn if_the_old_one_dies_meanwhile_the_new_one_takes_over() {
    let place = place();
    place.says(START);
    place.says(
        "pidfile claim --replace --ready 'kill -9 $(cat p); until ! kill -0 $(cat p) 2>/dev/null || grep -q ^State:.Z /proc/$(cat p)/status; do :; done; pidfile claim p true 2>/dev/null; echo $? >claim' p demod",
    );
    assert_eq!(place.content("claim"), "75\n");
    assert_eq!(place.says("pidfile read p"), place.content("p"));
    assert_eq!(daemons(&place).len(), 1);
}

/// Kills the launcher while the new one is not ready yet: it is left running, unannounced.
const KILLED_LAUNCHER: &str =
    "pidfile claim --replace --log /dev/null --ready 'echo >asked; sleep 60' p demod & until test -e asked; do :; done
     kill -9 $!; wait $! 2>/dev/null; rm asked;";

#[test]
fn what_a_killed_restart_has_left_is_named_and_ended_by_the_next() {
    let place = place();
    place.says(START);
    let before = place.content("p");
    let said = place.says(&format!("{KILLED_LAUNCHER} pidfile read p; pidfile read --holders p | grep -c demod"));
    assert_eq!(said, format!("{before}2\n"));
    place.says(REPLACE);
    assert_eq!(daemons(&place).len(), 1);
    assert_ne!(place.says("pidfile read p"), before);
}

#[test]
fn what_a_killed_restart_has_left_is_ended_by_stop() {
    let place = place();
    place.says(START);
    assert_eq!(place.says(&format!("{KILLED_LAUNCHER} pidfile stop p; pidfile read -q p; echo $?")), "3\n");
    assert_eq!(daemons(&place), Vec::<String>::new());
}

#[test]
fn what_a_killed_restart_has_left_is_ended_by_the_next_claim() {
    let place = place();
    place.says(START);
    let said = place.says(&format!(
        "{KILLED_LAUNCHER} kill -9 $(cat p); while pidfile read -q p; do :; done; {START} 2>/dev/null; test $(pidfile read p) = $(cat p); echo $?"
    ));
    assert_eq!(said, "0\n");
    assert_eq!(daemons(&place).len(), 1);
}

#[test]
fn an_old_one_that_a_killed_restart_has_not_stopped_is_ended_by_the_next() {
    let place = place();
    place.says(&format!("{START} --ignore-term"));
    let before = place.content("p");
    let said = place.says(&format!(
        "{REPLACE} & while test $(cat p) = {}; do :; done; kill -9 $!; wait $! 2>/dev/null; pidfile read p",
        before.trim()
    ));
    assert_ne!(said, before);
    assert_eq!(daemons(&place).len(), 2);
    place.says("pidfile claim --replace --kill-after 50ms --notify p demod --notify READY=1");
    assert_eq!(daemons(&place).len(), 1);
}

#[test]
fn a_supervised_daemon_can_be_replaced_and_replace() {
    let place = place();
    for (from, to) in [("", "--supervise"), ("--supervise", "--supervise"), ("--supervise", "")] {
        let demod = "p demod --notify READY=1";
        place.says(&format!("pidfile claim -b --notify {from} {demod}"));
        let before = place.content("p");
        place.says(&format!("pidfile claim --replace --notify {to} {demod}"));
        assert_ne!(place.content("p"), before);
        assert_eq!(place.says("pidfile read p"), place.content("p"));
        assert_eq!(place.sh("pidfile claim p true").code, 75);
        assert_eq!(daemons(&place).len(), 1, "{from} {to}");
        assert_eq!(place.says("pidfile stop p; pidfile read -q p; echo $?"), "3\n");
        assert_eq!(place.still_running(), Vec::<String>::new());
    }
}

/// The manager asks /proc who speaks to it, so the speaker must not have ended; and the old one not either, for that would
/// be the end of the service.
#[test]
fn the_service_manager_has_read_whom_to_follow_before_the_old_one_is_asked_to_end() {
    let place = place();
    place.says("pidfile claim -b --notify --log log p demod --notify READY=1");
    let manager = UnixDatagram::bind(place.file("manager")).expect("a socket in our own directory");
    let mut restart =
        place.command("sh").arg("-c").arg(format!("NOTIFY_SOCKET=$PWD/manager {REPLACE}")).spawn().expect("sh");
    manager.set_read_timeout(Some(Duration::from_secs(60))).expect("our own socket");
    let read = || {
        let mut message = [0; 64];
        let length = manager.recv(&mut message).expect("a message");
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    assert_eq!(read(), format!("MAINPID={}", place.content("p").trim()));
    // Here a manager has not read on yet: for long enough that the old one would have been asked.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((place.content("log").as_str(), daemons(&place).len()), ("demod: ready\n", 2));
    assert!(restart.try_wait().expect("our own child").is_none());
    assert_eq!(read(), "BARRIER=1");
    assert!(restart.wait().expect("our own child").success());
    assert_eq!((place.content("log").as_str(), daemons(&place).len()), ("demod: ready\ndemod: SIGTERM: ending\n", 1));
}

#[test]
fn a_service_manager_that_does_not_read_holds_up_nobody_for_ever() {
    let place = place();
    place.says(START);
    let _manager = UnixDatagram::bind(place.file("manager")).expect("a socket in our own directory");
    place.says(&format!("NOTIFY_SOCKET=$PWD/manager {REPLACE}"));
    assert_eq!(daemons(&place).len(), 1);
}

/// As a root that may not look into other processes, so that pidfd_getfd(2) is refused.
const WITHOUT_PTRACE: &str = "setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace";

#[test]
fn where_the_descriptor_cannot_be_shared_the_lock_is_taken_over() {
    if !needs_root() || !needs("setpriv", "util-linux") {
        return;
    }
    let place = place();
    for _ in 0..5 {
        // With all capabilities; the new one gets fewer, and could be looked into.
        place.says(&format!("pidfile stop p; {START}"));
        let before = place.content("p");
        let said = place.sh(&format!(
            "(while ! test -e done; do pidfile claim p touch slipped-in 2>/dev/null; done) & {WITHOUT_PTRACE} pidfile claim -v --replace --notify p demod --notify READY=1; echo $?; touch done; wait; rm done"
        ));
        assert_eq!(said.stdout, "0\n");
        assert!(said.stderr.contains("the claim is taken over at the end of process"), "{said:?}");
        assert!(!place.file("slipped-in").exists(), "a claim slipped in");
        assert_ne!(place.content("p"), before);
        assert_eq!(place.says("pidfile read p"), place.content("p"));
        assert_eq!(place.sh("flock -n p true").code, 1);
        assert_eq!(daemons(&place).len(), 1);
    }
}

#[test]
fn where_the_lock_is_taken_over_a_foreign_claimer_can_come_first_and_nothing_is_left() {
    if !needs_root() || !needs("setpriv", "util-linux") {
        return;
    }
    let place = place();
    // The old one ends when there is a file `end`.
    let old = "trap \"until [ -e end ]; do sleep 0.01; done; exit\" TERM; : >ready; while :; do sleep 0.01; done";
    place.says(&format!("pidfile claim -b --ready 'until test -e ready; do :; done' p sh -c '{old}'"));
    // It queues for the lock, and the restart is stopped while the old one ends: so the foreign claimer comes first.
    let said = place.sh(&format!(
        "flock p sh -c 'echo >in; exec sleep 60' & before=$(cat p)
         {WITHOUT_PTRACE} pidfile claim --replace --log /dev/null --notify --timeout 5s p demod --notify READY=1 & while test $(cat p) = $before; do :; done
         kill -STOP $!; : >end; until test -e in; do :; done; kill -CONT $!; wait $!; echo $?"
    ));
    assert_eq!(said.stdout, "75\n", "{said:?}");
    assert_eq!(said.stderr, "pidfile: start demod: another process has taken the lock of p meanwhile\n");
    assert_eq!(daemons(&place), Vec::<String>::new());
}

/// The worst case: the text has the number of the new claimer, as PID 7 of every container does, so the kernel vouches for
/// it before it has written it.
#[test]
fn no_restart_begins_while_a_claim_is_half_way() {
    let place = place();
    let mut command = place.command("pidfile");
    command.args(["claim", "p", "sleep", "1000"]);
    let mut claimer = Steps::of(command);
    let first = claimer.step().expect("a first call");
    place.write("p", format!("{}\n", first.pid));
    claimer.run_to(libc::SYS_pwrite64);
    assert_eq!(place.says("pidfile read p"), format!("{}\n", first.pid));
    assert_eq!(place.sh("pidfile claim --replace --timeout 50ms p sleep 2000").code, 75);
    claimer.finish();
    assert_eq!(place.says("pidfile read p"), format!("{}\n", first.pid));
    assert_eq!(place.says("pidfile claim --replace p sleep 2000; pidfile read p"), place.content("p"));
    assert_ne!(place.content("p"), format!("{}\n", first.pid));
}

#[test]
fn a_shell_does_not_claim_beside_a_restart() {
    let place = place();
    let mut command = place.command("pidfile");
    command.args(["claim", "--replace", "p", "sleep", "1000"]);
    let mut restart = Steps::of(command);
    // It has the restart lock, and is about to see that nobody has the flock.
    restart.run_to(libc::SYS_flock);
    assert_eq!(place.sh("exec 9<>p; pidfile claim --fd 9 p").code, 75);
    assert_eq!(place.content("p"), "");
    restart.finish();
    // A shell that has claimed lets the next restart begin, which ends the shell.
    let said = place.sh("pidfile stop p; exec 9<>p; pidfile claim --fd 9 p; pidfile claim --replace p sleep 1001");
    assert_eq!(said.code, 128 + libc::SIGTERM, "{said:?}");
}

#[test]
fn a_plain_claim_half_way_is_no_leftover() {
    let place = place();
    place.write("p", "999999\n");
    let mut command = place.command("pidfile");
    command.args(["claim", "p", "sleep", "1000"]);
    let mut claimer = Steps::of(command);
    let stop = claimer.run_to(libc::SYS_pwrite64);
    // It has its byte, and the text names a dead process.
    assert_eq!(place.sh("pidfile claim p true").code, 75);
    assert_eq!(place.sh("pidfile claim --replace --timeout 50ms p true").code, 75);
    claimer.finish();
    assert_eq!(place.says("pidfile read p"), format!("{}\n", stop.pid));
}

#[test]
fn under_a_real_systemd_a_reload_replaces_the_main_process() {
    if !needs_root() || !needs("systemctl", "systemd") || !needs("nsenter", "util-linux") {
        return;
    }
    let place = place();
    let here = place.path().display();
    place.write(
        "demo.service",
        format!(
            "[Service]\nNotifyAccess=all\nExecStart={here}/real/pidfile claim {here}/p {here}/real/demod\n\
             ExecReload={here}/real/pidfile claim --replace --notify {here}/p {here}/real/demod --notify READY=1\n"
        ),
    );
    place.write(
        "script",
        "set -eu
         main() { systemctl show -P MainPID demo; }
         systemctl start demo; until real/pidfile read -q p; do :; done
         test $(main) = $(real/pidfile read p) && echo started
         for i in 1 2 3; do
             before=$(main); systemctl reload demo
             test $(main) = $(real/pidfile read p) && test $(main) != $before && systemctl is-active demo
         done
         pgrep -cx -r R,S,D,T demod
         before=$(main); ! real/pidfile claim --replace --notify p real/demod --die-before 1 2>/dev/null; test $(main) = $before && systemctl is-active demo
         # A process leaves its control group a moment before it is a zombie.
         systemctl stop demo; while pgrep -x -r R,S,D,T demod >left; do :; done; echo 0; real/pidfile read -q p || echo $?
         systemctl start demo; until real/pidfile read -q p; do :; done; systemctl reload demo
         kill -9 $(main); while systemctl -q is-active demo; do :; done; systemctl show -P Result demo",
    );
    let systemd = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd.sh");
    place.says("mkdir units real; mv demo.service units; cp $(command -v pidfile) $(command -v demod) real");
    let said = place.sh(&format!("{systemd} $PWD 'sh script'"));
    assert_eq!(said.stdout, "started\nactive\nactive\nactive\n1\nactive\n0\n1\nsignal\n", "{said:?}");
}

#[test]
fn a_restart_killed_at_any_call_leaves_one_claimant_and_the_next_restart_whole() {
    let place = place();
    place.says("pidfile claim -b p sleep 1000");
    // Every third call, for the sake of time.
    let mut tried = 0;
    for at in (1..).step_by(3) {
        let mut command = place.command("pidfile");
        command
            .args(["claim", "--replace", "--ready", "true", "p", "sleep", "1000"])
            .stderr(std::process::Stdio::null());
        let mut restart = Steps::of(command);
        if (0..at).any(|_| restart.step().is_none()) {
            break;
        }
        restart.kill();
        tried += 1;
        let said = place.sh("pidfile -q read p");
        assert_eq!(said.code, 0, "after call {at}: {said:?}");
        let said = place.sh("pidfile -q claim --replace --ready true p sleep 1000");
        assert_eq!(said.code, 0, "after call {at}: {said:?}");
        assert_eq!(place.still_running(), ["sleep 1000"], "after call {at}");
        assert_eq!(place.says("ps -o args= -p $(pidfile read p)"), "sleep 1000\n", "after call {at}");
    }
    assert!(tried > 50, "only {tried} calls");
}

/// The old one dies before its descriptor could be shared, so the lock is taken later; and a tidy stranger removes the
/// file meanwhile, while nobody has the lock.
#[test]
fn a_newcomer_whose_file_was_removed_before_it_got_the_lock_is_not_left_running() {
    let place = place();
    let old = place.says("pidfile claim -b p sleep 1000; pidfile read p");
    let mut command = place.command("pidfile");
    command
        .args(["claim", "--replace", "p", "sleep", "2000"])
        .stderr(std::fs::File::create(place.file("err")).unwrap());
    let mut restart = Steps::of(command);
    restart.run_to(libc::SYS_pidfd_getfd);
    place.says(&format!("kill -9 {}; while pidfile read -q p; do :; done", old.trim()));
    let forks = [libc::SYS_fork, libc::SYS_vfork, libc::SYS_clone, libc::SYS_clone3];
    while !forks.contains(&restart.step().expect("the newcomer").call) {}
    place.says("rm p");
    assert_eq!(restart.end(), 125);
    assert!(place.content("err").contains("p is not the claimed file any more"), "{}", place.content("err"));
    assert_eq!(place.still_running(), Vec::<String>::new());
}

/// Where only its byte names the old daemon, a successor could get the number that the text has, and be taken for the claimant.
#[test]
fn a_restart_records_the_old_daemon_whom_only_its_byte_names() {
    let place = place();
    place.says("pidfile claim -b p sleep 1000; cp p old; echo 999999 >p; pidfile read p | cmp - old");
    place
        .script("pidfile claim --replace --ready false p sleep 2000; echo $?; cmp p old && pidfile claim --replace p sleep 2000; echo $?")
        .stdout("1\n0\n");
    assert_eq!(place.still_running(), ["sleep 2000"]);
    assert_eq!(place.says("pidfile read p"), place.content("p"));
}
