//! Four hostile writers of files and directories, against root's signal, stop, claim and replace. No stranger is hit, and no
//! two daemons run. By hand for longer: docs/reliability.md.

use crate::common::{RACEFREE, place};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tests::{Place, needs, needs_root};

/// What each writer does, again and again, as a user without rights.
const HOSTILE: &str = r#"
import ctypes, fcntl, os, platform, random, socket, struct, sys, time
mode, seed, victims = sys.argv[1], int(sys.argv[2]), [int(word) for word in sys.argv[3:]]
random.seed(seed)
libc = ctypes.CDLL(None)
CLONE = {'x86_64': 56, 'aarch64': 220}[platform.machine()]

def lock(fd, pid, kind=fcntl.F_WRLCK):
    fcntl.fcntl(fd, fcntl.F_SETLK, struct.pack('hhqqi4x', kind, 0, pid, 1, 0))

def write(fd, text):
    os.pwrite(fd, text, 0)
    os.ftruncate(fd, len(text))

def hand(fd):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(1)
    client.connect('receiver')
    socket.send_fds(client, [b'x'], [fd])
    client.recv(1)

def opened(path, flags):
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)

def file():
    fd = opened('theirs/p', os.O_RDWR)
    if random.random() < 0.5:
        # What would name the receiver, if nothing else were asked.
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hand(fd)
        write(fd, b'%d\n' % victims[0])
        time.sleep(0.05)
    for act in random.choices(range(7), k=6):
        victim = random.choice(victims + [os.getpid(), 1])
        if act == 0: write(fd, b'%d\n' % victim)
        if act == 1: fcntl.flock(fd, random.choice([fcntl.LOCK_EX, fcntl.LOCK_SH, fcntl.LOCK_UN]) | fcntl.LOCK_NB)
        if act == 2: lock(fd, random.choice([victim, (1 << 22) + 1, (1 << 23) + victim]))
        if act == 3: hand(fd)
        if act == 4: write(fd, random.choice([b'', b'\0' * 9, b'x', b'-1\n', b'%d' % victim, b'4000000\n']))
        if act == 5: fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, (1 << 22) + 1, 1, 0))
        if act == 6: time.sleep(random.random() * 0.01)
    os.close(fd)

def directory():
    act, new = random.randrange(8), 'theirs/new%d' % os.getpid()
    if os.path.lexists(new): os.unlink(new)
    if act < 2: os.symlink('../roots/other', new)
    elif act == 2: os.symlink('../roots/p', new)
    elif act == 3: os.mkfifo(new)
    elif act == 4: os.link('roots/other', new)
    elif act == 5: os.symlink('/dev/null', new)
    else: os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o666))
    os.rename(new, 'theirs/p')
    time.sleep(random.random() * 0.3)

def reader():
    fd = opened(random.choice(['roots/p', 'roots/other']), os.O_RDONLY)
    for act in random.choices(range(4), k=4):
        if act == 0: fcntl.flock(fd, random.choice([fcntl.LOCK_EX, fcntl.LOCK_SH]) | fcntl.LOCK_NB)
        if act == 1: hand(fd)
        if act == 2: lock(fd, random.choice(victims), fcntl.F_RDLCK)
        if act == 3: time.sleep(random.random() * 0.01)
    os.close(fd)

def table():
    fd = opened('theirs/p', os.O_RDWR)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    child = libc.syscall(CLONE, 0x400 | 17, 0, 0, 0, 0)
    if child == 0:
        try:
            lock(fd, os.getpid())
            write(fd, b'%d\n' % os.getpid())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    time.sleep(random.random() * 0.01)
    os.close(fd)

acts, done = {'file': file, 'directory': directory, 'reader': reader, 'table': table}, 0
while True:
    try:
        acts[mode]()
    except OSError:
        pass
    finally:
        # What an error has left open. Without descriptors nothing hostile could be done any more.
        os.closerange(3, 1 << 16)
    done += 1
    if done % 50 == 1:
        with open('theirs/done.' + mode, 'a') as count: count.write('.')
"#;

/// A daemon of root's that takes descriptors from anybody and keeps them.
const RECEIVER: &str = "import os, socket\nlistener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)\nlistener.bind('receiver')\n\
    os.chmod('receiver', 0o777)\nlistener.listen()\nkept = []\nwhile True:\n    client, _ = listener.accept()\n    \
    try:\n        kept.append(socket.recv_fds(client, 10, 1)[1])\n        client.send(b'.')\n    except OSError:\n        pass\n    \
    for fds in kept[:-20]:\n        for fd in fds: os.close(fd)\n    kept = kept[-20:]\n    client.close()\n";

/// A process that a test has started, and ends.
struct Started(Child);

impl Started {
    fn new(place: &Place, program: &str, arguments: &[&str]) -> Started {
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(place.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Started(command.spawn().expect(program))
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().expect("our own child").is_none()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn four_hostile_writers_hit_no_stranger_and_make_no_second_daemon() {
    const PYTHON: &str = "/usr/bin/python3";
    if !needs_root() || !needs(PYTHON, "python3") || !needs("setpriv", "util-linux") {
        return;
    }
    let default = if std::env::var_os("CI").is_some() { 60 } else { 10 };
    let seconds = std::env::var("STRANGERS_SECONDS").ok().and_then(|word| word.parse().ok()).unwrap_or(default);
    let place = place();
    place.says(&format!(
        "chmod 755 . && cp {RACEFREE} .bin/real && for t in pidfile withlock waitfor logwatch; do ln -sf real .bin/$t; done
         mkdir roots; install -d -o 65534 theirs; pidfile claim -b roots/other sleep 7777777"
    ));
    place.write("hostile.py", HOSTILE);
    place.write("receiver.py", RECEIVER);
    let other = place.says("pidfile read roots/other");
    let mut strangers = [Started::new(&place, PYTHON, &["receiver.py"]), Started::new(&place, "sleep", &["1000000"])];
    place.wait_until("the receiver listens", |place| place.file("receiver").exists());
    let mut victims: Vec<String> = strangers.iter().map(|stranger| stranger.0.id().to_string()).collect();
    victims.push(other.trim().to_owned());
    let modes = ["file", "directory", "reader", "table"];
    let start = |mode: &str, seed: u32| {
        let (seed, victims) = (seed.to_string(), victims.iter().map(String::as_str));
        let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", PYTHON, "hostile.py", mode, &seed];
        Started::new(&place, "setpriv", &nobody.into_iter().chain(victims).collect::<Vec<_>>())
    };
    let mut hostile: Vec<Started> = modes.iter().map(|mode| start(mode, 0)).collect();
    let (mut rounds, mut claims) = (0, 0);
    // No process of another run of this test has this command line.
    let daemon = format!("sleep 8888{}", std::process::id());
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        place.sh(
            "pidfile signal KILL theirs/p; pidfile signal --unlocked KILL theirs/p; pidfile stop --timeout 50ms --kill-after 0 theirs/p
             pidfile stop --unlocked --timeout 50ms --kill-after 0 theirs/p; timeout 5 pidfile claim theirs/p true
             pidfile claim --replace --timeout 300ms --kill-after 0 theirs/p sleep 0.01",
        );
        // Root's own file, which the hostile may read.
        let said = place.sh(&format!(
            "if pidfile claim -b roots/p {daemon}; then echo claimed; pidfile claim -b roots/p {daemon} && echo twice; fi
             pidfile claim --replace --timeout 2s --kill-after 0 roots/p {daemon}; pgrep -fxc '{daemon}'
             pidfile stop --timeout 2s --kill-after 0 roots/p; pgrep -fxc '{daemon}'"
        ));
        assert!(!said.stdout.contains("twice"), "{said:?}");
        let running = said.stdout.lines().filter_map(|line| line.parse::<u32>().ok());
        assert!(running.max() <= Some(1), "two daemons at once: {said:?}");
        claims += u32::from(said.stdout.contains("claimed"));
        rounds += 1;
        // They may have themselves signalled, which is no harm to others.
        for (mode, writer) in modes.iter().zip(&mut hostile) {
            if !writer.lives() {
                *writer = start(mode, rounds);
            }
        }
        assert!(strangers.iter_mut().all(Started::lives), "a stranger was hit in round {rounds}");
        assert_eq!(place.says("pidfile read roots/other"), other, "root's other daemon was hit in round {rounds}");
    }
    // A dot for the first act of each writer and for every 50 after it.
    let done = |mode: &&str| place.content(&format!("theirs/done.{mode}")).len() * 50;
    let acts: Vec<usize> = modes.iter().map(done).collect();
    drop(hostile);
    println!(
        "{rounds} rounds, {claims} claims of root's, {acts:?} acts of {modes:?}: 0 strangers hit, 0 double claims"
    );
    assert!(acts.iter().all(|&acts| acts > 0) && claims > 0, "nothing was tried: {acts:?}, {claims} claims");
    place.sh("pidfile stop --kill-after 0 roots/other; pidfile stop --kill-after 0 roots/p");
}
