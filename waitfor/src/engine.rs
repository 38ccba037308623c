//! The wait: every target is tried, at once and again, in one event loop, until all is decided.
//!
//! What the kernel announces is looked at when it does; the rest after a pause that grows with the time waited. The
//! last pause is cut to the deadline, and one more try made at it.

use crate::target::{Answer, Step, Target};
use racefree_core::error::{Result, refusal};
use racefree_core::events::{Event, Events, Watched};
use racefree_core::exit::Exit;
use racefree_core::named::Named;
use racefree_core::process::Process;
use racefree_core::time::{Deadline, Limit, Pause, for_people};
use racefree_core::voice::{self, StatusLine};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long to wait, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// For all of it.
    pub(crate) timeout: Limit,
    /// For one try.
    pub(crate) attempt: Duration,
    /// The pause between tries, where it is not to grow.
    pub(crate) interval: Option<Duration>,
    /// How long the answer must last.
    pub(crate) stable: Duration,
    /// One target is enough.
    pub(crate) any: bool,
    /// The end is awaited, not the beginning.
    pub(crate) down: bool,
}

impl Rules {
    /// Whether the answer is the awaited one, and how long it has been seen to last.
    fn fulfilled(&self, answer: &Answer) -> Option<Duration> {
        match answer {
            Answer::Yes(lasted) if !self.down => Some(*lasted),
            Answer::No(_) if self.down => Some(Duration::ZERO),
            _ => None,
        }
    }
}

/// What a try that is begun at the deadline may still take.
const LAST_TRY: Duration = Duration::from_millis(50);

/// Even where the kernel announces every change, a look of our own now and then: a queue can overflow.
const BACKSTOP: Duration = Duration::from_secs(10);

/// What was announced may be followed by more that is not: a socket is bound, then listened on; a file is made, then
/// locked. For so long we look again, first after so short a pause.
const RIPPLE: Duration = Duration::from_secs(1);
const FIRST_RIPPLE: Duration = Duration::from_micros(50);

/// A wait under way.
pub(crate) struct Wait {
    rules: Rules,
    deadline: Deadline,
    events: Events,
    alive: Option<(Named, Process)>,
    awaited: Vec<Awaited>,
}

/// A target, and how far it has come.
struct Awaited {
    name: String,
    target: Box<dyn Target>,
    phase: Phase,
    tries: usize,
    since: Instant,
    pause: Pause,
    announced: Option<Instant>,
    fulfilled: Option<Instant>,
    last: Option<Answer>,
}

enum Phase {
    /// Tried again at this instant.
    Due(Deadline),
    /// A try is pending since, and is cut off at.
    Asked(Instant, Deadline),
    /// As it should be.
    Satisfied,
    /// Tried for the last time, in vain.
    Exhausted,
}

impl Wait {
    /// Takes hold of the process that must stay alive, and begins to count the time.
    pub(crate) fn begin(rules: Rules, alive: Option<Named>, targets: Vec<(String, Box<dyn Target>)>) -> Result<Wait> {
        let deadline = Deadline::within(rules.timeout);
        let events = Events::armed()?;
        let alive = match alive {
            None => None,
            Some(named) => match named.hold()? {
                Some(process) => Some((named, process)),
                None => return Err(refusal(Exit::NotRunning, format!("{named}: it is not running"))),
            },
        };
        let awaited = targets.into_iter().map(|(name, target)| Awaited::new(name, target)).collect();
        Ok(Wait { rules, deadline, events, alive, awaited })
    }

    /// Waits, and says how it ended.
    pub(crate) fn until_decided(mut self) -> Result<Exit> {
        let mut status = StatusLine::begin();
        loop {
            self.try_what_is_due()?;
            if self.is_fulfilled() {
                return self.ready_if_alive();
            }
            if self.awaited.iter().all(|awaited| matches!(awaited.phase, Phase::Satisfied | Phase::Exhausted)) {
                self.complain();
                return Ok(Exit::TimedOut);
            }
            status.show(|| self.in_one_line());
            let until =
                self.awaited.iter().map(|awaited| awaited.acts_at(self.deadline)).fold(status.due(), Deadline::or);
            let (watched, whose) = self.watched();
            match self.events.next(&watched, until)? {
                Event::Signal(arrived) => return Ok(Exit::Signalled(arrived.signal)),
                Event::Deadline => {}
                Event::Ready(place) => match whose[place] {
                    Whose::Alive => return Ok(self.gone()),
                    Whose::Announcer(who) => self.awaited[who].heed(),
                    Whose::Try(who) => self.awaited[who].go_on(&self.rules, self.deadline, &self.events)?,
                },
            }
        }
    }

    fn is_fulfilled(&self) -> bool {
        let mut satisfied = self.awaited.iter().map(|awaited| matches!(awaited.phase, Phase::Satisfied));
        if self.rules.any { satisfied.any(|it| it) } else { satisfied.all(|it| it) }
    }

    fn try_what_is_due(&mut self) -> Result<()> {
        for awaited in &mut self.awaited {
            awaited.act(&self.rules, self.deadline, &self.events)?;
        }
        Ok(())
    }

    fn watched(&self) -> (Vec<Watched<'_>>, Vec<Whose>) {
        let (mut watched, mut whose) = (vec![], vec![]);
        if let Some((_, process)) = &self.alive {
            watched.push(Watched::Read(process.as_fd()));
            whose.push(Whose::Alive);
        }
        for (who, awaited) in self.awaited.iter().enumerate() {
            match awaited.phase {
                Phase::Due(_) => {
                    watched.extend(awaited.target.announcers().into_iter().map(Watched::Read));
                    whose.resize(watched.len(), Whose::Announcer(who));
                }
                Phase::Asked(..) => {
                    watched.extend(awaited.target.watched());
                    whose.resize(watched.len(), Whose::Try(who));
                }
                Phase::Satisfied | Phase::Exhausted => {}
            }
        }
        (watched, whose)
    }

    /// Ready means ready and alive: what answered may have been a stranger, and the daemon dead of it.
    fn ready_if_alive(&self) -> Result<Exit> {
        match &self.alive {
            Some((_, process)) if process.has_ended()? => Ok(self.gone()),
            _ => Ok(Exit::Done),
        }
    }

    fn gone(&self) -> Exit {
        if let Some((named, process)) = &self.alive {
            voice::error(&format!("{named}: process {} has ended", process.pid()));
        }
        self.complain();
        Exit::NotRunning
    }

    /// One line for each target that is not as it should be.
    fn complain(&self) {
        let unsatisfied = self.awaited.iter().filter(|awaited| !matches!(awaited.phase, Phase::Satisfied));
        unsatisfied.for_each(|awaited| voice::error(&awaited.in_words(&self.rules)));
    }

    fn in_one_line(&self) -> String {
        let waiting = self.awaited.iter().filter(|awaited| !matches!(awaited.phase, Phase::Satisfied));
        let waiting: Vec<String> =
            waiting.map(|awaited| format!("{}: {}", awaited.name, awaited.last_reason(&self.rules))).collect();
        format!("waiting for {}", waiting.join(", "))
    }
}

/// Whose descriptor it is.
#[derive(Clone, Copy)]
enum Whose {
    Alive,
    Announcer(usize),
    Try(usize),
}

impl Awaited {
    fn new(name: String, target: Box<dyn Target>) -> Awaited {
        let phase = Phase::Due(Deadline::after(Duration::ZERO));
        let (since, pause) = (Instant::now(), Pause::begin());
        Awaited { name, target, phase, tries: 0, since, pause, announced: None, fulfilled: None, last: None }
    }

    /// When it must act, whatever the descriptors tell.
    fn acts_at(&self, deadline: Deadline) -> Deadline {
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
    fn act(&mut self, rules: &Rules, deadline: Deadline, events: &Events) -> Result<()> {
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
                let answer = self.target.cut_off(began.elapsed());
                self.take(Step::Answered(answer), rules, deadline)
            }
            Phase::Asked(..) if self.target.goes_on_at().passed() => self.go_on(rules, deadline, events),
            _ => Ok(()),
        }
    }

    fn go_on(&mut self, rules: &Rules, deadline: Deadline, events: &Events) -> Result<()> {
        let step = self.target.go_on(events)?;
        self.take(step, rules, deadline)
    }

    fn heed(&mut self) {
        self.target.heed();
        self.announced = Some(Instant::now());
        self.phase = Phase::Due(Deadline::after(Duration::ZERO));
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
            voice::detail(|| format!("{}: {} ({})", self.name, self.in_detail(), for_people(self.since.elapsed())));
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

    fn in_detail(&self) -> &str {
        match &self.last {
            Some(Answer::No(why) | Answer::Unclear(why)) => why,
            Some(Answer::Yes(_)) => "it answers",
            None => "not yet tried",
        }
    }

    /// Why it is not as it should be.
    fn last_reason(&self, rules: &Rules) -> String {
        match &self.last {
            Some(Answer::Yes(_)) if rules.down => self.target.still(),
            Some(answer) if rules.fulfilled(answer).is_some() => {
                format!("{}, but not for {} yet", self.in_detail(), for_people(rules.stable))
            }
            _ => self.in_detail().to_owned(),
        }
    }

    fn in_words(&self, rules: &Rules) -> String {
        let times = if self.tries == 1 { "1 try".into() } else { format!("{} tries", self.tries) };
        format!("{}: {} ({times} in {})", self.name, self.last_reason(rules), for_people(self.since.elapsed()))
    }
}
