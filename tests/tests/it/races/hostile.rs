//! What the tests about hostile users have in common: a place of root's, a user without rights, and what he can do.

use crate::common::{RACEFREE, place};
use tests::{Place, needs};

pub(super) const NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups";

/// A place of root's in which others find the utilities and may write nothing.
pub(super) fn roots_place() -> Place {
    let place = place();
    place.says(&format!(
        "chmod 755 . && cp {RACEFREE} .bin/real && for t in pidfile withlock waitfor logwatch; do ln -sf real .bin/$t; done"
    ));
    place.write("lib.py", PYTHON);
    place
}

/// What the hostile ones have in common.
pub(super) const PYTHON: &str = r#"
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
    listener.bind(name + '.new')
    os.chmod(name + '.new', 0o777)
    listener.listen()
    os.rename(name + '.new', name)
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

pub(super) fn needs_python() -> bool {
    // Debian's own, which every user can run.
    needs("/usr/bin/python3", "python3")
}

/// Waits until a file is there.
pub(super) const UNTIL: &str = "until_there() { until test -e \"$1\"; do :; done; }\n";

pub(super) fn script(place: &Place, text: &str) -> assert_cmd::assert::Assert {
    place.script(&format!("{UNTIL}{text}"))
}

/// Runs a command as the process with a given PID, which is free.
pub(super) const RECYCLE: &str = "from lib import *
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
