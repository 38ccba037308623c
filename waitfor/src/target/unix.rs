//! `unix:` a unix socket that accepts a connection. The socket file of a daemon that has ended refuses.

use super::conversation::Conversation;
use super::script::Script;
use super::{Answer, ProbeOptions, Target};
use crate::sockets::SocketTables;
use crate::sockets::owner::SocketOwner;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use racefree::error::{Context, Result};
use racefree::event::Watched;
use racefree::event::deadline::Deadline;
use racefree::event::duration::for_people;
use racefree::event::path_watch::PathWatch;
use racefree::open::{Links, Refused, find};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

/// A unix socket to wait for.
pub(crate) struct Unix {
    watch: PathWatch,
    script: Script,
    conversation: Option<Conversation>,
    by: Option<Rc<SocketOwner>>,
    tables: Rc<SocketTables>,
    absent: bool,
}

impl Unix {
    pub(crate) fn new(path: PathBuf, options: &ProbeOptions) -> Unix {
        let (script, by, tables) = (options.script.clone(), options.by.clone(), options.tables.clone());
        Unix { watch: PathWatch::on(path), script, conversation: None, by, tables, absent: false }
    }

    fn converse(&mut self, mut conversation: Conversation) -> Result<Poll<Answer>> {
        Ok(match conversation.resume(&self.script) {
            // The socket may have been replaced by a stranger's since it was asked about.
            Some(yes @ Answer::Yes(_)) => Poll::Ready(self.unowned()?.unwrap_or(yes)),
            Some(answer) => Poll::Ready(answer),
            None => {
                self.conversation = Some(conversation);
                Poll::Pending
            }
        })
    }

    /// The answer without a connection, where the process of `--by` does not own the socket: a stranger is not even
    /// connected to.
    fn unowned(&self) -> Result<Option<Answer>> {
        let Some(owner) = &self.by else { return Ok(None) };
        let path = self.watch.path();
        let sockets = self.tables.on_path(path)?;
        if sockets.is_empty() {
            let is_there = abstract_name(path).is_some() || nix::sys::stat::stat(path).is_ok();
            return Ok(Some(Answer::no(if is_there { Errno::ECONNREFUSED } else { Errno::ENOENT })));
        }
        Ok(owner.mismatch(&sockets)?.map(Answer::unclear))
    }

    fn look(&mut self) -> Result<Poll<Answer>> {
        let path = self.watch.path().to_owned();
        if let Some(answer) = self.unowned()? {
            self.absent = answer == Answer::no(Errno::ENOENT);
            return Ok(Poll::Ready(answer));
        }
        let dialled = dial(&path);
        self.absent = matches!(dialled, Err(Errno::ENOENT | Errno::ENOTDIR));
        match dialled {
            Ok(socket) => self.converse(Conversation::on(socket)),
            Err(Errno::EAGAIN) => Ok(Poll::Ready(Answer::unclear("it accepts nobody: its backlog is full"))),
            Err(e @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM | Errno::ENAMETOOLONG)) => {
                Err(e).act("connect to", path.display())
            }
            Err(e @ (Errno::ENOENT | Errno::ENOTDIR | Errno::ECONNREFUSED)) => Ok(Poll::Ready(Answer::no(e))),
            // EACCES: many a daemon gives others access to its socket only after it listens.
            Err(e) => Ok(Poll::Ready(Answer::unclear(e))),
        }
    }
}

/// The NAME of `@NAME`: a name in the kernel's own directory of sockets (unix(7)).
fn abstract_name(path: &Path) -> Option<&[u8]> {
    path.as_os_str().as_bytes().strip_prefix(b"@")
}

/// A connected socket of the type that listens there: a stream; rarely packets, or a log's datagrams.
fn dial(path: &Path) -> std::result::Result<OwnedFd, Errno> {
    let (_directory, address) = address(path)?;
    let mut answer = Err(Errno::EPROTOTYPE);
    for kind in [SockType::Stream, SockType::SeqPacket, SockType::Datagram] {
        let socket = socket(AddressFamily::Unix, kind, SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK, None)?;
        answer = connect(socket.as_raw_fd(), &address).map(|()| socket);
        if !matches!(answer, Err(Errno::EPROTOTYPE)) {
            break;
        }
    }
    answer
}

/// The address, and a directory that must stay open for it: a path too long for an address is given relative to that
/// directory.
fn address(path: &Path) -> std::result::Result<(Option<OwnedFd>, UnixAddr), Errno> {
    if let Some(name) = abstract_name(path) {
        return Ok((None, UnixAddr::new_abstract(name)?));
    }
    match (UnixAddr::new(path), path.parent(), path.file_name()) {
        (Err(Errno::ENAMETOOLONG), Some(parent), Some(name)) => {
            let refused = |why: Refused| why.errno().unwrap_or(Errno::EIO);
            let directory = find(parent, Links::Follow).map_err(refused)?;
            let short = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
            Ok((Some(directory), UnixAddr::new(&short)?))
        }
        (address, ..) => Ok((None, address?)),
    }
}

impl Target for Unix {
    fn probe(&mut self) -> Result<Poll<Answer>> {
        let first = self.look()?;
        let is_answered = matches!(first, Poll::Pending | Poll::Ready(Answer::Yes(_)));
        if !is_answered && abstract_name(self.watch.path()).is_none() && self.watch.arm() {
            return self.look();
        }
        Ok(first)
    }

    fn watched(&self) -> Vec<Watched<'_>> {
        self.conversation.iter().map(Conversation::watched).collect()
    }

    fn resumes_at(&self) -> Deadline {
        self.conversation.as_ref().map_or(Deadline::NEVER, |conversation| conversation.resumes_at(&self.script))
    }

    fn watches_answer_last(&self) -> bool {
        self.conversation.as_ref().is_some_and(Conversation::is_staying_open)
    }

    fn resume(&mut self) -> Result<Poll<Answer>> {
        match self.conversation.take() {
            Some(conversation) => self.converse(conversation),
            None => self.probe(),
        }
    }

    fn time_out(&mut self, after: Duration) -> Answer {
        let after = for_people(after);
        match self.conversation.take() {
            Some(conversation) => conversation.time_out(&self.script, &after),
            None => Answer::unclear(format!("no answer within {after}")),
        }
    }

    fn event_sources(&self) -> Vec<BorrowedFd<'_>> {
        self.watch.descriptor().into_iter().collect()
    }

    fn drain_events(&mut self) -> bool {
        self.watch.drain()
    }

    /// A file that appears sends an event. Somebody who begins to listen behind a file that exists sends none.
    fn is_event_driven(&self) -> bool {
        self.absent && self.watch.trusted()
    }
}
