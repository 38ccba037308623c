//! Errors that name the act and the object, and know how the tool ends.
//!
//! `open /run/x.lock: Permission denied`: what was tried, then why, once, in lower case, without a period.

use crate::cli::exit::Exit;
use std::error::Error as StdError;
use std::fmt;

/// The result of everything that can end a utility.
pub type Result<T> = anyhow::Result<T>;

/// A refusal that asks for an ending other than [`Exit::Failed`].
#[derive(Debug)]
pub struct Refusal {
    exit: Exit,
    why: String,
}

/// An error that ends the utility as `exit` says.
pub fn refusal(exit: Exit, why: impl Into<String>) -> anyhow::Error {
    Refusal { exit, why: why.into() }.into()
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl StdError for Refusal {}

/// How a utility ends that met this error.
pub fn ending(error: &anyhow::Error) -> Exit {
    error.chain().find_map(|cause| cause.downcast_ref::<Refusal>()).map_or(Exit::Failed, |refusal| refusal.exit)
}

/// The whole sentence: each act, then the reason, without the number that Rust adds to the reason.
pub fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(reason).collect::<Vec<_>>().join(": ")
}

/// One link of the chain, in the words of strerror(3) where it is the kernel's.
pub fn reason(cause: &(dyn StdError + 'static)) -> String {
    let number = cause
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::raw_os_error)
        .or_else(|| cause.downcast_ref::<rustix::io::Errno>().map(|e| e.raw_os_error()))
        .or_else(|| cause.downcast_ref::<nix::errno::Errno>().map(|e| *e as i32));
    match number {
        Some(number) => {
            let said = std::io::Error::from_raw_os_error(number).to_string();
            said.split(" (os error").next().unwrap_or_default().to_owned()
        }
        None => cause.to_string(),
    }
}

/// Names the act and its object for an error that has only a reason.
pub trait Context<T> {
    /// `open(path).act("open", path.display())`.
    ///
    /// # Errors
    /// The same error, with its act.
    fn act(self, act: &str, object: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> Context<T> for std::result::Result<T, E> {
    fn act(self, act: &str, object: impl fmt::Display) -> Result<T> {
        self.map_err(|e| e.into().context(format!("{act} {object}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_act_object_reason() {
        let error = std::fs::File::open("/nowhere/x").act("open", "/nowhere/x").unwrap_err();
        assert_eq!(sentence(&error), "open /nowhere/x: No such file or directory");
        assert_eq!(ending(&error), Exit::Failed);
    }

    #[test]
    fn a_refusal_keeps_its_ending_through_what_is_said_around_it() {
        let error: Result<()> = Err(refusal(Exit::Busy, "held by 12"));
        let error = error.act("lock", "/run/x").unwrap_err();
        assert_eq!(ending(&error), Exit::Busy);
        assert_eq!(sentence(&error), "lock /run/x: held by 12");
    }
}
