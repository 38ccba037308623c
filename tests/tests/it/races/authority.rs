//! Who could have made a PID file name a process, and over whom that gives power: nobody but themselves.

use crate::common::{RACEFREE, place};
use predicates::prelude::predicate;
use tests::{Place, needs, needs_root, nothing_to_show};

const NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups";

/// A place of root's in which others find the utilities and may write nothing.
fn roots_place() -> Place {
    let place = place();
    place.says(&format!(
        "chmod 755 . && cp {RACEFREE} .bin/real && for t in pidfile withlock waitfor logwatch; do ln -sf real .bin/$t; done"
    ));
    place.write("lib.py", PYTHON);
    place
}

/// What the hostile ones have in common.
const PYTHON: &str = r#"
import ctypes, fcntl, os, platform, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def lock_byte(fd, pid):
    fcntl.fcntl(fd, fcntl.F_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, pid, 1, 0))

def write(fd, pid):
    os.pwrite(fd, b'%d\n' % pid, 0)
    os.ftruncate(fd, len('%d\n' % pid))

def say(name, text='x'):
    with open(name + '.new', 'w') as f:
        f.write(str(text))
    os.rename(name + '.new', name)

def wait_for(name):
    while not os.path.exists(name):
        time.sleep(0.005)

def descriptor_of(path):
    there = os.stat(path)
    for fd in range(3, 64):
        try:
            if os.fstat(fd)[1:3] == there[1:3]:
                return fd
        except OSError:
            pass

def receive(name):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(name)
    os.chmod(name, 0o777)
    listener.listen()
    kept = []
    while True:
        connection, _ = listener.accept()
        kept.append(socket.recv_fds(connection, 10, 1))
        connection.send(b'.')

def hand(name, fd):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(name)
    socket.send_fds(client, [b'x'], [fd])
    client.recv(1)

def share_table_and_die(action):
    'A child that shares the table of descriptors, acts, and is reaped.'
    clone = {'x86_64': 56, 'aarch64': 220}[platform.machine()]
    CLONE_FILES, SIGCHLD = 0x400, 17
    child = libc.syscall(clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0)
    if child == 0:
        action()
        os._exit(0)
    os.waitpid(child, 0)
    return child
"#;

fn needs_python() -> bool {
    // Debian's own, which every user can run.
    needs("/usr/bin/python3", "python3")
}

/// Waits until a file is there.
const UNTIL: &str = "until_there() { until test -e \"$1\"; do :; done; }\n";

fn script(place: &Place, text: &str) -> assert_cmd::assert::Assert {
    place.script(&format!("{UNTIL}{text}"))
}

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

/// Runs a command as the process with a given PID, which is free.
const RECYCLE: &str = "from lib import *
wanted = int(sys.argv[1])
for attempt in range(2000):
    with open('/proc/sys/kernel/ns_last_pid', 'w') as last:
        last.write(str(wanted - 1))
    child = os.fork()
    if child == 0:
        os.execvp(*[(sys.argv[2], sys.argv[2:]), ('true', ['true'])][os.getpid() != wanted])
    if child == wanted:
        say('recycled', child)
        time.sleep(1000)
    os.waitpid(child, 0)
    # Until it is reaped, the dead process has its PID.
    time.sleep(0.005)
say('recycled', 0)
";

/// A daemon with a worker that has lost its rights. When the daemon has died, the worker hands its descriptor on, and
/// writes a PID if it is given one.
const HANDS_ON: &str = "from lib import *
fd = descriptor_of('p')
if os.fork() == 0:
    # As long as it is in the daemon's session, nobody else gets the PID.
    os.setsid()
    os.setgid(65534)
    os.setuid(65534)
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
         pidfile claim -b p /usr/bin/python3 daemon.py; pid=$(pidfile read p); kill -9 $pid; waitfor --down pid:$pid
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
            "{UNTIL}mkdir -m 777 handed; pidfile claim -b p /usr/bin/python3 daemon.py; pid=$(pidfile read p); kill -9 $pid; waitfor --down pid:$pid
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

/// The lock is one that pidfile has not taken, so nothing but the text says who the daemon is.
#[test]
fn a_daemon_of_roots_that_takes_the_lock_itself_is_signalled_only_unlocked() {
    if !needs_root() {
        return;
    }
    script(
        &roots_place(),
        "sh -c 'exec 9<>p; flock 9; echo $$ >&9; : >held; exec sleep 1000' & pid=$!; until_there held
         pidfile read p | grep -cx $pid; pidfile signal TERM p; echo $?; pidfile signal --unlocked TERM p; echo $?
         wait $pid; echo $?",
    )
    .stdout("1\n4\n0\n143\n");
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

/// The worker's part: it has inherited the claim, and lies.
const WORKER: &str = "from lib import *\nfd = descriptor_of('p')\nchild = os.fork()\nif child == 0:\n    os.setgid(65534)\n    os.setuid(65534)\n    \
    wait_for('lie')\n    write(fd, 999999)\n    fcntl.flock(fd, fcntl.LOCK_UN)\n    os.close(1)\n    time.sleep(1000)\nsay('worker', child)\ntime.sleep(1000)\n";

#[test]
fn a_worker_that_writes_and_unlocks_lets_no_second_daemon_in() {
    if !needs_root() || !needs_python() {
        return;
    }
    let place = roots_place();
    place.write("daemon.py", WORKER);
    for way in ["", "--supervise"] {
        script(
            &place,
            &format!(
                "rm -f p lie worker; pidfile claim -b --mode 0600 {way} p python3 daemon.py; until_there worker; pid=$(pidfile read p); : >lie
                 until grep -q 999999 p && flock -n p true; do :; done
                 test $(pidfile read p) = $pid && echo believed; pidfile claim p true; echo claim $?
                 pidfile claim -b p sleep 1000; echo claim $?
                 pidfile stop p; echo stop $?; waitfor -q -t 0 --down pid:$pid && echo gone; kill $(cat worker)"
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
        "pidfile claim -b --mode 0600 p python3 daemon.py; until_there worker; pid=$(pidfile read p); : >lie; until flock -n p true; do :; done
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

#[test]
fn no_link_of_another_user_is_followed() {
    if !needs_root() {
        return;
    }
    let place = roots_place();
    script(
        &place,
        &format!(
            "mkdir roots theirs; pidfile claim -b roots/p sleep 1000; pid=$(pidfile read roots/p); chown 65534 theirs
             {NOBODY} ln -s ../roots/p theirs/p; {NOBODY} ln -s ../roots theirs/d; {NOBODY} ln -s ../roots/new theirs/new
             for file in theirs/p theirs/d/p; do
                 for act in read stop 'stop --unlocked' 'signal TERM'; do pidfile $act $file 2>/dev/null; echo $act $?; done
                 pidfile claim $file true 2>/dev/null; echo claim $?
             done
             withlock theirs/new true; echo withlock $?; pidfile claim -b --log theirs/new p true; echo log $?
             pidfile claim theirs/new true; echo new $?; test -e roots/new || echo nothing was made
             test $(pidfile read roots/p) = $pid && echo lives"
        ),
    )
    .stdout(
        "read 4\nstop 4\nstop --unlocked 4\nsignal TERM 4\nclaim 125\nread 4\nstop 4\nstop --unlocked 4\nsignal TERM 4\nclaim 125\n\
         withlock 125\nlog 125\nnew 125\nnothing was made\nlives\n",
    )
    .stderr(predicate::str::contains("is a symbolic link made by user 65534"));
}

#[test]
fn a_directory_of_another_user_gives_power_over_that_users_processes_only() {
    if !needs_root() {
        return;
    }
    let place = roots_place();
    script(
        &place,
        &format!(
            "install -d -o 65534 theirs; pidfile claim -b theirs/p sleep 1000; pidfile read -q theirs/p; echo read $?
             pidfile stop theirs/p; echo stop $?; kill $(cat theirs/p); until pidfile claim theirs/p true; do :; done
             {NOBODY} pidfile claim -b theirs/q sleep 1001; pidfile stop theirs/q; echo stop $?"
        ),
    )
    .stdout("read 0\nstop 4\nstop 0\n")
    .stderr(predicate::str::contains("user nobody can write the directory ./theirs"));
}

#[test]
fn a_file_that_a_group_can_write_names_nobody_to_be_ended() {
    if !needs_root() {
        return;
    }
    let place = roots_place();
    script(
        &place,
        "sleep 1000 & victim=$!; echo $victim >p; chgrp 65534 p; chmod 664 p
         pidfile read --unlocked p; echo $?; pidfile stop --unlocked p; pidfile signal --unlocked KILL p; echo $?
         kill -0 $victim && echo lives; chmod 644 p; pidfile stop --unlocked p; echo $?; wait $victim; echo $?",
    )
    .stdout("1\n1\nlives\n0\n143\n")
    .stderr(predicate::str::contains("others than its owner may write the file"));
}

#[test]
fn the_proc_of_another_pid_namespace_is_asked_nothing() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = roots_place();
    // Without --mount-proc: /proc shows the processes outside, where the PID is another's.
    place.write(
        "inside",
        "sleep 1000 & victim=$!; echo $victim >p; pidfile read --unlocked p; echo $?
         pidfile stop --unlocked p; pidfile signal --unlocked KILL p; echo $?; kill -0 $victim && echo lives",
    );
    place
        .script("unshare -pf sh inside")
        .stdout("1\n1\nlives\n")
        .stderr(predicate::str::contains("/proc shows another PID namespace, and is asked nothing"));
}

#[test]
fn a_descriptor_in_append_mode_is_refused_with_the_way_to_open_it() {
    let place = place();
    script(&place, "echo 1 >p; exec 9>>p; pidfile claim --fd 9 p; echo $?; cat p; flock -n p true; echo $?")
        .stdout("125\n1\n0\n")
        .stderr(predicate::str::contains("open in append mode (in a shell, open it with <> as in `exec 9<>FILE`)"));
}

#[test]
fn a_daemon_that_replaces_its_pid_file_has_not_started() {
    let place = place();
    for ready in ["", "--ready 'until test -e done; do :; done'", "--supervise", "--forking"] {
        let fork = if ready == "--forking" { "exit if fork; " } else { "" };
        let daemon = format!(
            "{fork}open F, \">q\"; print F \"$$\\n\"; close F; rename \"q\", \"p\"; open D, \">done\"; sleep 1000"
        );
        script(
            &place,
            &format!("rm -f p done; pidfile claim -b {ready} p perl -e '{daemon}'; echo $?")
                .replace("-b --forking", "--forking"),
        )
        .stdout("125\n")
        .stderr(predicate::str::contains("let it write another file"));
        assert_eq!(place.still_running(), Vec::<String>::new(), "{ready}");
    }
}

#[test]
fn a_supervised_daemon_that_replaces_its_pid_file_is_ended_however_late() {
    let place = place();
    // It has slept before: no look at the start of the daemon finds this.
    let replace = r#"sleep 0.3; echo $$ >q; mv q p; exec sleep 1"#;
    for daemon in [replace.to_owned(), format!("({}); :", replace.replace("$$", "$(exec sh -c \"echo \\$PPID\")"))] {
        place.write("daemon", &daemon);
        script(&place, "rm -f p; pidfile claim --supervise p sh daemon; echo $?")
            .stdout("125\n")
            .stderr(predicate::str::contains("let it write another file"));
    }
}

#[test]
fn a_supervised_daemon_outlives_the_file_that_somebody_else_puts_at_its_path() {
    let place = place();
    for other in ["rm p", "rm p; echo $PPID >p", "echo 1 >q; mv q p", "rm p; mkdir p; rmdir p"] {
        script(
            &place,
            &format!(
                "rm -f p; pidfile claim --supervise p sh -c 'sleep 0.5; exit 7' & sleep 0.1; {other}; wait $!; echo $?"
            ),
        )
        .stdout("7\n")
        .stderr("");
    }
}

#[test]
fn a_daemon_that_closes_its_descriptors_has_not_started() {
    let place = place();
    script(
        &place,
        "pidfile claim -b p perl -e 'use POSIX; POSIX::close($_) for 3..20; sleep 1000'; echo $?; pidfile claim -b p true; echo $?",
    )
    .stdout("125\n3\n")
    .stderr(predicate::str::contains("it has closed the descriptor of its claim; start it with --supervise"));
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn a_daemon_of_three_generations_is_found_however_the_second_ends() {
    let place = place();
    place.write(
        "daemon.pl",
        "exit if fork; if (fork) { select undef, undef, undef, rand 0.004; exit }\n\
         select undef, undef, undef, 0.02; open F, '>', 'new'; print F \"$$\\n\"; close F; rename 'new', 'q'; sleep 1000",
    );
    let said = place.says(
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
             rm -f q; pidfile claim --forking --pid-from q p perl daemon.pl || echo failed $?; pidfile stop --kill-after 0 p >/dev/null || true
         done",
    );
    assert_eq!(said, "");
}

/// /proc is hidden here, as one listing of it can miss a process whose parent ends meanwhile.
#[test]
fn an_empty_listing_of_proc_does_not_prove_that_no_daemon_is_left() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    place.write(
        "daemon.pl",
        "exit if fork; open F, '>', 'new'; print F \"$$\\n\"; close F; rename 'new', 'q'; sleep 1000",
    );
    script(
        &place,
        "unshare -m sh -c 'mount -t tmpfs none /proc
             pidfile claim --forking --pid-from q --timeout 300ms --kill-after 0 p perl daemon.pl; echo $?'
         kill $(cat q)",
    )
    .stdout("124\n");
}

#[test]
fn a_process_whose_main_thread_has_ended_lives() {
    if !needs_python() {
        return;
    }
    let place = place();
    place.write(
        "daemon.py",
        "import ctypes, os, threading, time\nopen('q', 'w').write(str(os.getpid()))\n\
         threading.Thread(target=lambda: time.sleep(1000)).start()\nctypes.CDLL(None).pthread_exit(0)\n",
    );
    script(
        &place,
        "pidfile claim -b p python3 daemon.py; pid=$(cat p); until grep -q ') Z ' /proc/$pid/stat; do :; done
         test $(pidfile read p) = $pid; echo $?; test $(pidfile read --unlocked q) = $pid; echo $?
         pidfile claim p true 2>/dev/null; echo $?; pidfile stop p; echo $?",
    )
    .stdout("0\n0\n75\n0\n");
}

#[test]
fn each_step_between_fork_and_exec_tells_that_it_was_the_one_that_failed() {
    if !needs_root() || !needs("setpriv", "util-linux") || !needs("bash", "bash") {
        return;
    }
    let place = roots_place();
    place.says("install -d -o 65533 theirs");
    let user = "setpriv --reuid 65533 --regid 65533 --clear-groups";
    for way in ["-b", "--supervise"] {
        // A process limit stops the fork; no lock is in the way.
        let refused = place.script(&format!(
            "cd theirs; {user} bash -c 'ulimit -u 1; exec pidfile claim {way} p sleep 1000'; echo $?; cat p"
        ));
        refused.stdout("126\n").stderr(predicate::str::contains("run sleep: Resource temporarily unavailable"));
        place
            .script(&format!(
                "rm -f p; sh -c 'ulimit -f 0; pidfile claim {way} p sleep 1000; echo $?' 2>&1 | cat; cat p"
            ))
            .stdout("pidfile: record the PID in p: File too large\n125\n");
    }
    place
        .script("sh -c 'ulimit -f 0; pidfile claim q true; echo $?' 2>&1 | cat; pidfile claim q perl -e 'print $SIG{XFSZ} // \"default\"'")
        .stdout("pidfile: record the PID in q: File too large\n125\ndefault");
}

#[test]
fn without_dev_null_no_message_goes_into_the_pid_file() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    // The name of the file would be opened as descriptor 1, and the PID file as descriptor 2, into which the trace of a
    // claim that is refused goes.
    place
        .script(
            "echo 4000000 >p; flock p sleep 1000 & holder=$!; until ! flock -n p true; do :; done
             unshare -m sh -c 'mount -t tmpfs none /dev; pidfile -vv claim p true >&- 2>&-; echo $?'; cat p
             pkill -P $holder; wait $holder",
        )
        .stdout("75\n4000000\n");
}

#[test]
fn the_trace_tells_each_decision_with_the_id_of_its_race() {
    let place = place();
    script(
        &place,
        "pidfile claim -b p sleep 1000; pid=$(pidfile read p); : >p; flock -u p true
         sh -c 'exec 9<>q; flock 9; pidfile -vv claim q true'; echo $?; pidfile stop p",
    )
    .stdout("75\n")
    .stderr(predicate::str::contains("claim q: locked by nobody that is known, again [probe-meets-claim]"));
}
