//! The finding of one try.

use super::reason::Reason;
use std::net::SocketAddr;
use std::time::Duration;

/// The finding of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The target answers, exists or lives, and the try has seen that last for this long.
    Yes(Duration),
    /// The target does not, for this reason.
    No(Reason),
    /// The try proves neither, for this reason: the target is not ready, and not down either.
    Unclear(Reason),
}

impl Answer {
    /// Yes, as seen at one moment.
    pub(crate) const YES: Answer = Answer::Yes(Duration::ZERO);

    /// No, for this reason.
    pub(crate) fn no(reason: impl Into<Reason>) -> Answer {
        Answer::No(reason.into())
    }

    /// The answer is not known, for this reason.
    pub(crate) fn unclear(reason: impl Into<Reason>) -> Answer {
        Answer::Unclear(reason.into())
    }

    /// One answer for all addresses of a host, which is down when none of them answers.
    pub(crate) fn of_all(mut ended: Vec<(SocketAddr, Answer)>) -> Answer {
        // As a rule all answers are equal.
        if ended.iter().all(|(_, answer)| *answer == ended[0].1)
            && let Some((_, answer)) = ended.pop()
        {
            return answer;
        }
        let reasons = ended.iter().filter_map(|(address, answer)| match answer {
            Answer::No(reason) | Answer::Unclear(reason) => Some((address, reason)),
            Answer::Yes(_) => None,
        });
        let reasons: Vec<String> = reasons.map(|(address, reason)| format!("{address}: {reason}")).collect();
        let unclear = ended.iter().any(|(_, answer)| matches!(answer, Answer::Unclear(_)));
        if unclear { Answer::unclear(reasons.join("; ")) } else { Answer::no(reasons.join("; ")) }
    }
}
