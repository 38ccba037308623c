//! Several programs under ptrace(2): one process goes on at a time, and every other one is held at its system call.

use crate::Stop;
use crate::steps::start_traced;
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

/// Where a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// It is about to make this call.
    Calls(Stop),
    /// It is behind a call, which gave this result: a negative one is an error.
    Called(i64),
    /// It sleeps in a call.
    Waits,
    /// It has become another program, and is held before the first instruction of that.
    Executed,
    /// It has ended with this status, 128+N for a signal.
    Ended(i32),
}

/// The processes. The tracer is the thread that made it; use it from that thread only.
#[derive(Debug, Default)]
pub struct OneByOne {
    /// Where each process was seen last.
    seen: HashMap<i32, Now>,
    /// Who has forked whom: (parent, child).
    forked: Vec<(i32, i32)>,
    /// The children of the test itself, which std waits for no more.
    programs: Vec<std::process::Child>,
}

impl OneByOne {
    /// Starts a program, held before its first call. It gives the PID.
    ///
    /// # Panics
    /// It cannot be started or traced.
    pub fn start(&mut self, command: Command) -> i32 {
        let (child, first) = start_traced(command);
        self.seen.insert(first.as_raw(), Now::Called(0));
        self.programs.push(child);
        first.as_raw()
    }

    /// The children of a process, in the order of their forks.
    pub fn children(&self, parent: i32) -> Vec<i32> {
        self.forked.iter().filter(|(by, _)| *by == parent).map(|&(_, child)| child).collect()
    }

    /// Where the process was seen last.
    pub fn seen(&self, pid: i32) -> Now {
        self.seen[&pid]
    }

    /// Lets the process go on from before a call to behind it, or from behind a call to before the next one. A process that
    /// has ended or executed stays there.
    pub fn go_on(&mut self, pid: i32) -> Now {
        let next = match self.seen(pid) {
            last @ (Now::Executed | Now::Ended(_)) => last,
            Now::Waits => self.look_at(pid),
            Now::Calls(_) | Now::Called(_) => {
                resume(pid, None);
                self.look_at(pid)
            }
        };
        self.seen.insert(pid, next);
        next
    }

    /// Kills the process.
    ///
    /// # Panics
    /// It does not end.
    pub fn kill(&mut self, pid: i32) {
        if matches!(self.seen(pid), Now::Ended(_)) {
            return;
        }
        nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL).expect("our own tracee");
        loop {
            match waitpid(Pid::from_raw(pid), Some(WaitPidFlag::__WALL)) {
                Ok(WaitStatus::Signaled(..) | WaitStatus::Exited(..)) | Err(Errno::ECHILD) => break,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(e) => panic!("wait for {pid}: {e}"),
            }
        }
        self.seen.insert(pid, Now::Ended(128 + Signal::SIGKILL as i32));
    }

    /// Whether the process has ended meanwhile without going on: its launcher's end has killed it.
    pub fn has_been_killed(&mut self, pid: i32) -> bool {
        if matches!(self.seen(pid), Now::Ended(_)) {
            return false;
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        let killed = matches!(state, None | Some('Z' | 'X'));
        if killed {
            self.kill(pid);
        }
        killed
    }

    fn look_at(&mut self, pid: i32) -> Now {
        let mut slept = 0;
        loop {
            match waitpid(Pid::from_raw(pid), Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
                Ok(WaitStatus::StillAlive) => {
                    slept = if sleeps(pid) { slept + 1 } else { 0 };
                    if slept == 20 {
                        return Now::Waits;
                    }
                    std::thread::sleep(Duration::from_micros(50));
                }
                Ok(WaitStatus::PtraceSyscall(_)) => return at_a_call(pid),
                Ok(WaitStatus::PtraceEvent(_, _, libc::PTRACE_EVENT_EXEC)) => return Now::Executed,
                Ok(WaitStatus::PtraceEvent(..)) => {
                    if let Ok(child) = ptrace::getevent(Pid::from_raw(pid)) {
                        self.forked.push((pid, child as i32));
                        self.seen.insert(child as i32, Now::Called(0));
                        // A new child begins with a SIGSTOP of ptrace's own, and stays there.
                        let _ = waitpid(Pid::from_raw(child as i32), Some(WaitPidFlag::__WALL));
                    }
                    resume(pid, None);
                }
                // A process that is asked to end ends when the test says so.
                Ok(WaitStatus::Stopped(_, Signal::SIGSTOP | Signal::SIGTRAP | Signal::SIGTERM)) => resume(pid, None),
                Ok(WaitStatus::Stopped(_, signal)) => resume(pid, Some(signal)),
                Ok(WaitStatus::Exited(_, status)) => return Now::Ended(status),
                Ok(WaitStatus::Signaled(_, signal, _)) => return Now::Ended(128 + signal as i32),
                Ok(_) => {}
                Err(_) => return Now::Ended(128 + Signal::SIGKILL as i32),
            }
        }
    }
}

fn resume(pid: i32, signal: Option<Signal>) {
    // ESRCH: it was killed meanwhile; the next wait tells.
    let _ = ptrace::syscall(Pid::from_raw(pid), signal);
}

/// Whether the process sleeps in a call (proc_pid_stat(5)).
fn sleeps(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
}

fn at_a_call(pid: i32) -> Now {
    let info = ptrace::syscall_info(Pid::from_raw(pid)).expect("a tracee at a call");
    match info.op {
        libc::PTRACE_SYSCALL_INFO_ENTRY => Stop::of(pid).map_or(Now::Called(0), Now::Calls),
        _ => Now::Called(result(pid)),
    }
}

fn result(pid: i32) -> i64 {
    ptrace::getregs(Pid::from_raw(pid)).map_or(0, |registers| registers.rax as i64)
}

impl Drop for OneByOne {
    fn drop(&mut self) {
        let all: Vec<i32> = self.seen.keys().copied().collect();
        for pid in all {
            // What a failed test leaves behind ends with it.
            self.kill(pid);
        }
    }
}
