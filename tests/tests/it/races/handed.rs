//! Locks and descriptors that are handed on, inherited, or outlive their owner: none gives power over a stranger, and none
//! frees a claim.

use super::hostile::{NOBODY, RECYCLE, UNTIL, needs_python, roots_place, script};
use crate::common::place;
use predicates::prelude::predicate;
use tests::{needs, needs_root, nothing_to_show};

#[test]
fn a_lock_that_outlives_its_owner_in_a_shared_table_vouches_for_no_stranger() {
    if !needs_root() || !needs_python() {
        return;
    }
    let place = roots_place();
    place.write(
        "hostile.py",
        "from lib import *\nfd = os.open('p', os.O_RDWR | os.O_CREAT, 0o644)\nfcntl.flock(fd, fcntl.LOCK_EX)\n\
         def act():\n    lock_byte(fd, os.getpid())\n    write(fd, os.getpid())\n\
         say('dead', share_table_and_die(act))\ntime.sleep(1000)\n",
    );
    // The kernel tells the number of a dead owner in the first PID namespace only. Elsewhere it tells none, and nobody is named.
    place.write("recycle.py", RECYCLE);
    let said = script(
        &place,
        "/usr/bin/python3 hostile.py & hostile=$!; until_there dead; dead=$(cat dead)
         pidfile read p; echo read $?; pidfile signal TERM p; echo signal $?
         /usr/bin/python3 recycle.py $dead sleep 2000 & recycler=$!; until_there recycled; test $(cat recycled) = $dead || echo not recycled
         pidfile signal TERM p; echo signal $?; pidfile stop --timeout 1 --kill-after 0 p; echo stop $?
         kill -0 $dead && echo the stranger lives; kill $hostile $recycler $(cat recycled)",
    );
    let output = said.get_output();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if stdout.contains("not recycled") || stderr.contains("another PID namespace") {
        return nothing_to_show("the PID of the dead process could not be had again");
    }
    assert_eq!(stdout, "read 2\nsignal 2\nsignal 4\nstop 4\nthe stranger lives\n", "{stderr}");
    assert!(stderr.contains("has not taken the lock that speaks for it itself"), "{stderr}");
}

#[test]
fn a_descriptor_handed_to_a_daemon_of_roots_gives_no_power_over_it() {
    if !needs_root() || !needs_python() {
        return;
    }
    let place = roots_place();
    place.write("daemon.py", "from lib import *\nreceive('socket')\n");
    place.write(
        "hostile.py",
        "from lib import *\nfd = os.open('p', os.O_RDWR)\nfcntl.flock(fd, fcntl.LOCK_EX)\n\
         hand('socket', fd)\nwrite(fd, int(sys.argv[1]))\n",
    );
    script(
        &place,
        &format!(
            "install -o 65534 /dev/null p; /usr/bin/python3 daemon.py & victim=$!; until_there socket; {NOBODY} /usr/bin/python3 hostile.py $victim
             pidfile read p | grep -cx $victim; pidfile signal TERM p; echo $?; pidfile stop --kill-after 0 p; echo $?
             pidfile claim --replace p sleep 1000; echo $?; kill -0 $victim && echo lives"
        ),
    )
    .stdout("1\n4\n4\n4\nlives\n")
    .stderr(predicate::str::contains("user nobody can write the file p and so decide which process is named"));
}

/// A daemon with a worker that has lost its rights. When the daemon has died, the worker hands its descriptor on, and
/// writes a PID if it is given one.
const HANDS_ON: &str = "from lib import *
fd = descriptor_of('p')
if os.fork() == 0:
    # As long as it is in the daemon's session, nobody else gets the PID.
    os.setsid()
    os.setgid(65534)
    os.setuid(65534)
    os.open('handed/worker', os.O_CREAT, 0o600)
    wait_for('victim')
    hand('socket', fd)
    victim = open('victim').read()
    if victim:
        write(fd, int(victim))
    os.open('handed/on', os.O_CREAT, 0o600)
    time.sleep(1000)
time.sleep(1000)
";

#[test]
fn a_worker_that_hands_on_the_claim_of_a_dead_daemon_gives_no_power_over_its_victim() {
    if !needs_root() || !needs_python() {
        return;
    }
    let place = roots_place();
    place.write("victim.py", "from lib import *\nreceive('socket')\n");
    place.write("daemon.py", HANDS_ON);
    script(
        &place,
        "mkdir -m 777 handed; /usr/bin/python3 victim.py & victim=$!; until_there socket
         pidfile claim -b p /usr/bin/python3 daemon.py; until_there handed/worker; pid=$(pidfile read p); kill -9 $pid; waitfor --down pid:$pid
         echo $victim >v; mv v victim; until_there handed/on
         pidfile read p | grep -cx $victim; pidfile signal TERM p; echo $?; pidfile stop --kill-after 0 p; echo $?
         pidfile claim --replace p sleep 1000; echo $?; kill -0 $victim && echo lives
         pidfile stop --unlocked --exe /bin/true p; kill -0 $victim && echo lives",
    )
    .stdout("1\n4\n4\n4\nlives\nlives\n")
    .stderr(predicate::str::contains(
        "by a descriptor alone, and a worker that has inherited it can have written the PID",
    ));
}

#[test]
fn a_worker_that_hands_on_the_claim_of_a_dead_daemon_gives_no_power_over_who_gets_its_pid() {
    if !needs_root() || !needs_python() || !needs("unshare", "util-linux") {
        return;
    }
    let place = roots_place();
    place.write("victim.py", "from lib import *\nreceive('socket')\n");
    place.write("daemon.py", HANDS_ON);
    place.write("recycle.py", RECYCLE);
    place.write(
        "namespace",
        format!(
            "{UNTIL}mkdir -m 777 handed; pidfile claim -b p /usr/bin/python3 daemon.py; until_there handed/worker; pid=$(pidfile read p); kill -9 $pid; waitfor --down pid:$pid
             /usr/bin/python3 recycle.py $pid /usr/bin/python3 victim.py & until_there socket; : >victim; until_there handed/on
             pidfile read p | grep -cx $pid; pidfile signal TERM p; echo $?; pidfile stop --kill-after 0 p; echo $?
             kill -0 $pid && echo lives"
        ),
    );
    // withlock reaps what the daemon leaves behind, as the first process of a namespace has to.
    script(&place, "unshare -pf --mount-proc withlock l sh ./namespace").stdout("1\n4\n4\nlives\n");
}

/// The text is put back after a restart that has failed, and so is what speaks for it.
#[test]
fn a_forking_daemon_can_be_stopped_also_after_a_restart_that_has_failed() {
    let place = place();
    place.write("fork.pl", "exit if fork; $SIG{TERM} = 'IGNORE'; open my $ready, '>', 'ready'; sleep 1000");
    script(
        &place,
        "pidfile claim --forking p perl fork.pl; until_there ready; pid=$(pidfile read p)
         pidfile claim --replace --timeout 300ms p sleep 1000; echo $?; pidfile read p | grep -cx $pid
         pidfile read --json p | grep -c '\"evidence\":\"descriptor\"'
         pidfile signal KILL p; echo $?",
    )
    .stdout("124\n1\n1\n0\n");
}

/// The attribute is of an earlier claim, so nothing but the text says who the daemon is.
#[test]
fn a_daemon_that_takes_the_lock_of_a_pid_file_itself_is_signalled_only_unlocked() {
    let place = place();
    for (before, code) in [("pidfile claim p true", 4), ("rm p", 0)] {
        script(
            &place,
            &format!(
                "rm -f held; {before}; sh -c 'exec 9<>p; flock 9; echo $$ >&9; : >held; exec sleep 1000' & pid=$!; until_there held
                 pidfile read p | grep -cx $pid; pidfile signal CONT p; echo $?; pidfile signal --unlocked TERM p; echo $?
                 wait $pid; echo $?"
            ),
        )
        .stdout(format!("1\n{code}\n0\n143\n"));
    }
}

#[test]
fn who_may_only_read_the_file_gets_nobody_killed_by_the_lock_of_a_dead_daemon() {
    if !needs_root() || !needs_python() {
        return;
    }
    let place = roots_place();
    place.write("daemon.py", "from lib import *\nreceive('socket')\n");
    place.write(
        "hostile.py",
        "from lib import *\nfd = os.open('p', os.O_RDONLY)\nfcntl.flock(fd, fcntl.LOCK_EX)\nhand('socket', fd)\n",
    );
    script(
        &place,
        &format!(
            "pidfile claim p true; /usr/bin/python3 daemon.py & victim=$!; until_there socket; {NOBODY} /usr/bin/python3 hostile.py
             pidfile stop --timeout 200ms --kill-after 0 p; echo $?; kill -0 $victim && echo lives; kill $victim; wait $victim
             sh -c 'exec 9<>p; flock 9; echo >held; exec sleep 1000' & victim=$!; until_there held
             pidfile stop --timeout 200ms --kill-after 0 p; echo $?; kill -0 $victim && echo lives
             pidfile stop --kill-after 0 --kill-holders p; echo $?; wait $victim; echo $?"
        ),
    )
    .stdout("124\nlives\n124\nlives\n137\n137\n");
}

/// A worker that has inherited the claim: it lies, unlocks, and ends or lives on.
const WORKER: &str = "from lib import *
fd = descriptor_of('p')
child = os.fork()
if child == 0:
    os.setgid(65534)
    os.setuid(65534)
    wait_for('lie')
    write(fd, 999999)
    fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(1)
    time.sleep(int(sys.argv[1]))
    os._exit(0)
say('worker', child)
time.sleep(1000)
";

/// Race: worker-denies-successor (docs/races.md) is the restart with a worker that ends.
#[test]
fn a_worker_that_writes_and_unlocks_lets_no_second_daemon_in() {
    if !needs_root() || !needs_python() {
        return;
    }
    let place = roots_place();
    place.write("daemon.py", WORKER);
    let ways =
        ["claim -b --mode 0600", "claim -b --mode 0600 --supervise", "claim -b p sleep 1000; pidfile claim --replace"];
    for (way, lives) in ways.iter().flat_map(|way| [(way, 1000), (way, 0)]) {
        script(
            &place,
            &format!(
                "rm -f p lie worker; pidfile {way} p python3 daemon.py {lives}; until_there worker; pid=$(pidfile read p); : >lie
                 until grep -q 999999 p && flock -n p true; do :; done; test {lives} -gt 0 || waitfor --down pid:$(cat worker)
                 test $(pidfile read p) = $pid && echo believed; pidfile claim p true; echo claim $?
                 pidfile claim -b p sleep 1000; echo claim $?
                 pidfile stop p; echo stop $?; waitfor -q -t 0 --down pid:$pid && echo gone; kill $(cat worker) 2>/dev/null"
            ),
        )
        .stdout("believed\nclaim 75\nclaim 75\nstop 0\ngone\n");
    }
}

#[test]
fn a_worker_that_stands_itself_makes_the_claim_unknown_and_frees_nothing() {
    if !needs_root() || !needs_python() {
        return;
    }
    let place = roots_place();
    place.write(
        "daemon.py",
        WORKER.replace("write(fd, 999999)", "lock_byte(fd, os.getpid())\n    write(fd, os.getpid())").as_str(),
    );
    script(
        &place,
        "pidfile claim -b --mode 0600 p python3 daemon.py 1000; until_there worker; pid=$(pidfile read p); : >lie; until flock -n p true; do :; done
         pidfile read p; echo read $?; pidfile stop p; echo stop $?; pidfile signal KILL p; echo signal $?
         pidfile claim p true; echo claim $?; kill -0 $pid && echo lives; kill $pid $(cat worker)",
    )
    .stdout("read 4\nstop 4\nsignal 4\nclaim 75\nlives\n")
    .stderr(predicate::str::contains("each of these processes owns the byte of its PID"));
}

#[test]
fn a_replaced_shell_that_unlocks_at_its_end_does_not_free_the_claim_of_the_new_daemon() {
    let place = place();
    script(
        &place,
        "sh -c 'exec 9<>p; pidfile claim --fd 9 p || exit; trap \"flock -u 9; exit\" TERM; echo >up; while :; do sleep 0.05; done' &
         until_there up; pidfile claim --replace --ready true p sleep 1000; echo $?; flock -n p true; echo $?
         pidfile claim p true 2>/dev/null; echo $?; pidfile stop p; echo $?",
    )
    .stdout("0\n1\n75\n0\n");
}
