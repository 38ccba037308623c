//! A process of the model: where it is in its program, what it remembers, and what we know of it that nobody in the
//! model does.

use crate::kernel::{Ofd, Pid, Slot};

/// A pidfd: the process, never its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Aim {
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
    /// `pidfile claim --background`.
    Background,
    /// `pidfile claim --supervise`.
    Supervise,
    /// `pidfile claim --replace`.
    Replace,
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
    /// A child that one of them has started.
    Child,
}

/// Where it is in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// About to open the file for a claim.
    Open,
    /// About to ask for the flock.
    Lock,
    /// Refused; about to ask whether anybody is vouched for.
    Refused,
    /// Has the flock; about to compare the file with what the path names.
    Recheck,
    /// About to take the ticket, which keeps restarts away.
    ClaimTicket,
    /// About to ask for any record lock.
    AnyLock,
    /// Waiting for a restart to be over.
    AwaitTicket,
    /// About to read the text.
    ClaimText,
    /// About to ask who owns the byte of the text.
    ClaimOwner,
    /// The claim is ours; about to fork, or to name ourselves.
    Ours,
    /// About to lock its byte.
    NameByte,
    /// About to write its number.
    NameText,
    /// About to execute COMMAND.
    Exec,
    /// COMMAND could not be executed: about to keep restarts away.
    PutBackTicket,
    /// About to restore the text.
    PutBack,
    /// The daemon.
    Daemon,
    /// A worker of a daemon.
    Worker,
    /// A launcher that waits for what it has started.
    Watch,
    /// A supervisor about to vouch for its child.
    Vouch,
    /// About to open the file for reading, then through the reading, step by step.
    Read(Reading),
    /// About to hold the process that was read.
    Hold,
    /// About to send the signal.
    Send,
    /// A stop that waits for the end of the process.
    AwaitEnd,
    /// A stop that has seen one of the holders of an orphaned lock, and is about to hold it.
    HolderHold,
    /// A stop about to ask how that holder came to the lock.
    HolderInherited,
    /// A stop about to ask whether the lock is still orphaned, and to kill.
    HolderKill,
    /// Looking for leftovers.
    Left(Leftover, Pid),
    /// A restart about to open the file for its ticket.
    TicketOpen,
    /// About to take the ticket.
    TicketTake,
    /// About to compare the file with what the path names.
    TicketRecheck,
    /// A restart about to share the claim.
    Share,
    /// A restart about to start the new one.
    Fork,
    /// A restart that waits until the new one is ready.
    Ready,
    /// A restart about to write the number of the new one.
    Switch,
    /// A restart that waits for the end of the old one.
    StopOld,
    /// A restart about to take the lock that it could not share.
    LockShared,
    /// A restart that failed: about to restore the text.
    PutOldBack,
    /// A restart that failed: about to end the new one.
    Undo,
    /// A newcomer about to close the ticket.
    NewTicket,
    /// A newcomer about to mark itself.
    NewMark,
    /// A newcomer about to lock its byte.
    NewByte,
    /// A foreign program about to lock.
    ForeignLock,
    /// A foreign program with the lock.
    ForeignHeld,
    /// A stranger.
    Stranger,
    /// An enemy.
    Enemy,
}

/// The steps of one reading. The kernel is asked in two rounds, before and after the probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reading {
    /// open(2).
    Open,
    /// Read the text.
    Text(u8),
    /// Ask who owns the byte.
    Owner(u8),
    /// Another owns it: hold that one.
    OwnerHold(u8),
    /// Ask whether the owner still owns it.
    OwnerAgain(u8),
    /// Ask whether the number is a child of the owner.
    Child(u8),
    /// Ask whether the owner still lives.
    OwnerLives(u8),
    /// Ask for the shared flock.
    Probe,
    /// Give it back.
    Release,
    /// A second opinion: read the text.
    Opinion,
    /// A second opinion: does it live?
    Lives,
    /// A second opinion: has it a descriptor with the lock?
    Holds,
}

/// The steps of a look for leftovers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leftover {
    /// Open the file and ask for the ticket.
    Open,
    /// Ask who stands behind a byte.
    Stands,
    /// Hold it.
    Hold,
    /// Ask once more who stands behind the byte.
    StandsAgain,
    /// Read the text.
    Text,
    /// Ask whether another stands.
    Another,
    /// End it.
    End,
    /// Wait for its end.
    Await,
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
    /// The one of its ticket.
    pub ticket: Option<Ofd>,
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
    pub aim: Aim,
    /// The process that a restart replaces.
    pub old: Aim,
    /// The text before its claim.
    pub before: Pid,
    /// The child that it waits for.
    pub child: Option<Slot>,
    /// A restart could not share the claim.
    pub unshared: bool,
    /// KILL or TERM was sent to it.
    pub told: bool,

    // What follows only the model knows.
    /// It is the claimant, by the story that is to be told.
    pub claims: bool,
    /// It is a newcomer that was not announced.
    pub newcomer: bool,
    /// A newcomer took over from it.
    pub superseded: bool,
    /// The restart that minds it.
    pub minder: Option<Slot>,
    /// The path has named the file of its claim since it got the lock.
    pub was_at: bool,
    /// Who was truly behind the number when the evidence was taken.
    pub believed: Aim,
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
            ticket: None,
            named: 0,
            owner: 0,
            first: 0,
            another: false,
            freeing: false,
            aim: Aim::None,
            old: Aim::None,
            before: 0,
            child: None,
            unshared: false,
            told: false,
            claims: false,
            newcomer: false,
            superseded: false,
            minder: None,
            was_at: false,
            believed: Aim::None,
        }
    }

    /// Whether it leaves a child that has ended unreaped for a while.
    pub fn reaps_late(&self) -> bool {
        !matches!(self.at, At::Stranger | At::Daemon | At::Worker | At::Enemy)
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
            (Plan::Background, _) => "claim --background",
            (Plan::Supervise, _) => "claim --supervise",
            (Plan::Replace, _) => "claim --replace",
            (Plan::Read, _) => "read",
            (Plan::Signal, _) => "signal",
            (Plan::Stop, _) => "stop",
            (Plan::Foreign, _) => "a foreign program",
            (Plan::Stranger, _) => "a stranger",
            (Plan::Enemy, _) => "an enemy",
            (Plan::Child, _) => "its child",
        }
    }
}
