//! Errors as types: what was tried, on what, and why.
//!
//! `open /run/x.lock: Permission denied`: the act, its object, then the reason, once, in lower case, without a period. No exit
//! code stands here: `cli::exit` makes one from the reason.

use crate::text::one_line;
use std::error::Error as StdError;
use std::fmt;

/// The result of a function of this crate that can fail.
pub type Result<T> = anyhow::Result<T>;

/// The reason for which the crate itself refuses an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Another process holds the lock or the claim; the text names it.
    Busy(String),
    /// COMMAND does not exist.
    NotFound(String),
    /// COMMAND exists and cannot be executed.
    CannotExecute(String),
    /// The file at the path cannot be a PID file or a lock file.
    Unfit(String),
    /// The path names another file than the one that was opened.
    Replaced(String),
    /// No process can be signalled or believed without a guess.
    Unproven(String),
}

/// An act that was refused: what was tried, on what, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    act: &'static str,
    object: String,
    why: Why,
}

impl Refusal {
    /// The reason, as a type.
    pub fn why(&self) -> &Why {
        &self.why
    }
}

/// Makes the error that refuses `act` on `object`.
pub fn refused(act: &'static str, object: impl fmt::Display, why: Why) -> anyhow::Error {
    Refusal { act, object: one_line(&object.to_string()), why }.into()
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Why::Busy(text)
        | Why::NotFound(text)
        | Why::CannotExecute(text)
        | Why::Unfit(text)
        | Why::Replaced(text)
        | Why::Unproven(text)) = self;
        f.write_str(text)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.act, self.object, self.why)
    }
}

impl StdError for Refusal {}

/// The error as one sentence: each act, then the reason, without the number that Rust adds to the reason.
pub fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(reason).collect::<Vec<_>>().join(": ")
}

/// One link of the chain of causes. An error of the kernel is given in the words of strerror(3).
pub fn reason(cause: &(dyn StdError + 'static)) -> String {
    let number = cause
        .downcast_ref::<std::io::Error>()
        .and_then(std::io::Error::raw_os_error)
        .or_else(|| cause.downcast_ref::<nix::errno::Errno>().map(|e| *e as i32));
    match number {
        Some(number) => {
            let said = std::io::Error::from_raw_os_error(number).to_string();
            said.split(" (os error").next().unwrap_or_default().to_owned()
        }
        None => cause.to_string(),
    }
}

/// Adds the act and its object to an error that has only a reason.
pub trait Context<T> {
    /// `open(path).act("open", path.display())`.
    ///
    /// # Errors
    /// The error of `self`, with its act.
    fn act(self, act: &str, object: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> Context<T> for std::result::Result<T, E> {
    fn act(self, act: &str, object: impl fmt::Display) -> Result<T> {
        self.map_err(|e| e.into().context(format!("{act} {}", one_line(&object.to_string()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_act_object_reason() {
        let error = std::fs::File::open("/nowhere/x").act("open", "/nowhere/x").unwrap_err();
        assert_eq!(sentence(&error), "open /nowhere/x: No such file or directory");
    }

    #[test]
    fn a_refusal_keeps_its_reason_through_what_is_said_around_it() {
        let why = Why::Busy("held by 12".into());
        let error: Result<()> = Err(refused("lock", "/run/x", why.clone()));
        let error = error.act("start", "d").unwrap_err();
        assert_eq!(error.downcast_ref::<Refusal>().map(Refusal::why), Some(&why));
        assert_eq!(sentence(&error), "start d: lock /run/x: held by 12");
    }
}
