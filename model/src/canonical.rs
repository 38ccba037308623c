//! States that differ only by the numbers of files and open file descriptions are one state.

use crate::kernel::{File, Flock, World};
use crate::numbers::{INODES, Inode, OFDS, Ofd};

impl World {
    /// Renumbers files and open file descriptions in the order in which they occur, so that states that differ only by
    /// these numbers become one state.
    pub fn canonical(&mut self) {
        let mut order: Vec<Ofd> = Vec::with_capacity(OFDS);
        for process in self.processes.iter().flatten() {
            let named = [process.claim, process.read, process.restart_lock].into_iter().flatten();
            for ofd in named.chain((0..OFDS as Ofd).filter(|ofd| process.fds & (1 << ofd) != 0)) {
                if !order.contains(&ofd) {
                    order.push(ofd);
                }
            }
        }
        let mut inodes: Vec<Inode> = self.path.into_iter().collect();
        for inode in order.iter().filter_map(|&ofd| self.open[ofd as usize]) {
            if !inodes.contains(&inode) {
                inodes.push(inode);
            }
        }
        if order.iter().enumerate().any(|(new, &old)| new != old as usize) {
            self.renumber_descriptions(&order);
        }
        if inodes.iter().enumerate().any(|(new, &old)| new != old as usize) {
            let new = |old: Inode| inodes.iter().position(|&inode| inode == old).expect("all that are used") as Inode;
            let mut files: [File; INODES] = Default::default();
            for &old in &inodes {
                files[new(old) as usize] = std::mem::take(&mut self.files[old as usize]);
            }
            self.files = files;
            self.path = self.path.map(new);
            self.open = self.open.map(|inode| inode.map(new));
        }
    }

    fn renumber_descriptions(&mut self, order: &[Ofd]) {
        let new = |old: Ofd| order.iter().position(|&ofd| ofd == old).expect("all that are open") as Ofd;
        let set = |old: u8| order.iter().enumerate().fold(0, |set, (new, ofd)| set | ((old >> ofd & 1) << new));
        let mut open = [None; OFDS];
        for (new, &old) in order.iter().enumerate() {
            open[new] = self.open[old as usize];
        }
        self.open = open;
        self.read_only = set(self.read_only);
        for file in &mut self.files {
            file.restart_lock = file.restart_lock.map(new);
            file.flock = match file.flock {
                Flock::Free => Flock::Free,
                Flock::Exclusive(ofd) => Flock::Exclusive(new(ofd)),
                Flock::Shared(ofds) => Flock::Shared(set(ofds)),
            };
        }
        for process in self.processes.iter_mut().flatten() {
            process.fds = set(process.fds);
            for ofd in [&mut process.claim, &mut process.read, &mut process.restart_lock] {
                *ofd = ofd.map(new);
            }
        }
    }
}
