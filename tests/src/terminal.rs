//! A terminal of its own for a program, with somebody at the keys.

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus};

/// A terminal, and the program in its foreground.
#[derive(Debug)]
pub struct Terminal {
    line: File,
    screen: String,
    program: Child,
}

impl Terminal {
    /// Starts a program as the leader of a session at a new terminal.
    ///
    /// # Panics
    /// There is no terminal to be had, or no such program.
    pub fn of(mut command: Command) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("our own terminal");
        let name = ptsname(&master, Vec::new()).expect("our own terminal");
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = File::from(rustix::fs::open(name, flags, rustix::fs::Mode::empty()).expect("our own terminal"));
        let copy = || slave.try_clone().expect("a descriptor");
        command.stdin(copy()).stdout(copy()).stderr(copy());
        crate::before_exec::before_exec(&mut command, || {
            rustix::process::setsid()?;
            Ok(rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?)
        });
        let program = command.spawn().expect("the program");
        rustix::io::ioctl_fionbio(&master, true).expect("our own terminal");
        Terminal { line: File::from(master), screen: String::new(), program }
    }

    /// Presses keys.
    ///
    /// # Panics
    /// The terminal is gone.
    pub fn types(&mut self, keys: &str) {
        self.line.write_all(keys.as_bytes()).expect("our own terminal");
    }

    /// All that it has shown so far.
    pub fn shows(&mut self) -> &str {
        let mut some = [0; 4096];
        // It ends with "nothing more for now", or with EIO when the last program has left.
        while let Ok(count @ 1..) = self.line.read(&mut some) {
            self.screen.push_str(&String::from_utf8_lossy(&some[..count]));
        }
        &self.screen
    }

    /// Closes it, as one closes a window.
    pub fn close(self) {
        drop(self);
    }

    /// The number of the program at it.
    pub fn pid(&self) -> u32 {
        self.program.id()
    }

    /// How the program has ended, if it has.
    ///
    /// # Panics
    /// wait(2) fails.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.program.try_wait().expect("our own child")
    }
}
