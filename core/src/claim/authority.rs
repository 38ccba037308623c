//! Authority: the writers of a PID file. A writer could have made the path lead here, the file say this, or the lock on
//! it exist.
//!
//! The rule: only processes over which the weakest writer has power already may be signalled. Root's file in root's
//! directories gives power over its claimant, whoever that is. A file that a user can write, or a directory of the path
//! that a user can write, gives power over processes of that user.

use crate::claim::pid_file::PidFile;
use crate::error::{Context, Result, Why, refused};
use crate::lock::file_id::FileId;
use crate::lock::holders::Holder;
use crate::open::{Directory, Links, directories_of};
use crate::process::pidfd::PidFd;
use crate::process::procfs;
use nix::unistd::{Gid, Group, Uid, User, geteuid};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A writer: a user who could have decided which process a PID file names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Writer {
    User(u32),
    /// The members of this group.
    Group(u32),
    Anybody,
}

/// The writers of a PID file, each with the file or directory that he can write. Root and the caller are left out.
#[derive(Debug)]
pub(crate) struct Authority {
    writers: Vec<(Writer, String)>,
}

const ROOT: u32 = 0;
const STICKY: u32 = 0o1000;

impl Authority {
    /// Collects the writers of the file and of every directory of its path.
    ///
    /// # Errors
    /// The path leads to another file now, or through another user's symbolic link.
    pub(crate) fn over(file: &PidFile) -> Result<Authority> {
        let path = file.path();
        let (there, directories) = directories_of(path, Links::Trusted).act("find", path.display())?;
        let metadata = file.metadata()?;
        if FileId::from(&there) != FileId::from(&metadata) {
            return Err(refused("find", path.display(), Why::Replaced("it was replaced meanwhile".into())));
        }
        let mut authority = Authority { writers: vec![] };
        directories.iter().for_each(|directory| authority.add_directory(directory, &directories[0]));
        authority.add_file(file, &metadata);
        Ok(authority)
    }

    fn add_directory(&mut self, directory: &Directory, first: &Directory) {
        let what = format!("the directory {}", directory.path.display());
        // The owner of the root directory is root, also in a user namespace that shows root by another number
        // (user_namespaces(7)).
        let is_root = first.path == Path::new("/") && directory.uid == first.uid;
        if !is_root {
            self.add_user(directory.uid, &what);
        }
        // In a sticky directory only the owner of an entry, or of the directory, can replace the entry (inode(7)).
        if directory.mode & STICKY == 0 {
            self.add_others(directory.mode, directory.uid, directory.gid, &what);
        }
    }

    fn add_file(&mut self, file: &PidFile, metadata: &Metadata) {
        let what = format!("the file {}", file.path().display());
        self.add_user(metadata.uid(), &what);
        self.add_others(metadata.mode(), metadata.uid(), metadata.gid(), &what);
        if metadata.nlink() > 1 {
            self.writers.push((Writer::Anybody, format!("{what}, which has several names,")));
        }
    }

    fn add_user(&mut self, uid: u32, what: &str) {
        if uid != ROOT && uid != geteuid().as_raw() {
            self.add(Writer::User(uid), what);
        }
    }

    fn add_others(&mut self, mode: u32, uid: u32, gid: u32, what: &str) {
        if mode & 0o002 != 0 {
            self.add(Writer::Anybody, what);
        }
        if mode & 0o020 != 0 && !is_private_group(gid, uid) {
            self.add(Writer::Group(gid), what);
        }
    }

    fn add(&mut self, writer: Writer, what: &str) {
        if !self.writers.iter().any(|(known, _)| *known == writer) {
            self.writers.push((writer, what.to_owned()));
        }
    }

    /// Whether root and the caller are the only writers.
    pub(crate) fn is_ours_alone(&self) -> bool {
        self.writers.is_empty()
    }

    /// The reason for which the process may not be signalled, if there is one.
    pub(crate) fn objection(&self, process: &PidFd) -> Option<String> {
        let users = procfs::users(process.pid());
        let has_power = |writer: &Writer| match writer {
            Writer::User(uid) => users.is_some_and(|users| users.contains(uid)),
            Writer::Group(_) | Writer::Anybody => false,
        };
        let (weakest, what) = self.writers.iter().find(|(writer, _)| !has_power(writer))?;
        let who = match weakest {
            Writer::User(uid) => format!("user {} can write", procfs::user_name(*uid)),
            Writer::Group(gid) => format!("the members of group {} can write", group_name(*gid)),
            Writer::Anybody => "anybody can write".into(),
        };
        let whose = procfs::user(process.pid()).map_or(String::new(), |user| format!(" of {user}"));
        let process = Holder::new(process.pid());
        Some(format!(
            "{who} {what} and so decide which process is named, and may not signal {process}{whose}; \
             keep the PID file where only root, or that process's user, can write"
        ))
    }
}

/// Whether the group is the user's private one: it has the user's name and no other member. Many systems make such
/// groups and give new files the mode 0664.
fn is_private_group(gid: u32, uid: u32) -> bool {
    let (Ok(Some(user)), Ok(Some(group))) = (User::from_uid(Uid::from_raw(uid)), Group::from_gid(Gid::from_raw(gid)))
    else {
        return false;
    };
    user.gid == group.gid && user.name == group.name && group.mem.iter().all(|member| *member == user.name)
}

fn group_name(gid: u32) -> String {
    Group::from_gid(Gid::from_raw(gid)).ok().flatten().map_or(gid.to_string(), |group| group.name)
}

/// The reason for which a process that descends from the claimant, or has its lock, may not be signalled because of the file
/// at `path`. A file that is gone gives power over nobody: a writer of its directory could have removed it.
///
/// # Errors
/// The file cannot be looked at.
pub fn objection_to(path: &Path, process: &PidFd) -> Result<Option<String>> {
    match PidFile::open(path)? {
        Some(file) => Ok(Authority::over(&file)?.objection(process)),
        None => Ok(Some("the PID file is gone".into())),
    }
}
