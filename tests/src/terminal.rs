//! A terminal of its own for a program, with somebody at the keys.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::unistd::setsid;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
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
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(flags).expect("a terminal");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("our own terminal");
        let name = ptsname_r(&master).expect("our own terminal");
        let slave =
            File::from(nix::fcntl::open(&*name, flags, nix::sys::stat::Mode::empty()).expect("our own terminal"));
        let copy = || slave.try_clone().expect("a descriptor");
        command.stdin(copy()).stdout(copy()).stderr(copy());
        crate::before_exec::before_exec(&mut command, || {
            setsid()?;
            crate::before_exec::control_terminal()
        });
        let program = command.spawn().expect("the program");
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK)).expect("our own terminal");
        Terminal { line: File::from(OwnedFd::from(master)), screen: String::new(), program }
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
