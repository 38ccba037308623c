//! `unix:` a unix socket that accepts a connection. A stale socket file refuses.

use super::conversation::{Call, Talk};
use super::{Answer, Means, Step, Target};
use crate::sockets;
use crate::sockets::owner::Owner;
use racefree_core::error::{Context, Result};
use racefree_core::event::path_watch::PathWatch;
use racefree_core::event::time::{Deadline, for_people};
use racefree_core::event::{Events, Watched};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// A unix socket to wait for.
pub(crate) struct Unix {
    watch: PathWatch,
    talk: Talk,
    call: Option<Call>,
    by: Option<Rc<Owner>>,
    absent: bool,
}

impl Unix {
    pub(crate) fn new(path: PathBuf, means: &Means) -> Unix {
        Unix { watch: PathWatch::on(path), talk: means.talk.clone(), call: None, by: means.by.clone(), absent: false }
    }

    fn talk_on(&mut self, mut call: Call) -> Result<Step> {
        Ok(match (call.go_on(&self.talk), &self.by) {
            (Some(yes @ Answer::Yes(_)), Some(owner)) => {
                let disowned = owner.disowns(&sockets::on_path(self.watch.path())?)?;
                Step::Answered(disowned.map_or(yes, Answer::unclear))
            }
            (Some(answer), _) => Step::Answered(answer),
            (None, _) => {
                self.call = Some(call);
                Step::Pending
            }
        })
    }
}

/// `@NAME`: a name in the kernel's own directory of sockets (unix(7)).
fn abstract_name(path: &Path) -> Option<&[u8]> {
    path.as_os_str().as_bytes().strip_prefix(b"@")
}

/// A socket of the kind that listens there: a stream, rarely packets, or a log's datagrams.
fn dial(path: &Path) -> std::result::Result<OwnedFd, Errno> {
    let (_directory, address) = address(path)?;
    let mut answer = Err(Errno::PROTOTYPE);
    for kind in [SocketType::STREAM, SocketType::SEQPACKET, SocketType::DGRAM] {
        let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
        answer = connect(&socket, &address).map(|()| socket);
        if !matches!(answer, Err(Errno::PROTOTYPE)) {
            break;
        }
    }
    answer
}

/// The address, and the directory that must stay open for it: a path too long for an address is shortened by one.
fn address(path: &Path) -> std::result::Result<(Option<OwnedFd>, SocketAddrUnix), Errno> {
    if let Some(name) = abstract_name(path) {
        return Ok((None, SocketAddrUnix::new_abstract_name(name)?));
    }
    match (SocketAddrUnix::new(path), path.parent(), path.file_name()) {
        (Err(Errno::NAMETOOLONG), Some(parent), Some(name)) => {
            let directory = rustix::fs::open(parent, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
            let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
            Ok((Some(directory), SocketAddrUnix::new(short)?))
        }
        (address, ..) => Ok((None, address?)),
    }
}

impl Target for Unix {
    fn ask(&mut self, _: &Events) -> Result<Step> {
        let path = self.watch.path().to_owned();
        let mut dialled = dial(&path);
        if dialled.is_err() && abstract_name(&path).is_none() && self.watch.arm() {
            dialled = dial(&path);
        }
        self.absent = matches!(dialled, Err(Errno::NOENT | Errno::NOTDIR));
        Ok(match dialled {
            Ok(socket) => self.talk_on(Call::on(socket))?,
            Err(Errno::AGAIN) => Step::Answered(Answer::unclear("it accepts nobody: its backlog is full")),
            Err(e @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM | Errno::NAMETOOLONG)) => {
                return Err(e).act("connect to", path.display());
            }
            Err(e @ (Errno::NOENT | Errno::NOTDIR | Errno::CONNREFUSED)) => Step::Answered(Answer::no(e)),
            // EACCES: many a daemon opens its socket to others only after it listens.
            Err(e) => Step::Answered(Answer::unclear(e)),
        })
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        self.call.iter().map(Call::watched).collect()
    }

    fn goes_on_at(&self) -> Deadline {
        self.call.as_ref().map_or(Deadline::NEVER, |call| call.goes_on_at(&self.talk))
    }

    fn is_lasting(&self) -> bool {
        self.call.as_ref().is_some_and(Call::is_lasting)
    }

    fn go_on(&mut self, events: &Events) -> Result<Step> {
        match self.call.take() {
            Some(call) => self.talk_on(call),
            None => self.ask(events),
        }
    }

    fn cut_off(&mut self, after: Duration) -> Answer {
        let after = for_people(after);
        match self.call.take() {
            Some(call) => call.cut_off(&self.talk, &after),
            None => Answer::unclear(format!("no answer within {after}")),
        }
    }

    fn announcers(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.descriptor().into_iter().collect()
    }

    fn heed(&mut self) -> bool {
        self.watch.drain()
    }

    /// A file that appears is announced; that somebody listens behind one that is there is not.
    fn is_announced(&self) -> bool {
        self.absent && self.watch.trusted()
    }
}
