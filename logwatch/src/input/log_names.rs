//! The logs that the command line names: files, stdin, and quoted globs, whose matches may appear later.

use crate::input::archive_names::ArchiveNames;
use crate::input::directories::Directories;
use racefree::event::deadline::Deadline;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A glob with wildcards in its directories is expanded again this often.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The operands, and when their directories were looked at.
#[derive(Debug)]
pub(crate) struct LogNames {
    operands: Vec<PathBuf>,
    archives: Vec<String>,
    looked: Directories,
    look_again: Deadline,
}

impl LogNames {
    /// The names on the command line, and the globs of --archives.
    pub(crate) fn new(operands: &[PathBuf], archives: &[String]) -> LogNames {
        let (looked, look_again) = (Directories::default(), Deadline::NEVER);
        LogNames { operands: operands.to_vec(), archives: archives.to_vec(), looked, look_again }
    }

    /// The names as the user gave them, for messages.
    pub(crate) fn in_words(&self) -> String {
        self.operands.iter().map(|operand| operand.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// True if more than one log may be meant.
    pub(crate) fn are_several(&self) -> bool {
        self.operands.len() > 1 || self.have_globs()
    }

    /// True if a log may appear whose name is not known yet.
    pub(crate) fn have_globs(&self) -> bool {
        self.operands.iter().any(|operand| glob_of(operand).is_some())
    }

    /// The names of a log and its archives.
    pub(crate) fn of(&self, log: &Path) -> ArchiveNames {
        ArchiveNames::new(log, &self.archives, self.are_several())
    }

    /// The logs that the operands stand for now. An archive of another log is no log of its own, unless it was named.
    pub(crate) fn found(&self) -> Vec<PathBuf> {
        let (mut logs, mut matched): (Vec<PathBuf>, BTreeSet<PathBuf>) = (vec![], BTreeSet::new());
        for operand in &self.operands {
            match glob_of(operand) {
                Some(glob) => {
                    let paths = glob::glob(glob).into_iter().flatten().flatten().filter(|path| !path.is_dir());
                    let new: Vec<PathBuf> = paths.filter(|path| matched.insert(path.clone())).collect();
                    logs.extend(new);
                }
                None => logs.push(operand.clone()),
            }
        }
        let mut archives = BTreeSet::new();
        if !matched.is_empty() {
            logs.iter().for_each(|log| archives.extend(self.archives_among(&matched, log)));
        }
        logs.retain(|log| !archives.contains(log));
        logs
    }

    /// The archives of a log among these files. Their names begin with the log's name, less its extension.
    fn archives_among(&self, files: &BTreeSet<PathBuf>, log: &Path) -> Vec<PathBuf> {
        let names = self.of(log);
        let stem = if log.file_name() == Some(OsStr::new("current")) {
            OsStr::new("@")
        } else {
            log.file_stem().unwrap_or_default()
        };
        let from = log.with_file_name(stem);
        let near = files.range(from.clone()..);
        let near = near.take_while(|file| file.as_os_str().as_bytes().starts_with(from.as_os_str().as_bytes()));
        let elsewhere = files.iter().filter(|_| !self.archives.is_empty());
        near.chain(elsewhere).filter(|file| names.include(file)).cloned().collect()
    }

    /// The logs that match a glob now and are not among `known`. Asked often, this looks only if a directory has changed.
    pub(crate) fn appeared(&mut self, known: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
        if !self.have_globs() {
            return vec![];
        }
        let now = Directories::of(self.directories());
        if self.looked.are_unchanged(&now) && !self.look_again.passed() {
            return vec![];
        }
        (self.looked, self.look_again) = (now, Deadline::after(LOOK_AGAIN));
        self.found().into_iter().filter(|log| !known.contains(log)).collect()
    }

    /// When to look again although no event came.
    pub(crate) fn due(&self) -> Deadline {
        let deep =
            self.operands.iter().filter_map(|operand| glob_of(operand)).any(|glob| has_wildcard(parent_of(glob)));
        if deep { self.look_again } else { Deadline::NEVER }
    }

    /// The directories in which a match of a glob may appear: the deepest ones without a wildcard. Where one does not exist,
    /// the nearest directory above it.
    pub(crate) fn directories(&self) -> Vec<PathBuf> {
        let globs = self.operands.iter().filter_map(|operand| glob_of(operand));
        globs
            .map(|glob| {
                let mut above = Path::new(glob).ancestors().skip(1).filter(|parent| !has_wildcard(parent)).map(or_here);
                above.find(|directory| directory.is_dir()).unwrap_or(".".into())
            })
            .collect()
    }
}

fn or_here(directory: &Path) -> PathBuf {
    if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory.to_owned() }
}

fn parent_of(glob: &str) -> &Path {
    Path::new(glob).parent().unwrap_or(Path::new(""))
}

fn has_wildcard(path: &Path) -> bool {
    path.as_os_str().as_bytes().iter().any(|b| b"*?[".contains(b))
}

/// The operand as a glob. A file whose name equals the glob is that file.
fn glob_of(operand: &Path) -> Option<&str> {
    operand
        .to_str()
        .filter(|_| has_wildcard(operand) && !operand.exists())
        .filter(|text| glob::Pattern::new(text).is_ok())
}
