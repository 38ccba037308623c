//! The tries of one target: when the next one is due, and what the last one found.

use crate::policy::Policy;
use crate::target::{Answer, Target};
use racefree::cli::output;
use racefree::error::Result;
use racefree::event::Watched;
use racefree::event::deadline::{Deadline, Pause};
use racefree::event::duration::{Limit, for_people};
use racefree::text::one_line;
use std::task::Poll;
use std::time::{Duration, Instant};

/// The time that a try begun at the deadline may still take.
const LAST_TRY: Duration = Duration::from_millis(50);

/// The pause where the kernel sends an event for every change: an event queue can overflow.
const BACKSTOP: Duration = Duration::from_secs(30);

/// After an event, tries follow each other closely for this long: a socket is bound first and listened on later, a file
/// is made first and locked later, and the second step sends no event.
const AFTERMATH: Duration = Duration::from_secs(1);
const FIRST_PAUSE_AFTER_EVENT: Duration = Duration::from_micros(50);

/// A target and its tries so far.
pub(crate) struct Retry {
    pub(crate) name: String,
    target: Box<dyn Target>,
    pub(crate) phase: Phase,
    tries: usize,
    since: Instant,
    pause: Pause,
    event_at: Option<Instant>,
    took: Option<Duration>,
    wanted_since: Option<Instant>,
    last: Option<Answer>,
}

/// The instant for which the target waits.
pub(crate) enum Phase {
    /// The next try, at this instant.
    Due(Deadline),
    /// The end of a try: begun at the first instant, cut off at the second.
    Pending(Instant, Deadline),
    /// Nothing: the target is as wanted.
    Satisfied,
    /// Nothing: the last try was in vain.
    Exhausted,
}

impl Retry {
    pub(crate) fn new(name: String, target: Box<dyn Target>) -> Retry {
        let phase = Phase::Due(Deadline::after(Duration::ZERO));
        let (since, pause) = (Instant::now(), Pause::begin());
        Retry {
            name,
            target,
            phase,
            tries: 0,
            since,
            pause,
            event_at: None,
            took: None,
            wanted_since: None,
            last: None,
        }
    }

    /// The instant at which [`Retry::act`] has something to do, whatever the descriptors do.
    pub(crate) fn acts_at(&self, deadline: Deadline) -> Deadline {
        match self.phase {
            Phase::Due(at) => at,
            Phase::Pending(_, cut_off) => self.cut_off_at(cut_off, deadline).or(self.target.resumes_at()),
            Phase::Satisfied | Phase::Exhausted => Deadline::NEVER,
        }
    }

    /// A try that has its answer and watches whether the answer lasts may outlast `--attempt`.
    fn cut_off_at(&self, attempt: Deadline, deadline: Deadline) -> Deadline {
        if self.target.watches_answer_last() { deadline } else { attempt }
    }

    /// Whether the next try is due at this instant.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Due(at) if at.passed_by(now))
    }

    pub(crate) fn is_satisfied(&self) -> bool {
        matches!(self.phase, Phase::Satisfied)
    }

    /// Whether there is nothing to wait for any more.
    pub(crate) fn is_decided(&self) -> bool {
        matches!(self.phase, Phase::Satisfied | Phase::Exhausted)
    }

    /// The number of tries so far.
    pub(crate) fn tries(&self) -> usize {
        self.tries
    }

    /// How long it took until the target was decided, or how long it has taken so far.
    pub(crate) fn took(&self) -> Duration {
        self.took.unwrap_or_else(|| self.since.elapsed())
    }

    /// A warning about a target that is as wanted.
    pub(crate) fn caveat(&self) -> Option<String> {
        self.target.caveat().filter(|_| self.is_satisfied()).map(|caveat| format!("{}: {caveat}", self.name))
    }

    /// Does what is due at this instant.
    pub(crate) fn act(&mut self, now: Instant, policy: &Policy, deadline: Deadline) -> Result<()> {
        match self.phase {
            Phase::Due(at) if at.passed_by(now) => {
                self.tries += 1;
                let began = Instant::now();
                let poll = self.target.probe()?;
                // `-t 0` gives its single try the full time; a try at the deadline gets a moment.
                let left = deadline.left().map_or(Duration::MAX, |left| left.max(LAST_TRY));
                let time = if policy.timeout == Limit::AtMost(Duration::ZERO) { Duration::MAX } else { left };
                self.phase = Phase::Pending(began, Deadline::after(time.min(policy.attempt)));
                self.take(poll, policy, deadline)
            }
            Phase::Pending(began, cut_off) if self.cut_off_at(cut_off, deadline).passed() => {
                let after = began.elapsed();
                let answer = self.target.time_out(after);
                // An attempt cut short by the overall deadline proves nothing: the earlier reason stands.
                if after < policy.attempt {
                    self.phase = Phase::Exhausted;
                    self.last.get_or_insert(answer);
                    return Ok(());
                }
                self.take(Poll::Ready(answer), policy, deadline)
            }
            Phase::Pending(..) if self.target.resumes_at().passed() => self.resume(policy, deadline),
            _ => Ok(()),
        }
    }

    /// The descriptors that wake the wait for this target.
    pub(crate) fn watched(&self) -> Vec<Watched<'_>> {
        match self.phase {
            Phase::Due(_) => self.target.event_sources().into_iter().map(Watched::Read).collect(),
            Phase::Pending(..) => self.target.watched(),
            Phase::Satisfied | Phase::Exhausted => vec![],
        }
    }

    /// Takes the news of a descriptor that is ready.
    pub(crate) fn on_ready(&mut self, policy: &Policy, deadline: Deadline) -> Result<()> {
        match self.phase {
            Phase::Due(_) => self.drain_events(),
            Phase::Pending(..) => self.resume(policy, deadline)?,
            Phase::Satisfied | Phase::Exhausted => {}
        }
        Ok(())
    }

    fn resume(&mut self, policy: &Policy, deadline: Deadline) -> Result<()> {
        let poll = self.target.resume()?;
        self.take(poll, policy, deadline)
    }

    fn drain_events(&mut self) {
        if self.target.drain_events() {
            self.event_at = Some(Instant::now());
            self.phase = Phase::Due(Deadline::after(Duration::ZERO));
        }
    }

    fn take(&mut self, poll: Poll<Answer>, policy: &Policy, deadline: Deadline) -> Result<()> {
        let Poll::Ready(answer) = poll else { return Ok(()) };
        let wanted = policy.wanted(&answer);
        let since = self.target.lasts_since().filter(|_| !policy.down).or(self.wanted_since);
        self.wanted_since = wanted.map(|lasted| since.unwrap_or_else(|| Instant::now() - lasted));
        self.phase = match self.wanted_since.map(|since| since.elapsed()) {
            Some(lasted) if lasted >= policy.stable => Phase::Satisfied,
            _ if deadline.passed() => Phase::Exhausted,
            Some(lasted) => Phase::Due(self.pause_while_it_lasts(policy, lasted).or(deadline)),
            None => Phase::Due(self.pause(policy).or(deadline)),
        };
        if self.is_decided() {
            self.took = Some(self.since.elapsed());
        }
        let changed = match (&self.last, &answer) {
            (Some(Answer::Yes(_)), Answer::Yes(_)) => false,
            (last, answer) => last.as_ref() != Some(answer),
        };
        self.last = Some(answer);
        if changed {
            let line = || format!("{}: {} ({})", self.name, self.in_detail(), for_people(self.since.elapsed()));
            output::detail(|| one_line(&line()));
        }
        Ok(())
    }

    fn pause(&self, policy: &Policy) -> Deadline {
        let growing = || policy.interval.map_or_else(|| self.pause.next(), Deadline::after);
        let aftermath = self.event_at.map(|at| at.elapsed()).filter(|&age| age < AFTERMATH);
        match aftermath {
            Some(age) => growing().or(Deadline::after(age.max(FIRST_PAUSE_AFTER_EVENT))),
            None if self.target.is_event_driven() => Deadline::after(policy.interval.unwrap_or(BACKSTOP)),
            None => growing(),
        }
    }

    /// The pause of a target that is as wanted, but not for `--stable` yet.
    fn pause_while_it_lasts(&self, policy: &Policy, lasted: Duration) -> Deadline {
        let left = Deadline::after(policy.stable.saturating_sub(lasted));
        if self.target.is_event_driven() {
            return left;
        }
        let share = (policy.stable / 20).clamp(Duration::from_millis(1), Duration::from_millis(250));
        left.or(Deadline::after(policy.interval.unwrap_or(share)))
    }

    fn in_detail(&self) -> String {
        match &self.last {
            Some(Answer::No(reason) | Answer::Unclear(reason)) => reason.to_string(),
            Some(Answer::Yes(_)) => self.target.ready_text().into(),
            None => "not yet tried".into(),
        }
    }

    /// Why the target is not as wanted.
    pub(crate) fn last_reason(&self, policy: &Policy) -> String {
        match &self.last {
            Some(Answer::Yes(_)) if policy.down => self.target.still_text(),
            Some(answer) if policy.wanted(answer).is_some() && !self.is_satisfied() => {
                format!("{}, but not for {} yet", self.in_detail(), for_people(policy.stable))
            }
            _ => self.in_detail(),
        }
    }

    /// The line about a target that is not as wanted at the end of the wait.
    pub(crate) fn report(&self, policy: &Policy) -> String {
        let tries = if self.tries == 1 { "1 try".into() } else { format!("{} tries", self.tries) };
        let time = for_people(self.since.elapsed());
        one_line(&format!("{}: {} ({tries} in {time})", self.name, self.last_reason(policy)))
    }
}
