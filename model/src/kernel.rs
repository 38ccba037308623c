//! The kernel, as far as a claim knows it: files, open file descriptions, two kinds of locks, processes and their numbers.
//!
//! Small on purpose: numbers and inodes are used again as soon as they are free.

use crate::numbers::{INODES, Inode, OFDS, Ofd, PIDS, Pid, Slot};
use crate::process::{PidFd, Process};
use crate::promise::Promise;
use crate::setup::{Flaw, Setup};

/// Whom a flock admits; it belongs to open file descriptions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Flock {
    /// Anybody.
    #[default]
    Free,
    /// This one alone.
    Exclusive(Ofd),
    /// These, one bit each.
    Shared(u8),
}

/// A file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct File {
    /// The number in it; 0: it is empty.
    pub text: Pid,
    /// The process that the PID attribute names; gone: it has ended, and a process that has got its PID was started after
    /// the attribute was written.
    pub attribute: PidFd,
    /// The flock.
    pub flock: Flock,
    /// Which process called flock(2) for it: its number then, as /proc/PID/fdinfo shows it.
    pub caller: Pid,
    /// Who has locked the byte of each number, and beside it the successor's mark.
    pub bytes: [[Option<ByteLock>; 2]; PIDS + 1],
    /// Who has the restart lock of a restart.
    pub restart_lock: Option<Ofd>,
}

/// A record lock on a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ByteLock {
    /// The number that F_GETLK tells: of the process that took the lock, which may have ended.
    pub pid: Pid,
    /// The process whose table of descriptors the lock belongs to. Where processes share a table, it outlives the taker.
    pub table: Slot,
}

/// Which byte of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Byte {
    /// The one that vouches.
    Own = 0,
    /// The successor's mark.
    Mark = 1,
}

/// All there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct World {
    /// What the path of the PID file names.
    pub path: Option<Inode>,
    /// The files.
    pub files: [File; INODES],
    /// Which file each open file description is of.
    pub open: [Option<Inode>; OFDS],
    /// Which open file descriptions are for reading only, one bit each.
    pub read_only: u8,
    /// The processes; a zombie is still one.
    pub processes: [Option<Process>; PIDS],
    /// Who of the cast has come, where each comes once, one bit each.
    pub arrived: u8,
    /// The file system has extended attributes: who records a PID writes the attribute.
    pub attributes: bool,
    /// A promise that has just been broken.
    pub broken: Option<Promise>,
}

impl World {
    /// The living process with this number.
    pub fn living(&self, pid: Pid) -> Option<Slot> {
        let slot = pid.checked_sub(1)?;
        self.processes[slot as usize].as_ref().filter(|p| !p.zombie).map(|_| slot)
    }

    /// The process in a slot that is known to be taken.
    pub fn process(&self, slot: Slot) -> &Process {
        self.processes[slot as usize].as_ref().expect("a slot that is taken")
    }

    /// The process in a slot that is known to be taken, for a change.
    pub fn process_mut(&mut self, slot: Slot) -> &mut Process {
        self.processes[slot as usize].as_mut().expect("a slot that is taken")
    }

    /// All living processes.
    pub fn all_living(&self) -> impl Iterator<Item = (Slot, &Process)> {
        let all = self.processes.iter().enumerate();
        all.filter_map(|(slot, p)| p.as_ref().filter(|p| !p.zombie).map(|p| (slot as Slot, p)))
    }

    /// The numbers that nobody has, not even a zombie.
    pub fn free_pids(&self) -> impl Iterator<Item = Pid> + '_ {
        (1..=PIDS as Pid).filter(|&pid| self.processes[pid as usize - 1].is_none())
    }

    /// fork(2), or a birth by somebody outside: its number is free.
    pub fn born(&mut self, process: Process) -> Slot {
        let slot = process.pid - 1;
        self.processes[slot as usize] = Some(process);
        slot
    }

    /// open(2) with O_CREAT. `None` where the bounds of the model are reached.
    pub fn create_and_open(&mut self, by: Slot) -> Option<Ofd> {
        if self.path.is_none() {
            self.path = Some(self.unused_inode()?);
        }
        self.open_path(by)
    }

    /// open(2); the path names something.
    pub fn open_path(&mut self, by: Slot) -> Option<Ofd> {
        let ofd = self.open.iter().position(Option::is_none)? as Ofd;
        self.open[ofd as usize] = self.path;
        self.process_mut(by).fds |= 1 << ofd;
        Some(ofd)
    }

    /// A file that neither the path nor a descriptor leads to.
    pub fn unused_inode(&self) -> Option<Inode> {
        (0..INODES as Inode).find(|&inode| !self.is_used(inode))
    }

    /// Whether the path or a descriptor leads to the file.
    pub fn is_used(&self, inode: Inode) -> bool {
        self.path == Some(inode) || self.open.contains(&Some(inode))
    }

    /// The file of a descriptor.
    pub fn inode(&self, ofd: Ofd) -> Inode {
        self.open[ofd as usize].expect("an open file description that is open")
    }

    /// The file of a descriptor.
    pub fn file(&self, ofd: Ofd) -> &File {
        &self.files[self.inode(ofd) as usize]
    }

    /// The file of a descriptor.
    pub fn file_mut(&mut self, ofd: Ofd) -> &mut File {
        let inode = self.inode(ofd) as usize;
        &mut self.files[inode]
    }

    /// close(2). Closing *any* descriptor of a file drops all record locks of the process on it.
    pub fn close(&mut self, by: Slot, ofd: Ofd) {
        let file = self.file_mut(ofd);
        file.bytes.iter_mut().flatten().filter(|lock| lock.is_some_and(|l| l.table == by)).for_each(|l| *l = None);
        self.process_mut(by).fds &= !(1 << ofd);
        if self.processes.iter().flatten().any(|p| p.fds & (1 << ofd) != 0) {
            return;
        }
        self.unlock(ofd);
        let file = self.file_mut(ofd);
        if file.restart_lock == Some(ofd) {
            file.restart_lock = None;
        }
        self.open[ofd as usize] = None;
        self.read_only &= !(1 << ofd);
        self.sweep();
    }

    /// A file that nothing leads to is gone.
    pub fn sweep(&mut self) {
        for inode in 0..INODES as Inode {
            if !self.is_used(inode) {
                self.files[inode as usize] = File::default();
            }
        }
    }

    /// flock(2), LOCK_EX | LOCK_NB.
    pub fn lock(&mut self, by: Slot, ofd: Ofd) -> bool {
        let caller = self.process(by).pid;
        let file = self.file_mut(ofd);
        match file.flock {
            Flock::Exclusive(holder) => holder == ofd,
            Flock::Shared(holders) if holders != 1 << ofd => false,
            _ => {
                (file.flock, file.caller) = (Flock::Exclusive(ofd), caller);
                true
            }
        }
    }

    /// flock(2), LOCK_SH | LOCK_NB.
    pub fn lock_shared(&mut self, ofd: Ofd) -> bool {
        let flock = &mut self.file_mut(ofd).flock;
        *flock = match *flock {
            Flock::Exclusive(_) => return false,
            Flock::Free => Flock::Shared(1 << ofd),
            Flock::Shared(holders) => Flock::Shared(holders | 1 << ofd),
        };
        true
    }

    /// flock(2), LOCK_UN.
    pub fn unlock(&mut self, ofd: Ofd) {
        let file = self.file_mut(ofd);
        file.flock = match file.flock {
            Flock::Exclusive(holder) if holder == ofd => Flock::Free,
            Flock::Shared(holders) if holders & !(1 << ofd) == 0 => Flock::Free,
            Flock::Shared(holders) => Flock::Shared(holders & !(1 << ofd)),
            other => other,
        };
        if !matches!(file.flock, Flock::Exclusive(_)) {
            file.caller = 0;
        }
    }

    /// Writes a PID as the tools do: into the attribute, where there are attributes, and into the text.
    pub fn record(&mut self, ofd: Ofd, pid: Pid) {
        if self.attributes {
            self.file_mut(ofd).attribute = self.living(pid).map_or(PidFd::Gone, PidFd::At);
        }
        self.write(ofd, pid);
    }

    /// The text, and the attribute, as a claim keeps them to restore them.
    pub fn content(&self, ofd: Ofd, setup: &Setup) -> (Pid, PidFd) {
        let file = self.file(ofd);
        let is_forgotten = file.text == 0 && setup.has(Flaw::EmptyTextAlone);
        (file.text, if is_forgotten { PidFd::None } else { file.attribute })
    }

    /// Writes a text and an attribute as they were before. An attribute cannot be taken away by it.
    pub fn restore(&mut self, ofd: Ofd, text: Pid, attribute: PidFd) {
        if attribute != PidFd::None {
            self.file_mut(ofd).attribute = attribute;
        }
        self.write(ofd, text);
    }

    /// Writes a number as everybody does who has a descriptor: the attribute stays as it is.
    pub fn write(&mut self, ofd: Ofd, text: Pid) {
        self.file_mut(ofd).text = text;
    }

    /// fcntl(2), F_SETLK: `false` where another has the byte.
    pub fn take_byte(&mut self, by: Slot, ofd: Ofd, pid: Pid, which: Byte) -> bool {
        let taker = self.process(by).pid;
        let lock = &mut self.file_mut(ofd).bytes[pid as usize][which as usize];
        if lock.is_some_and(|lock| lock.table != by) {
            return false;
        }
        *lock = Some(ByteLock { pid: taker, table: by });
        true
    }

    /// Whether a process has a descriptor that holds the flock of this file, as /proc/PID/fdinfo tells.
    pub fn holds(&self, slot: Slot, inode: Inode) -> bool {
        let fds = self.process(slot).fds;
        matches!(self.files[inode as usize].flock, Flock::Exclusive(ofd) if fds & (1 << ofd) != 0)
    }

    /// The end of a process, by whatever means: its descriptors are closed, its locks gone; a parent that lives finds a
    /// zombie, and its own children are nobody's.
    pub fn end(&mut self, slot: Slot) {
        for ofd in 0..OFDS as Ofd {
            if self.process(slot).fds & (1 << ofd) != 0 {
                self.close(slot, ofd);
            }
        }
        for file in self.files.iter_mut().filter(|file| file.attribute == PidFd::At(slot)) {
            file.attribute = PidFd::Gone;
        }
        for at in 0..PIDS {
            let Some(other) = &mut self.processes[at] else { continue };
            for pidfd in [&mut other.pidfd, &mut other.old, &mut other.believed, &mut other.attribute_before] {
                if *pidfd == PidFd::At(slot) {
                    *pidfd = PidFd::Gone;
                }
            }
            if other.launcher == Some(slot) {
                other.launcher = None;
            }
            if other.parent == Some(slot) {
                other.parent = None;
                if other.zombie {
                    self.processes[at] = None;
                }
            }
        }
        let process = self.process(slot);
        let waits = process.parent.is_some_and(|parent| self.process(parent).reaps_late());
        self.processes[slot as usize] = waits.then(|| Process::zombie(process));
    }
}
