//! A process of the model: where it is in its program, what it remembers, and what we know of it that nobody in the
//! model does.

use crate::at::At;
use crate::numbers::{Ofd, Pid, Slot};

/// A pidfd: the process, never its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PidFd {
    /// None is open.
    #[default]
    None,
    /// It lives.
    At(Slot),
    /// It has ended.
    Gone,
}

/// What a program was started for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plan {
    /// `pidfile claim`, which becomes the daemon.
    Claim,
    /// `pidfile claim --wait`.
    Wait,
    /// `pidfile claim --ensure`.
    Ensure,
    /// A shell that claims by `pidfile claim --fd`, through a descriptor that it has opened.
    Shell,
    /// `pidfile claim --background`.
    Background,
    /// `pidfile claim --supervise`.
    Supervise,
    /// `pidfile claim --replace`.
    Replace,
    /// `pidfile claim --replace` that has found nobody to replace, and starts the first daemon.
    First,
    /// `pidfile read`.
    Read,
    /// `pidfile signal`.
    Signal,
    /// `pidfile stop --kill-after`.
    Stop,
    /// `flock PIDFILE COMMAND`, or a daemon with pidfile(3), which writes its number too.
    Foreign,
    /// A process that has nothing to do with the file.
    Stranger,
    /// Whoever may write the file, and uses it.
    Enemy,
    /// Whoever may read the file, and uses it.
    Reader,
    /// A child that one of them has started.
    Child,
}

/// A process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its number.
    pub pid: Pid,
    /// Who waits for its end.
    pub parent: Option<Slot>,
    /// It has ended and was not reaped.
    pub zombie: bool,
    /// What it was started for.
    pub plan: Plan,
    /// Where it is.
    pub at: At,
    /// Its descriptors, one bit for each open file description.
    pub fds: u8,
    /// The one of its claim.
    pub claim: Option<Ofd>,
    /// The one through which it reads.
    pub read: Option<Ofd>,
    /// The one of its restart lock.
    pub restart_lock: Option<Ofd>,
    /// What the text said.
    pub named: Pid,
    /// Who owned the byte.
    pub owner: Pid,
    /// What the reading before this one said.
    pub first: Pid,
    /// Another stands.
    pub another: bool,
    /// A stop has seen the end of the process.
    pub freeing: bool,
    /// The process that it holds.
    pub pidfd: PidFd,
    /// The process that a restart replaces.
    pub old: PidFd,
    /// The text before its claim.
    pub before: Pid,
    /// The attribute before its claim; none: it is not to be restored.
    pub attribute_before: PidFd,
    /// The child that it waits for.
    pub child: Option<Slot>,
    /// A restart could not share the claim.
    pub unshared: bool,
    /// KILL or TERM was sent to it.
    pub signalled: bool,

    /// The reading believed a descriptor, and no byte.
    pub by_descriptor: bool,

    // What follows only the model knows.
    /// It is the claimant, by the story that is to be told.
    pub claims: bool,
    /// It is a successor that was not announced.
    pub successor: bool,
    /// A successor took over from it.
    pub superseded: bool,
    /// The restart that minds it.
    pub launcher: Option<Slot>,
    /// The path has named the file of its claim since it got the lock.
    pub was_at: bool,
    /// Who was truly behind the number when the evidence was taken.
    pub believed: PidFd,
}

impl Process {
    /// A new process.
    pub fn new(pid: Pid, plan: Plan, at: At) -> Process {
        Process {
            pid,
            parent: None,
            zombie: false,
            plan,
            at,
            fds: 0,
            claim: None,
            read: None,
            restart_lock: None,
            named: 0,
            owner: 0,
            first: 0,
            another: false,
            freeing: false,
            pidfd: PidFd::None,
            old: PidFd::None,
            before: 0,
            attribute_before: PidFd::None,
            child: None,
            unshared: false,
            signalled: false,
            by_descriptor: false,
            claims: false,
            successor: false,
            superseded: false,
            launcher: None,
            was_at: false,
            believed: PidFd::None,
        }
    }

    /// Whether it was started for this.
    pub fn is_of(&self, plan: Plan) -> bool {
        self.plan == plan || (self.plan, plan) == (Plan::First, Plan::Replace)
    }

    /// Whether it leaves a child that has ended unreaped for a while.
    pub fn reaps_late(&self) -> bool {
        !matches!(self.at, At::Stranger | At::Daemon | At::Worker | At::Enemy | At::Reader)
    }

    /// What is left of one that was not reaped.
    pub fn zombie(of: &Process) -> Process {
        let mut zombie = Process::new(of.pid, of.plan, At::Stranger);
        (zombie.zombie, zombie.parent) = (true, of.parent);
        zombie
    }

    /// Its name in a story.
    pub fn role(&self) -> &'static str {
        match (self.plan, self.at) {
            (_, At::Daemon) => "daemon",
            (_, At::Worker) => "worker",
            (Plan::Claim, _) => "claim",
            (Plan::Wait, _) => "claim --wait",
            (Plan::Ensure, _) => "claim --ensure",
            (Plan::Shell, _) => "a shell with claim --fd",
            (Plan::Background, _) => "claim --background",
            (Plan::Supervise, _) => "claim --supervise",
            (Plan::Replace | Plan::First, _) => "claim --replace",
            (Plan::Read, _) => "read",
            (Plan::Signal, _) => "signal",
            (Plan::Stop, _) => "stop",
            (Plan::Foreign, _) => "a foreign program",
            (Plan::Stranger, _) => "a stranger",
            (Plan::Enemy, _) => "an enemy",
            (Plan::Reader, _) => "a reader",
            (Plan::Child, _) => "its child",
        }
    }
}
