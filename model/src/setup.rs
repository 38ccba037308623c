//! Who takes part, what can happen, and what is wrong on purpose.

use crate::process::Plan;

/// A flaw that the tools do not have: each must be found out, or the model could not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// The number is written before the flock is asked for.
    LockAfterWrite,
    /// The file is not compared with what the path names once it is locked.
    NoRecheck,
    /// A claimer that is refused does not try again.
    NoRetry,
    /// A signal is sent after one reading.
    NoSecondReading,
    /// The text alone is believed while the flock is held.
    TextIsBelieved,
    /// A claimer does not heed the restart lock of a restart.
    NoRestartLock,
    /// A successor inherits the restart lock's descriptor, and closes it by exec, after it has locked its byte.
    RestartLockIsInherited,
    /// A leftover is judged before it is held.
    LeftoverJudgedFirst,
    /// Who looks for leftovers asks for the restart lock, and does not take it.
    RestartLockAskedOnce,
    /// A stop kills whoever holds the lock of a dead daemon, by whatever right.
    HoldersAreKilled,
    /// A parent vouches by its number, which is not asked for again.
    ParentAskedOnce,
    /// A claimer asks whether a restart is under way, and one can begin a moment later.
    RestartLockOnlyAsked,
    /// A claimer that cannot execute COMMAND restores the text without looking.
    PutBackBlindly,
    /// A daemon removes its PID file before it ends.
    RemovedAtTheEnd,
    /// Only the process that the text names is asked for; the bytes of others are not looked at.
    OnlyTheNamedIsAsked,
    /// The number that the kernel tells is believed, and nobody looks whether such a process lives.
    DeadNumberBelieved,
    /// A signal is sent to whoever has the number that the kernel told.
    NoProof,
    /// Whoever may write the file can have any holder of its lock signalled.
    NoAuthority,
    /// A descriptor for reading only is evidence enough for a signal.
    ReadOnlyBelieved,
    /// A restart does not lock the shared description again after the old daemon has ended.
    NotLockedAgain,
    /// A claim by `--fd` does not heed the restart lock.
    ShellBesideRestart,
    /// Evidence "descriptor" is enough for a signal, whatever the PID attribute says.
    AttributeIgnored,
    /// A restart that finds an empty text restores no attribute with it.
    EmptyTextAlone,
    /// The process on record is the one that the text names, whatever the PID attribute says.
    TextOnRecord,
    /// A claim goes on although it was refused the flock.
    RefusalIgnored,
    /// A claim takes any number in the file for a daemon that runs.
    AnyTextIsBusy,
}

impl Flaw {
    /// All flaws.
    pub const ALL: [Flaw; 26] = [
        Flaw::LockAfterWrite,
        Flaw::NoRecheck,
        Flaw::NoRetry,
        Flaw::NoSecondReading,
        Flaw::TextIsBelieved,
        Flaw::NoRestartLock,
        Flaw::RestartLockIsInherited,
        Flaw::LeftoverJudgedFirst,
        Flaw::RestartLockAskedOnce,
        Flaw::HoldersAreKilled,
        Flaw::ParentAskedOnce,
        Flaw::RestartLockOnlyAsked,
        Flaw::PutBackBlindly,
        Flaw::RemovedAtTheEnd,
        Flaw::OnlyTheNamedIsAsked,
        Flaw::DeadNumberBelieved,
        Flaw::NoProof,
        Flaw::NoAuthority,
        Flaw::ReadOnlyBelieved,
        Flaw::NotLockedAgain,
        Flaw::ShellBesideRestart,
        Flaw::AttributeIgnored,
        Flaw::EmptyTextAlone,
        Flaw::TextOnRecord,
        Flaw::RefusalIgnored,
        Flaw::AnyTextIsBusy,
    ];
}

/// A cast, and what may happen to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    /// Who may come, and how many of each at once.
    pub cast: &'static [(Plan, usize)],
    /// Each comes only once.
    pub once: bool,
    /// A daemon runs at the beginning.
    pub daemon: bool,
    /// So many numbers there are.
    pub pids: u8,
    /// Any process can end at any moment.
    pub crashes: bool,
    /// Somebody removes the file, renames it and renames it back, or puts another in its place.
    pub adversary: bool,
    /// Daemons start workers, which inherit the lock.
    pub workers: bool,
    /// Daemons may close all their descriptors.
    pub closing: bool,
    /// An exec may fail.
    pub exec_fails: bool,
    /// pidfd_getfd(2) may be refused.
    pub unshared: bool,
    /// Workers unlock the claim, and write any number into the file.
    pub heirs: bool,
    /// Whoever may write the file has children that share its table of descriptors.
    pub tables: bool,
    /// Descriptors are handed to strangers.
    pub handing: bool,
    /// The file system has extended attributes. Elsewhere no file has a PID attribute: a claim without it keeps all promises
    /// but those about workers that hand descriptors on, or lie about a successor; and a search without it has fewer states.
    pub attributes: bool,
    /// The daemon of the beginning came by a restart, and has the mark of a successor.
    pub successor: bool,
    /// The daemon of the beginning is a shell that claimed by `--fd`, and unlocks its descriptor before it ends.
    pub shell: bool,
    /// What is wrong.
    pub flaw: Option<Flaw>,
}

impl Setup {
    /// Whether this is wrong.
    pub fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Whether somebody of this kind may come.
    pub fn casts(&self, plan: Plan) -> bool {
        self.cast.iter().any(|&(other, _)| other == plan)
    }
}
