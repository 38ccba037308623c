//! A program run from system call to system call (ptrace(2)), to open a race's window and look through it.

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Longer than any wait of a program that is stepped, shorter than a person's patience.
const PATIENCE: Duration = Duration::from_secs(40);

/// A process about to make a system call, held there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Which process: the program itself, or a child that has not yet become another program.
    pub pid: i32,
    /// Which call, as `libc::SYS_flock`.
    pub call: i64,
    /// Its arguments, as the kernel got them.
    pub arguments: [u64; 6],
}

impl Stop {
    /// Whether the call asks for a lock: flock(2), or fcntl(2) with a command that locks.
    pub fn asks_for_a_lock(&self) -> bool {
        const COMMANDS: [i32; 4] = [libc::F_SETLK, libc::F_SETLKW, libc::F_OFD_SETLK, libc::F_OFD_SETLKW];
        let is_fcntl = self.call == libc::SYS_fcntl && COMMANDS.iter().any(|&c| c as u64 == self.arguments[1]);
        self.call == libc::SYS_flock || is_fcntl
    }

    /// proc(5), /proc/PID/syscall: the number of the call, then its arguments.
    pub(crate) fn of(pid: i32) -> Option<Stop> {
        let line = std::fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?;
        let mut words = line.split_ascii_whitespace();
        let call = words.next()?.parse().ok()?;
        let mut arguments = [0; 6];
        for argument in &mut arguments {
            *argument = u64::from_str_radix(words.next()?.trim_start_matches("0x"), 16).ok()?;
        }
        Some(Stop { pid, call, arguments })
    }
}

/// A traced program and its children, until they become another program by execve(2).
///
/// The tracer is the thread that made it; use it from that thread only.
#[derive(Debug)]
pub struct Steps {
    traced: Vec<Pid>,
    /// Waited for by number, as its children are.
    program: Child,
    held: Option<Pid>,
    failing: Option<(Pid, Errno)>,
    status: Option<i32>,
}

/// Starts a program under ptrace(2), stopped after its exec. Its children are traced, too, and all die with the tracer.
pub(crate) fn start_traced(mut command: Command) -> (Child, Pid) {
    crate::before_exec::before_exec(&mut command, || Ok(ptrace::traceme()?));
    let child = command.spawn().expect("the program");
    let first = Pid::from_raw(child.id() as i32);
    assert!(matches!(waitpid(first, None), Ok(WaitStatus::Stopped(_, Signal::SIGTRAP))), "stopped by its exec");
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::setoptions(first, options).expect("our own tracee");
    (child, first)
}

impl Steps {
    /// Starts a program, held before its first system call.
    ///
    /// # Panics
    /// It cannot be started or traced.
    pub fn of(command: Command) -> Steps {
        let (child, first) = start_traced(command);
        Steps { traced: vec![first], program: child, held: Some(first), failing: None, status: None }
    }

    /// Steps a program that a shell becomes (`sh -c 'exec "$@"'`). The calls of the shell are not stepped.
    ///
    /// # Panics
    /// As [`Steps::of`].
    pub fn through_a_shell(command: Command) -> Steps {
        let mut steps = Steps::of(command);
        let shell = steps.held.expect("just begun");
        ptrace::cont(shell, None).expect("our own tracee");
        let exec = waitpid(shell, Some(WaitPidFlag::__WALL));
        assert!(matches!(exec, Ok(WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_EXEC))), "{exec:?}");
        steps.held = Some(shell);
        steps
    }

    /// Lets it go on to the next system call of any of its processes; `None` when all have ended or become another
    /// program.
    ///
    /// # Panics
    /// ptrace(2) fails, or nothing happens for a long time: it hangs.
    pub fn step(&mut self) -> Option<Stop> {
        if let Some(pid) = self.held.take() {
            self.go_on(pid, None);
        }
        let begun = Instant::now();
        loop {
            if self.traced.is_empty() {
                return None;
            }
            for pid in self.traced.clone() {
                if let Some(stop) = self.look_at(pid) {
                    self.held = Some(pid);
                    return Some(stop);
                }
            }
            assert!(begun.elapsed() < PATIENCE, "it makes no call any more, and does not end");
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    /// Lets it go on until it is about to make this call.
    ///
    /// # Panics
    /// It never makes it.
    pub fn run_to(&mut self, call: i64) -> Stop {
        loop {
            match self.step() {
                Some(stop) if stop.call == call => return stop,
                Some(_) => {}
                None => panic!("it ended without the awaited call"),
            }
        }
    }

    /// Kills the process that is held, and lets the others run on.
    ///
    /// # Panics
    /// No process is held.
    pub fn kill(mut self) {
        let pid = self.held.take().expect("a process that is held");
        nix::sys::signal::kill(pid, Signal::SIGKILL).expect("our own tracee");
        while !matches!(waitpid(pid, Some(WaitPidFlag::__WALL)), Ok(WaitStatus::Signaled(..)) | Err(_)) {}
        self.traced.retain(|&other| other != pid);
        self.finish();
    }

    /// Lets the call at which it is held fail: the kernel does nothing, and the program sees this error.
    ///
    /// # Panics
    /// No process is held, or ptrace(2) fails.
    #[cfg(target_arch = "x86_64")]
    pub fn fail(&mut self, errno: Errno) {
        let pid = self.held.expect("a process that is held");
        let mut registers = ptrace::getregs(pid).expect("a tracee at a call");
        // There is no such call, so the kernel skips it (ptrace(2), on seccomp's way to do the same).
        registers.orig_rax = u64::MAX;
        ptrace::setregs(pid, registers).expect("a tracee at a call");
        self.failing = Some((pid, errno));
    }

    #[cfg(target_arch = "x86_64")]
    fn answer(&mut self, pid: Pid) {
        if let Some((_, errno)) = self.failing.take_if(|(failing, _)| *failing == pid) {
            let mut registers = ptrace::getregs(pid).expect("a tracee behind a call");
            registers.rax = -i64::from(errno as i32) as u64;
            ptrace::setregs(pid, registers).expect("a tracee behind a call");
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn answer(&mut self, _: Pid) {}

    /// Lets everything run to its end and gives the exit status, of the program that it became, too.
    ///
    /// # Panics
    /// ptrace(2) fails, or it does not end for a long time.
    pub fn end(mut self) -> i32 {
        while self.step().is_some() {}
        let begun = Instant::now();
        loop {
            if let Some(status) = self.status {
                return status;
            }
            let pid = Pid::from_raw(self.program.id() as i32);
            match waitpid(pid, Some(WaitPidFlag::WNOHANG)).expect("our own child") {
                WaitStatus::Exited(_, status) => self.status = Some(status),
                WaitStatus::Signaled(_, signal, _) => self.status = Some(128 + signal as i32),
                _ if begun.elapsed() > PATIENCE => {
                    let _ = self.program.kill();
                    panic!("it became another program, which does not end");
                }
                _ => std::thread::sleep(Duration::from_micros(50)),
            }
        }
    }

    /// Lets everything run to its end and gives the exit status of the program, if it did not become another.
    ///
    /// # Panics
    /// ptrace(2) fails.
    pub fn finish(mut self) -> Option<i32> {
        while self.step().is_some() {}
        self.status
    }

    fn look_at(&mut self, pid: Pid) -> Option<Stop> {
        match waitpid(pid, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Ok(WaitStatus::StillAlive) => {}
            Ok(WaitStatus::PtraceSyscall(_)) => {
                let info = ptrace::syscall_info(pid).expect("a tracee at a call");
                if info.op == libc::PTRACE_SYSCALL_INFO_ENTRY {
                    return Stop::of(pid.as_raw());
                }
                self.answer(pid);
                self.go_on(pid, None);
            }
            Ok(WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_EXEC)) => {
                // It is another program now, which nobody wants to step.
                ptrace::detach(pid, None).expect("a tracee at its exec");
                self.traced.retain(|&other| other != pid);
            }
            Ok(WaitStatus::PtraceEvent(..)) => {
                if let Ok(child) = ptrace::getevent(pid) {
                    self.traced.push(Pid::from_raw(child as i32));
                }
                self.go_on(pid, None);
            }
            // A new child begins with a SIGSTOP of ptrace's own.
            Ok(WaitStatus::Stopped(_, Signal::SIGSTOP | Signal::SIGTRAP)) => self.go_on(pid, None),
            Ok(WaitStatus::Stopped(_, signal)) => self.go_on(pid, Some(signal)),
            Ok(WaitStatus::Exited(_, status)) => self.ended(pid, status),
            Ok(WaitStatus::Signaled(_, signal, _)) => self.ended(pid, 128 + signal as i32),
            Ok(_) => {}
            Err(_) => self.traced.retain(|&other| other != pid),
        }
        None
    }

    fn ended(&mut self, pid: Pid, status: i32) {
        self.traced.retain(|&other| other != pid);
        if pid.as_raw() == self.program.id() as i32 {
            self.status = Some(status);
        }
    }

    fn go_on(&mut self, pid: Pid, signal: Option<Signal>) {
        // ESRCH: it was killed meanwhile; the next wait tells.
        let _ = ptrace::syscall(pid, signal);
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        for &pid in &self.traced {
            // What a failed test leaves behind ends with it.
            let _ = nix::sys::signal::kill(pid, Signal::SIGKILL);
            let _ = waitpid(pid, Some(WaitPidFlag::__WALL));
        }
    }
}
