//! A daemon that shows by a kernel-side witness whether another is there: locks of its own, on a file of its own, which
//! end with the process before its flocks do.
//!
//! `witness plain|restart PIDFILE WITNESS VIOLATIONS`: of byte 0 there can be one owner, the daemon in charge; of bytes 1
//! and 2 one each, for a restart has two generations at once and never three. The newcomer of a restart is in charge
//! when PIDFILE names it and the old one has gone. What is found taken is written to VIOLATIONS.

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, kind, pidfile, witness, violations] = &arguments[..] else {
        panic!("witness plain|restart PIDFILE WITNESS VIOLATIONS")
    };
    let us = std::process::id().to_string();
    // Another process reads it: one that closes its own PID file loses the lock that vouches for it.
    let text = || Command::new("cat").arg(pidfile).stderr(Stdio::null()).output().expect("cat").stdout;
    let is_named = || text().trim_ascii_end() == us.as_bytes();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(witness).expect("WITNESS");
    let violated = |what: &str| {
        let line = format!("{what}: {} beside {:?}\n", std::process::id(), [0, 1, 2].map(|byte| owner(&file, byte)));
        let mut file = OpenOptions::new().append(true).create(true).open(violations).expect("VIOLATIONS");
        file.write_all(line.as_bytes()).expect("VIOLATIONS");
    };
    if taken(&file, 1) && taken(&file, 2) {
        violated("three generations at once");
    }
    // One that has been replaced before it came to this point is not in charge any more, and about to be ended.
    if kind == "plain" && taken(&file, 0) && is_named() {
        violated("two daemons at once");
    }
    while !is_named() {
        std::thread::sleep(Duration::from_millis(5));
    }
    if let Err(e) = fcntl(&file, FcntlArg::F_SETLKW(&lock(0))) {
        violated(&format!("no witness: {e}"));
    }
    loop {
        std::thread::park();
    }
}

/// Whether another has the byte; if not, it is ours now.
fn taken(file: &File, byte: i64) -> bool {
    match fcntl(file, FcntlArg::F_SETLK(&lock(byte))) {
        Ok(_) => false,
        Err(Errno::EAGAIN | Errno::EACCES) => true,
        Err(e) => panic!("lock the witness: {e}"),
    }
}

fn owner(file: &File, byte: i64) -> Option<i32> {
    let mut asked = lock(byte);
    fcntl(file, FcntlArg::F_GETLK(&mut asked)).ok()?;
    (i32::from(asked.l_type) != libc::F_UNLCK).then_some(asked.l_pid)
}

fn lock(byte: i64) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    }
}
