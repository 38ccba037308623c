//! The way in which COMMAND comes to run, decided once from the options.

use crate::claim::options::Claim;
use std::os::fd::RawFd;

/// The mode of `pidfile claim`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Claims for a shell, through this descriptor that the shell has opened. There is no COMMAND.
    ShellDescriptor(RawFd),
    /// Claims, then becomes COMMAND.
    Become,
    /// Claims, and stays as the parent of COMMAND.
    Supervise,
    /// Starts COMMAND in the background.
    Background(Launch),
    /// Starts COMMAND in the background, beside the daemon that it replaces.
    Replace(Launch),
}

/// The process that is the daemon of a start in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Launch {
    /// COMMAND itself.
    Direct,
    /// COMMAND, as the child of a supervisor that holds the claim.
    Supervised,
    /// A process that COMMAND leaves behind.
    Forking,
}

impl Mode {
    /// The mode that the options ask for. clap has refused wrong combinations.
    pub(crate) fn of(options: &Claim) -> Mode {
        let launch = match (options.forking, options.supervise) {
            (true, _) => Launch::Forking,
            (false, true) => Launch::Supervised,
            (false, false) => Launch::Direct,
        };
        match options.fd {
            Some(fd) => Mode::ShellDescriptor(fd),
            None if options.replace => Mode::Replace(launch),
            None if options.background || options.forking => Mode::Background(launch),
            None if options.supervise => Mode::Supervise,
            None => Mode::Become,
        }
    }
}
