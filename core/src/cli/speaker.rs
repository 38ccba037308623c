//! The name before each message, and the amount of messages. Both are set once, at the start of a utility.

use std::sync::OnceLock;

struct Speaker {
    name: String,
    verbosity: Verbosity,
}

/// The amount of messages on stderr. Errors are always printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct Verbosity {
    /// Print no message but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print more about each act and its reason; twice: also each decision that a race forces (docs/races.md)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

static SPEAKER: OnceLock<Speaker> = OnceLock::new();

/// Sets the name and the amount.
pub(crate) fn set(name: &str, verbosity: Verbosity) {
    // A second call would come from a second `main` in the same process. The first name stays.
    let _ = SPEAKER.set(Speaker { name: name.to_owned(), verbosity });
}

/// The name before each message.
pub(crate) fn name() -> &'static str {
    SPEAKER.get().map_or("racefree", |speaker| &speaker.name)
}

pub(crate) fn verbosity() -> Verbosity {
    SPEAKER.get().map(|speaker| speaker.verbosity).unwrap_or_default()
}
