//! Where a process is in its program.

use crate::numbers::Pid;

/// Where it is in its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// About to open the file for a claim.
    Open,
    /// About to ask for the flock.
    Lock,
    /// Refused; about to ask whether anybody is vouched for.
    Refused,
    /// Refused for good; about to read who has the file.
    Busy,
    /// Has the flock; about to compare the file with what the path names.
    Recheck,
    /// About to take the restart lock, which keeps restarts away.
    ClaimRestartLock,
    /// About to ask for any record lock.
    AnyLock,
    /// Waiting for a restart to be over: for its restart lock.
    AwaitRestart,
    /// Has waited for the restart lock, and is about to give it back.
    Awaited,
    /// About to read the text.
    ClaimText,
    /// About to ask who owns the byte of the text.
    ClaimOwner,
    /// A shell: about to compare the file with what the path names.
    ShellPath,
    /// A shell: about to ask for the flock.
    ShellLock,
    /// A shell: has the flock, about to compare once more.
    ShellRecheck,
    /// A shell: about to take the restart lock, which keeps restarts away.
    ShellRestartLock,
    /// A shell: about to ask who stands.
    ShellJudge,
    /// A shell: about to write its number.
    ShellText,
    /// The claim is ours; about to fork, or to name ourselves.
    Ours,
    /// About to lock its byte.
    NameByte,
    /// About to write its number.
    NameText,
    /// About to execute COMMAND.
    Exec,
    /// COMMAND could not be executed: about to keep restarts away.
    PutBackRestartLock,
    /// About to restore the text.
    PutBack,
    /// It has done its work, and still holds what it holds.
    Done,
    /// The daemon.
    Daemon,
    /// A worker of a daemon.
    Worker,
    /// A launcher that waits for what it has started.
    Watch,
    /// A supervisor about to vouch for its child.
    Vouch,
    /// A stop about to read the text that it is to forget in the end.
    Remember,
    /// About to open the file for reading, then through the reading, step by step.
    Read(Reading),
    /// About to hold the process that was read.
    Hold,
    /// About to ask whether the evidence is enough for a signal.
    Prove,
    /// About to send the signal.
    Send,
    /// A stop that waits for the end of the process.
    AwaitEnd,
    /// A stop that has stopped all, and is about to read who has the file now.
    Freed,
    /// A stop that has seen one of the holders of an orphaned lock, and is about to hold it.
    HolderHold,
    /// A stop about to ask how that holder came to the lock.
    HolderInherited,
    /// A stop about to ask whether the lock is still orphaned, and to kill.
    HolderKill,
    /// Looking for leftovers.
    Left(Leftover, Pid),
    /// A restart about to open the file for its restart lock.
    RestartOpen,
    /// About to take the restart lock.
    RestartTake,
    /// About to compare the file with what the path names.
    RestartRecheck,
    /// A restart about to share the claim.
    Share,
    /// A restart about to write the number of the old one, whom the text does not name.
    NameOld,
    /// A restart about to start the new one.
    Fork,
    /// A restart that waits until the new one is ready.
    Ready,
    /// A restart about to write the number of the new one.
    Switch,
    /// A restart about to ask the old one to end.
    SignalOld,
    /// A restart that waits for the end of the old one.
    StopOld,
    /// A restart about to take the lock that it could not share.
    LockShared,
    /// A restart that failed: about to restore the text.
    PutOldBack,
    /// A restart that failed: about to end the new one.
    Undo,
    /// A successor about to close the restart lock.
    SuccessorRestartLock,
    /// A successor about to mark itself.
    SuccessorMark,
    /// A successor about to lock its byte.
    SuccessorByte,
    /// A foreign program about to lock.
    ForeignLock,
    /// A foreign program with the lock.
    ForeignHeld,
    /// A stranger.
    Stranger,
    /// An enemy.
    Enemy,
    /// Somebody who may read the file.
    Reader,
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
    /// The one that the text names stands, or not: judge all others.
    Others(u8, bool),
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
    /// Open the file and ask for the restart lock.
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
