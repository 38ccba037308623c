//! PIDs that are used again, made exact in a PID namespace of the test's own (`ns_last_pid`, pid_namespaces(7)).

use crate::common::place;
use tests::{Place, Said, needs, needs_root};

/// Runs a script as PID 1 of a new PID namespace, with `next N` to make N the next PID, and `is_sleep` to see whether
/// process 300 is sleep(1) already.
fn in_namespace(place: &Place, script: &str) -> Said {
    let next = "next() { echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid; }";
    let is_sleep = "is_sleep() { read name </proc/300/comm && [ $name = sleep ]; }";
    place.write("script", format!("{next}\n{is_sleep}\n{script}"));
    place.sh("unshare -pf --mount-proc sh script")
}

#[test]
fn a_recycled_pid_is_stale_and_no_stranger_is_touched() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    let said = in_namespace(
        &place,
        "next 300; pidfile claim p sleep 1000 & wait_for=$!
        until pidfile -q read p; do :; done; pidfile read p
        kill -9 300; wait $wait_for
        next 300; sleep 2000 & [ $! = 300 ] || exit 99; until is_sleep; do :; done
        pidfile read p; echo read $?
        pidfile stop p; echo stop $?
        pidfile signal KILL p; echo signal $?
        kill -0 300 && tr '\\0' ' ' < /proc/300/cmdline && echo lives
        pidfile claim --background p sleep 3000; echo claim $?
        kill -0 300 && echo lives",
    );
    assert_eq!(said.stdout, "300\nread 1\nstop 0\nsignal 1\nsleep 2000 lives\nclaim 0\nlives\n", "{said:?}");
    assert!(
        said.stderr.contains("read p: stale: names 300, but nobody holds it; 300 is alive (sleep 2000)"),
        "{said:?}"
    );
}

/// The worst case: the number is recycled *and* the lock is still held, by a worker of the dead daemon.
#[test]
fn a_recycled_pid_beside_living_workers_is_not_believed() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    let said = in_namespace(
        &place,
        "next 300; pidfile claim p sh -c 'sleep 1001 & sleep 1002' & wait_for=$!
        until pidfile -q read p; do :; done
        until test $(pgrep -cx sleep) = 2; do :; done
        kill -9 300; wait $wait_for
        next 300; sleep 2000 & [ $! = 300 ] || exit 99; until is_sleep; do :; done
        pidfile read p; echo read $?
        pidfile signal KILL p; echo signal $?
        pidfile stop --timeout 0 --kill-after 0 p; echo stop $?
        kill -0 300 && echo lives",
    );
    assert_eq!(said.stdout, "read 4\nsignal 4\nstop 4\nlives\n", "{said:?}");
    assert!(said.stderr.contains("names 300 (sleep 2000), who does not hold it; it is held by "), "{said:?}");
}

/// The number is recycled between the moment a signaller has read it and the moment it takes hold of the process.
#[test]
fn a_pid_recycled_under_a_signaller_is_not_hit() {
    if !needs_root() || !needs("unshare", "util-linux") || !needs("strace", "strace") {
        return;
    }
    let place = place();
    // strace(1) stops `pidfile` behind its first question to the kernel (F_GETLK), which was answered with yes. A build with
    // debug assertions asks for a descriptor's flags before it closes it, so the question is not the first fcntl(2).
    let said = in_namespace(
        &place,
        "next 300; pidfile claim p sleep 1000 & wait_for=$!
        until pidfile -q read p; do :; done
        strace -qq -o calls -e trace=fcntl pidfile read -q p; first=$(grep -n F_GETLK calls | head -1 | cut -d: -f1)
        strace -qq -o trace -e inject=fcntl:signal=STOP:when=$first pidfile signal KILL p & tracer=$!
        until grep -q SIGSTOP trace 2>/dev/null; do :; done
        kill -9 300; wait $wait_for
        next 300; sleep 2000 & [ $! = 300 ] || exit 99; until is_sleep; do :; done
        pkill -CONT -x pidfile
        wait $tracer; echo signal $?
        grep -q 'F_GETLK.*l_pid=300' trace && kill -0 300 && echo lives",
    );
    assert_eq!(said.stdout, "signal 1\nlives\n", "{said:?}");
}

/// The number is given to a stranger while a tool is at work: before, between or after its steps, as chance has it.
#[test]
fn no_stranger_is_signalled_however_often_a_pid_is_recycled() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let times = std::env::var("RECYCLED").unwrap_or_else(|_| "100".into());
    let place = place();
    place.write(
        "rounds",
        "forced=0 hit=0 round=0
        next() { echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid; }
        while [ $forced -lt $1 ]; do
            round=$((round + 1)) name= spin=$((round % 97 * 7))
            next 300; pidfile claim p sleep 1000 & daemon=$!
            until [ \"$name\" = sleep ]; do read name < /proc/$daemon/comm || exit 98; done
            case $((round % 4)) in
            0) pidfile -q read p ;;
            1) pidfile signal TERM p ;;
            2) pidfile stop --timeout 1 p ;;
            3) pidfile claim --replace --timeout 2 p sleep 3000 ;;
            esac >>said 2>&1 & tool=$!
            while [ $spin -gt 0 ]; do spin=$((spin - 1)); done
            kill -9 $daemon 2>/dev/null; wait $daemon
            next $daemon; sleep 2000 & stranger=$!
            wait $tool
            kill -9 $stranger; wait $stranger
            case $?.$stranger in 137.$daemon) forced=$((forced + 1)) ;; 137.*) ;; *) hit=$((hit + 1)) ;; esac
            [ $((round % 4)) = 3 ] && pidfile -q stop --kill-after 1 p
        done 2>/dev/null
        echo $hit of $forced hit; echo $round rounds >&2",
    );
    let mut command = place.command("timeout");
    command.args(["-s", "KILL", "3600", "unshare", "-pf", "--kill-child", "--mount-proc", "sh", "rounds", &times]);
    let told = command.output().expect("unshare");
    let told = (String::from_utf8_lossy(&told.stdout).into_owned(), String::from_utf8_lossy(&told.stderr).into_owned());
    println!("{told:?}");
    assert_eq!(told.0, format!("0 of {times} hit\n"), "{told:?}");
}
