//! docs/stability.md as another implementation reads it: this one claims, reads and restarts by that page alone.

use crate::common::place;
use tests::{Place, needs};

/// The rules of the page, in another language.
const ANOTHER: &str = r#"
import fcntl, os, struct, sys

RESTART, MARK = 4194305, 8388608

def lock(fd, command, kind, offset, length=1):
    asked = struct.pack("hhqqi4x", kind, os.SEEK_SET, offset, length, 0)
    kind, _, start, length, owner = struct.unpack("hhqqi4x", fcntl.fcntl(fd, command, asked))
    return None if kind == fcntl.F_UNLCK else (start, length, owner)

def claim(path, command):
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    here, there = os.fstat(fd), os.stat(path)
    assert (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)
    lock(fd, fcntl.F_OFD_SETLK, fcntl.F_WRLCK, RESTART)
    if lock(fd, fcntl.F_GETLK, fcntl.F_WRLCK, 0, RESTART):
        sys.exit(75)
    text = b"%d\n" % os.getpid()
    lock(fd, fcntl.F_SETLK, fcntl.F_WRLCK, os.getpid())
    os.pwrite(fd, text, 0)
    os.ftruncate(fd, len(text))
    lock(fd, fcntl.F_OFD_SETLK, fcntl.F_UNLCK, RESTART)
    os.set_inheritable(fd, True)
    os.execvp(command[0], command)

def read(path):
    fd = os.open(path, os.O_RDONLY)
    number = int(os.pread(fd, 4097, 0).split(b"\n")[0])
    owner = lock(fd, fcntl.F_GETLK, fcntl.F_WRLCK, number)
    print("nobody" if owner is None else "held" if owner[2] == number else "other", number)

def restart(path):
    fd = os.open(path, os.O_RDWR)
    lock(fd, fcntl.F_OFD_SETLK, fcntl.F_WRLCK, RESTART)
    print("under way", flush=True)
    sys.stdin.read()

def marks(path, number):
    fd = os.open(path, os.O_RDONLY)
    print(lock(fd, fcntl.F_GETLK, fcntl.F_WRLCK, MARK + int(number)) is not None)

verb, path, *rest = sys.argv[1:]
{"claim": lambda: claim(path, rest), "read": lambda: read(path), "restart": lambda: restart(path),
 "marks": lambda: marks(path, *rest)}[verb]()
"#;

fn both() -> Option<Place> {
    if !needs("python3", "python3") {
        return None;
    }
    let place = place();
    place.write("another", ANOTHER);
    Some(place)
}

#[test]
fn what_another_implementation_claims_by_the_page_is_held_here_and_refused_to_others() {
    let Some(place) = both() else { return };
    let said = place.says(
        "python3 another claim pid sleep 60 & until pidfile -q read pid; do :; done
         test $(pidfile read pid) = $! && pidfile read --json pid | grep -o '\"evidence\":\"vouched\"'
         pidfile claim pid true 2>/dev/null || echo $?; cp pid before; pidfile stop pid; wait; test ! -s pid; cp before pid; python3 another read pid | cut -d' ' -f1",
    );
    assert_eq!(said, "\"evidence\":\"vouched\"\n75\nnobody\n");
}

#[test]
fn what_is_claimed_here_is_held_for_another_implementation() {
    let Some(place) = both() else { return };
    let said = place.says(
        "pidfile claim -b pid sleep 60; python3 another read pid | cut -d' ' -f1
         python3 another claim pid true 2>/dev/null || echo refused; pidfile stop pid",
    );
    assert_eq!(said, "held\nrefused\n");
}

#[test]
fn a_restart_of_another_implementation_keeps_a_claim_out_by_the_byte_on_the_page() {
    let Some(place) = both() else { return };
    let said = place
        .sh(": >pid; mkfifo in; python3 another restart pid <in >out & exec 3>in; until grep -q under out; do :; done
         pidfile claim pid true; echo $?; exec 3>&-; wait; pidfile claim pid true; echo $?");
    assert_eq!(said.stdout, "75\n0\n", "{said:?}");
    assert!(said.stderr.contains("a restart is under way"), "{said:?}");
}

#[test]
fn the_successor_of_a_restart_has_the_mark_of_the_page() {
    let Some(place) = both() else { return };
    let said = place.says(
        "pidfile claim -b pid sleep 60; old=$(pidfile read pid); python3 another marks pid $old
         pidfile claim --replace pid sleep 61; new=$(pidfile read pid); python3 another marks pid $new; pidfile stop pid",
    );
    assert_eq!(said, "False\nTrue\n");
}
