//! One target of a wait: when it is tried, and what has come of it so far.

use crate::target::{Answer, Step, Target};
use crate::wait::Rules;
use racefree_core::cli::output;
use racefree_core::error::Result;
use racefree_core::event::time::{Deadline, Limit, Pause, for_people};
use racefree_core::event::{Events, Watched};
use std::time::{Duration, Instant};

/// What a try that is begun at the deadline may still take.
const LAST_TRY: Duration = Duration::from_millis(50);

/// Even where the kernel announces every change, a look of our own now and then: a queue can overflow.
const BACKSTOP: Duration = Duration::from_secs(30);

/// What was announced may be followed by more that is not: a socket is bound, then listened on; a file is made, then
/// locked. For so long we look again, first after so short a pause.
const RIPPLE: Duration = Duration::from_secs(1);
const FIRST_RIPPLE: Duration = Duration::from_micros(50);

/// A target, and how far it has come.
pub(crate) struct Awaited {
    pub(crate) name: String,
    target: Box<dyn Target>,
    pub(crate) phase: Phase,
    tries: usize,
    since: Instant,
    pause: Pause,
    announced: Option<Instant>,
    fulfilled: Option<Instant>,
    last: Option<Answer>,
}

pub(crate) enum Phase {
    /// Tried again at this instant.
    Due(Deadline),
    /// A try is pending since, and is cut off at.
    Asked(Instant, Deadline),
    /// As it should be.
    Satisfied,
    /// Tried for the last time, in vain.
    Exhausted,
}

impl Awaited {
    pub(crate) fn new(name: String, target: Box<dyn Target>) -> Awaited {
        let phase = Phase::Due(Deadline::after(Duration::ZERO));
        let (since, pause) = (Instant::now(), Pause::begin());
        Awaited { name, target, phase, tries: 0, since, pause, announced: None, fulfilled: None, last: None }
    }

    /// When it must act, whatever the descriptors tell.
    pub(crate) fn acts_at(&self, deadline: Deadline) -> Deadline {
        match self.phase {
            Phase::Due(at) => at,
            Phase::Asked(_, cut_off) => self.cut_off_at(cut_off, deadline).or(self.target.goes_on_at()),
            Phase::Satisfied | Phase::Exhausted => Deadline::NEVER,
        }
    }

    /// An answer that only has to last is not cut off by the attempt's end.
    fn cut_off_at(&self, attempt: Deadline, deadline: Deadline) -> Deadline {
        if self.target.is_lasting() { deadline } else { attempt }
    }

    /// Does what is due now.
    pub(crate) fn act(&mut self, rules: &Rules, deadline: Deadline, events: &Events) -> Result<()> {
        match self.phase {
            Phase::Due(at) if at.passed() => {
                self.tries += 1;
                let began = Instant::now();
                let step = self.target.ask(events)?;
                // A single try has its full time; one at the deadline only a moment.
                let left = deadline.left().map_or(Duration::MAX, |left| left.max(LAST_TRY));
                let time = if rules.timeout == Limit::AtMost(Duration::ZERO) { Duration::MAX } else { left };
                self.phase = Phase::Asked(began, Deadline::after(time.min(rules.attempt)));
                self.take(step, rules, deadline)
            }
            Phase::Asked(began, cut_off) if self.cut_off_at(cut_off, deadline).passed() => {
                let after = began.elapsed();
                let answer = self.target.cut_off(after);
                // Cut short by the deadline, it tells nothing: neither that all is down, nor more than the try before.
                if after < rules.attempt {
                    self.phase = Phase::Exhausted;
                    self.last.get_or_insert(answer);
                    return Ok(());
                }
                self.take(Step::Answered(answer), rules, deadline)
            }
            Phase::Asked(..) if self.target.goes_on_at().passed() => self.go_on(rules, deadline, events),
            _ => Ok(()),
        }
    }

    /// What may tell something about it.
    pub(crate) fn watched(&self) -> Vec<Watched<'_>> {
        match self.phase {
            Phase::Due(_) => self.target.announcers().into_iter().map(Watched::Read).collect(),
            Phase::Asked(..) => self.target.watched(),
            Phase::Satisfied | Phase::Exhausted => vec![],
        }
    }

    /// Takes what was told.
    pub(crate) fn be_told(&mut self, rules: &Rules, deadline: Deadline, events: &Events) -> Result<()> {
        match self.phase {
            Phase::Due(_) => self.heed(),
            Phase::Asked(..) => self.go_on(rules, deadline, events)?,
            Phase::Satisfied | Phase::Exhausted => {}
        }
        Ok(())
    }

    fn go_on(&mut self, rules: &Rules, deadline: Deadline, events: &Events) -> Result<()> {
        let step = self.target.go_on(events)?;
        self.take(step, rules, deadline)
    }

    fn heed(&mut self) {
        if self.target.heed() {
            self.announced = Some(Instant::now());
            self.phase = Phase::Due(Deadline::after(Duration::ZERO));
        }
    }

    fn take(&mut self, step: Step, rules: &Rules, deadline: Deadline) -> Result<()> {
        let Step::Answered(answer) = step else { return Ok(()) };
        let seen = rules.fulfilled(&answer);
        self.fulfilled = seen.map(|lasted| self.fulfilled.unwrap_or_else(|| Instant::now() - lasted));
        self.phase = match self.fulfilled.map(|since| since.elapsed()) {
            Some(lasted) if lasted >= rules.stable => Phase::Satisfied,
            _ if deadline.passed() => Phase::Exhausted,
            Some(lasted) => Phase::Due(self.pause_while_it_lasts(rules, lasted).or(deadline)),
            None => Phase::Due(self.pause(rules).or(deadline)),
        };
        let changed = match (&self.last, &answer) {
            (Some(Answer::Yes(_)), Answer::Yes(_)) => false,
            (last, answer) => last.as_ref() != Some(answer),
        };
        self.last = Some(answer);
        if changed {
            output::detail(|| format!("{}: {} ({})", self.name, self.in_detail(), for_people(self.since.elapsed())));
        }
        Ok(())
    }

    fn pause(&self, rules: &Rules) -> Deadline {
        let growing = || rules.interval.map_or_else(|| self.pause.next(), Deadline::after);
        let ripples = self.announced.map(|at| at.elapsed()).filter(|&age| age < RIPPLE);
        match ripples {
            Some(age) => growing().or(Deadline::after(age.max(FIRST_RIPPLE))),
            None if self.target.is_announced() => Deadline::after(rules.interval.unwrap_or(BACKSTOP)),
            None => growing(),
        }
    }

    /// As it should be, but not for long enough: what would end that is announced, or looked for.
    fn pause_while_it_lasts(&self, rules: &Rules, lasted: Duration) -> Deadline {
        let left = Deadline::after(rules.stable.saturating_sub(lasted));
        if self.target.is_announced() {
            return left;
        }
        let share = (rules.stable / 20).clamp(Duration::from_millis(1), Duration::from_millis(250));
        left.or(Deadline::after(rules.interval.unwrap_or(share)))
    }

    fn in_detail(&self) -> String {
        match &self.last {
            Some(Answer::No(why) | Answer::Unclear(why)) => why.to_string(),
            Some(Answer::Yes(_)) => self.target.ready().into(),
            None => "not yet tried".into(),
        }
    }

    /// Why it is not as it should be.
    pub(crate) fn last_reason(&self, rules: &Rules) -> String {
        match &self.last {
            Some(Answer::Yes(_)) if rules.down => self.target.still(),
            Some(answer) if rules.fulfilled(answer).is_some() => {
                format!("{}, but not for {} yet", self.in_detail(), for_people(rules.stable))
            }
            _ => self.in_detail(),
        }
    }

    pub(crate) fn in_words(&self, rules: &Rules) -> String {
        let times = if self.tries == 1 { "1 try".into() } else { format!("{} tries", self.tries) };
        format!("{}: {} ({times} in {})", self.name, self.last_reason(rules), for_people(self.since.elapsed()))
    }
}
