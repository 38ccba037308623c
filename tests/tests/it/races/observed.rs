//! What can be seen of a claim from outside: in a state of the model, and on this machine.

use crate::races::tracker::steps;
use model::at::At;
use model::kernel::{Byte, World};
use model::numbers::Pid;
use model::process::Plan;
use model::setup::Setup;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use std::fs;
use std::os::unix::fs::MetadataExt;
use tests::Place;

/// The places of the restart lock and of the marks of successors (docs/interoperability.md).
const RESTART_LOCK: i64 = (1 << 22) + 1;
const MARKS: i64 = 1 << 23;

/// What can be seen. Each PID is one of the model.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Observed {
    /// The text; 0: it is empty, or there is no file.
    text: Pid,
    /// Who has a descriptor that holds the flock.
    holders: Vec<Pid>,
    /// Who has locked which byte of a PID, and whether that is the successor's mark: (who, PID, mark).
    bytes: Vec<(Pid, Pid, bool)>,
    /// Whether somebody has the restart lock.
    restart_lock: bool,
    /// Whom a reading names.
    named: Option<Pid>,
    living: Vec<Pid>,
}

impl Observed {
    pub(super) fn in_the_model(world: &World) -> Observed {
        let living = world.all_living().map(|(_, p)| p.pid).collect();
        let Some(inode) = world.path else { return Observed { living, ..Observed::default() } };
        let file = &world.files[inode as usize];
        let holders = world.all_living().filter(|&(slot, _)| world.holds(slot, inode)).map(|(_, p)| p.pid);
        let mut bytes = Vec::new();
        for pid in 1..=4 {
            for which in [Byte::Own, Byte::Mark] {
                let lock = file.bytes[pid as usize][which as usize];
                bytes.extend(lock.map(|lock| (lock.pid, pid, which == Byte::Mark)));
            }
        }
        bytes.sort_unstable();
        let restart_lock = file.restart_lock.is_some();
        Observed { text: file.text, holders: holders.collect(), bytes, restart_lock, named: named(world), living }
    }

    /// `pids` are all real PIDs, and `number` is the PID of the model for one of them.
    pub(super) fn here(place: &Place, pids: &[i32], living: &[i32], number: impl Fn(i32) -> Pid) -> Observed {
        let numbers = |mut all: Vec<Pid>| {
            all.sort_unstable();
            all
        };
        let living_here = numbers(living.iter().map(|&pid| number(pid)).collect());
        let Ok(file) = fs::metadata(place.file("p")) else {
            return Observed { living: living_here, ..Observed::default() };
        };
        let text = place.content("p").trim().parse().map_or(0, &number);
        let inode = format!(":{}", file.ino());
        let holds = |pid: &&i32| flocks_of(**pid).iter().any(|lock| lock.ends_with(&inode));
        let holders = numbers(living.iter().filter(holds).map(|&pid| number(pid)).collect());
        let mut seen = Observed { text, holders, living: living_here, ..Observed::default() };
        let file = fs::File::open(place.file("p")).expect("a file that is there");
        for &pid in pids {
            for (start, mark) in [(i64::from(pid), false), (MARKS + i64::from(pid), true)] {
                seen.bytes.extend(owner(&file, start).map(|owner| (number(owner), number(pid), mark)));
            }
        }
        seen.restart_lock = owner(&file, RESTART_LOCK).is_some();
        seen.bytes.sort_unstable();
        seen.named = place.sh("pidfile read p").stdout.trim().parse().ok().map(number);
        seen
    }
}

/// Who has locked the byte, as the kernel tells (fcntl(2), F_GETLK). The list of all locks, /proc/locks, can miss one while
/// other tests lock and unlock.
fn owner(file: &fs::File, start: i64) -> Option<i32> {
    let mut lock = libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: start,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_GETLK(&mut lock)).expect("an answer");
    (lock.l_type != libc::F_UNLCK as i16).then_some(lock.l_pid)
}

/// The files on which a process holds a flock (proc_pid_fdinfo(5)).
fn flocks_of(pid: i32) -> Vec<String> {
    let infos = fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten().flatten();
    let infos = infos.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    let locks = infos.flat_map(|info| info.lines().map(str::to_owned).collect::<Vec<_>>());
    let flocks = locks.filter(|line| line.starts_with("lock:") && line.contains(" FLOCK "));
    flocks.filter_map(|line| line.split_ascii_whitespace().nth(6).map(str::to_owned)).collect()
}

/// Whom a reading names that is made now: the first of the two readings of a signal.
fn named(world: &World) -> Option<Pid> {
    let setup = Setup { cast: &[(Plan::Signal, 1)], pids: 4, ..Setup::default() };
    let world = World { arrived: 0, ..world.clone() };
    let reader = world.free_pids().next().expect("a free PID");
    let (_, mut world) = steps(&world, &setup, |step| step.pid == reader && step.does == "starts it").next()?;
    loop {
        let slot = world.living(reader)?;
        if world.process(slot).at == At::Hold {
            return Some(world.process(slot).first);
        }
        world = steps(&world, &setup, |step| step.pid == reader).next()?.1;
    }
}

/// Whether a program ends with this status after this last step.
pub(super) fn ends_so(plan: Plan, last: &str, status: i32) -> bool {
    let unknown = ["finds no number", "sees that it has not the lock"].contains(&last);
    let judged = last == "judges all who own their byte";
    match (plan, last) {
        (Plan::Stop, "refuses to signal it") => status == 4,
        (Plan::Stop, _) => status == if unknown || judged { 4 } else { 0 },
        (Plan::Read, "finds no file") => status == 3,
        (Plan::Read, "gives it back: nobody holds it") => [1, 3].contains(&status),
        (Plan::Read, "finds it dead") => status == 2,
        (Plan::Read, "sees that it has the lock") => status == 0,
        (Plan::Read, _) if judged => [0, 4].contains(&status),
        (Plan::Read, _) => unknown && status == 4,
        (_, "says that it is claimed" | "cannot lock its byte") => status == 75,
        (Plan::Replace, "takes the lock" | "has started it, and ends") => status == 0,
        (Plan::Replace, "refuses to signal it") => status == 4,
        (Plan::Replace, _) => status != 0,
        _ => false,
    }
}
