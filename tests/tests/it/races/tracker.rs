//! All that the model allows after the calls that the programs have made so far.
//!
//! A program may look more often than the model says. So one sequence of calls can be several paths of the model, and all
//! of them are followed.

use crate::races::model_calls::{calls_of, undecided};
use model::at::At;
use model::kernel::World;
use model::mover::Step;
use model::moves::moves;
use model::numbers::{PIDS, Pid};
use model::setup::Setup;
use std::collections::HashSet;
use tests::calls::Call;

/// A step of several calls that a process is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Begun {
    does: &'static str,
    calls: &'static [Call],
    made: usize,
    /// Whether the world is the one after the step already.
    taken: bool,
}

/// One of the paths: the world at its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub(super) world: World,
    begun: [Option<Begun>; PIDS],
    /// What each process did last.
    pub(super) last: [&'static str; PIDS],
}

/// All paths.
pub(super) struct Tracker<'a> {
    setup: &'a Setup,
    pub(super) ends: HashSet<End>,
    /// Before the last step.
    before: HashSet<End>,
}

impl<'a> Tracker<'a> {
    pub(super) fn from(world: World, setup: &'a Setup) -> Tracker<'a> {
        let end = End { world, begun: [None; PIDS], last: [""; PIDS] };
        Tracker { setup, ends: HashSet::from([end]), before: HashSet::new() }
    }

    /// A program has been started as process `pid`.
    pub(super) fn started(&mut self, pid: Pid, role: &str) {
        self.each(|setup, end| {
            steps(&end.world, setup, |step| step.code == "(the shell)" && step.pid == pid && step.role == role)
                .map(|(_, after)| End { world: after, ..end.clone() })
                .take(1)
                .collect()
        });
    }

    /// The process was killed.
    pub(super) fn killed(&mut self, pid: Pid) {
        self.each(|setup, end| {
            let mut begun = end.begun;
            begun[pid as usize - 1] = None;
            steps(&end.world, setup, |step| step.code == "(the kernel)" && step.pid == pid)
                .map(|(_, after)| End { world: after, begun, ..end.clone() })
                .collect()
        });
    }

    /// The process has ended by itself.
    pub(super) fn ended(&mut self, pid: Pid) {
        let is_over = |end: &End| end.world.living(pid).is_none() && end.begun[pid as usize - 1].is_none();
        self.each(|_, end| if is_over(end) { vec![end.clone()] } else { vec![] });
    }

    /// The process has made a call, and the kernel granted it, or not.
    pub(super) fn called(&mut self, pid: Pid, call: Call, granted: bool, child: Option<Pid>) {
        let slot = pid as usize - 1;
        self.each(|setup, end| {
            // A program that ends reads who has the file, for its message.
            let ends = end.world.living(pid).is_none() && matches!(call, Call::Open | Call::Probe | Call::Unlock);
            // It opens the file to look for the descriptor to share, and the old one may have ended by then.
            let shares = end.world.living(pid).is_some_and(|slot| end.world.process(slot).at == At::Share);
            let may_be_left_out = call.only_looks() || !granted || ends || shares && call == Call::Open;
            let mut next = if may_be_left_out { vec![end.clone()] } else { vec![] };
            let begun = match end.begun[slot] {
                Some(begun) if begun.calls[begun.made] == call => vec![Begun { made: begun.made + 1, ..begun }],
                Some(_) => return next,
                None => first_calls(&end.world, setup, pid, call),
            };
            for begun in begun {
                let is_over = begun.made == begun.calls.len();
                let mut put = |world: World, begun: Begun| {
                    let mut end = End { world, ..end.clone() };
                    end.begun[slot] = Some(begun).filter(|_| !is_over);
                    end.last[slot] = begun.does;
                    next.push(end);
                };
                if begun.taken || !is_over {
                    put(end.world.clone(), begun);
                }
                if begun.taken {
                    continue;
                }
                let fits =
                    |step: &Step| step.pid == pid && step.does == begun.does && granted_as_in(step.does, call, granted);
                for (_, after) in steps(&end.world, setup, fits) {
                    let forked =
                        child.is_none_or(|child| end.world.living(child).is_none() && after.living(child).is_some());
                    if forked {
                        put(after, Begun { taken: true, ..begun });
                    }
                }
            }
            next
        });
    }

    /// Where each process was before the last step, by each path.
    pub(super) fn before(&self) -> Vec<String> {
        let place = |p: &model::process::Process| format!("{} {:?}", p.pid, p.at);
        let all = |end: &End| end.world.all_living().map(|(_, p)| place(p)).collect::<Vec<_>>().join(", ");
        self.before.iter().map(|end| format!("{}; {:?}", all(end), end.begun)).collect()
    }

    /// Every path goes on, and takes the steps without calls as it may.
    fn each(&mut self, go_on: impl Fn(&Setup, &End) -> Vec<End>) {
        let before = std::mem::take(&mut self.ends);
        let before = self.with_silent_steps(before);
        let after = before.iter().flat_map(|end| go_on(self.setup, end)).collect();
        self.before = before;
        self.ends = self.with_silent_steps(after);
    }

    /// With all that can be reached by steps without calls. A process in the middle of a step takes none.
    fn with_silent_steps(&self, ends: HashSet<End>) -> HashSet<End> {
        let (mut all, mut open) = (HashSet::new(), ends.into_iter().collect::<Vec<_>>());
        while let Some(end) = open.pop() {
            if !all.insert(end.clone()) {
                continue;
            }
            let silent = |step: &Step| {
                let idle = step.pid != 0 && end.begun[step.pid as usize - 1].is_none();
                idle && calls_of(step, &end.world).is_some_and(<[Call]>::is_empty)
            };
            open.extend(steps(&end.world, self.setup, silent).map(|(step, after)| {
                let mut end = End { world: after, ..end.clone() };
                if step.does != "ends" {
                    end.last[step.pid as usize - 1] = step.does;
                }
                end
            }));
        }
        all
    }
}

/// The steps of a process that begin with this call.
fn first_calls(world: &World, setup: &Setup, pid: Pid, call: Call) -> Vec<Begun> {
    let undecided = world.living(pid).map_or(&[][..], |slot| undecided(world.process(slot).at));
    let enabled = steps(world, setup, |step| step.pid == pid);
    let enabled = enabled.filter_map(|(step, _)| Some((step.does, calls_of(&step, world)?)));
    let mut begun: Vec<Begun> = Vec::new();
    for (does, calls) in enabled.chain(undecided.iter().copied()) {
        let one = Begun { does, calls, made: 1, taken: false };
        if calls.first() == Some(&call) && !begun.contains(&one) {
            begun.push(one);
        }
    }
    begun
}

/// Whether the step says that the kernel answered the call in this way, if the call asks for a lock.
fn granted_as_in(does: &str, call: Call, granted: bool) -> bool {
    const REFUSED: [&str; 5] = [
        "is refused the flock",
        "is refused the shared flock",
        "finds the lock taken",
        "cannot lock its byte",
        "sees that a restart is under way, and opens the file to wait",
    ];
    let locks = matches!(call, Call::Flock | Call::Probe | Call::TakeRestartLock | Call::LockByte);
    !locks || granted != REFUSED.contains(&does)
}

pub(super) fn steps(world: &World, setup: &Setup, which: impl Fn(&Step) -> bool) -> std::vec::IntoIter<(Step, World)> {
    let mut all = Vec::new();
    moves(world, setup, &mut all);
    all.retain(|(step, _)| which(step));
    all.into_iter()
}
