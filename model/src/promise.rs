//! What the tools promise.

use std::fmt;

/// What holds in every state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Promise {
    /// Never two claimants at once.
    OneClaimant,
    /// Never a claimant beside a foreign holder of the lock.
    NoForeignBeside,
    /// Never a claim of a file that the path did not name while it was locked.
    AtItsPath,
    /// The file names the claimant.
    FileNamesClaimant,
    /// A reading names no process that has ended.
    NamesTheLiving,
    /// A reading names nobody but the claimant.
    ReadingIsTrue,
    /// A signal reaches nobody but the claimant.
    SignalReachesClaimant,
    /// Nothing is ended as the leftover of a restart but that.
    OnlyLeftoversEnd,
    /// Stop kills the holders of an orphaned lock, and no claim that came after.
    OnlyHoldersKilled,
    /// Never busy because of a reader.
    ReaderDisturbsNobody,
}

impl Promise {
    /// All promises.
    pub const ALL: [Promise; 10] = [
        Promise::OneClaimant,
        Promise::NoForeignBeside,
        Promise::AtItsPath,
        Promise::FileNamesClaimant,
        Promise::NamesTheLiving,
        Promise::ReadingIsTrue,
        Promise::SignalReachesClaimant,
        Promise::OnlyLeftoversEnd,
        Promise::OnlyHoldersKilled,
        Promise::ReaderDisturbsNobody,
    ];
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Promise::OneClaimant => "never two claimants at once",
            Promise::NoForeignBeside => "never a claimant beside a foreign holder of the lock",
            Promise::AtItsPath => "never a claim of a file that the path did not name while it was locked",
            Promise::FileNamesClaimant => "the file names the claimant",
            Promise::NamesTheLiving => "a reading names no process that has ended",
            Promise::ReadingIsTrue => "a reading names nobody but the claimant",
            Promise::SignalReachesClaimant => "a signal reaches nobody but the claimant",
            Promise::OnlyLeftoversEnd => "nothing is ended as the leftover of a restart but that",
            Promise::OnlyHoldersKilled => "stop kills the holders of an orphaned lock, and no claim that came after",
            Promise::ReaderDisturbsNobody => "never busy because of a reader",
        })
    }
}
