//! An open PID file, and the path by which it was opened. The product opens PID files here and nowhere else.

use crate::claim::pid_attribute::PidAttribute;
use crate::claim::pid_text::{self, Text};
use crate::error::{Context, Result, Why, refused};
use crate::lock::file_id::FileId;
use crate::lock::locked_file::LockedFile;
use crate::open::{self, How, Links, Refused};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::{Mode, fchmod};
use std::fs::{File, Metadata};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// An open PID file.
#[derive(Debug)]
pub(crate) struct PidFile {
    file: File,
    path: PathBuf,
}

/// The content of a PID file, from before a claim.
#[derive(Debug)]
pub(crate) struct Content {
    text: Vec<u8>,
    attribute: Option<PidAttribute>,
}

/// More than a PID and its line end. A file that fills it is read once more, with a larger buffer.
const SHORT: usize = 64;

impl PidFile {
    /// Opens a PID file for reading; `None` if it is absent. It follows no symbolic link of another user.
    ///
    /// # Errors
    /// The file is not regular or cannot be opened, or another user's link leads to it.
    pub(crate) fn open(path: &Path) -> Result<Option<PidFile>> {
        match open::open(path, How::read(Links::Trusted)) {
            Ok(opened) => Ok(Some(PidFile { file: opened.file, path: path.to_owned() })),
            Err(why) if why.is_absent() => Ok(None),
            Err(Refused::Kind(kind)) => {
                Err(refused("read", path.display(), Why::Unfit(format!("it is {kind}, so no PID file"))))
            }
            Err(why) => Err(why).act("open", path.display()),
        }
    }

    /// Opens a PID file for a claim, and makes it if it is absent. A new file gets these permission bits, or 0644, less
    /// the umask.
    ///
    /// # Errors
    /// The path is a symbolic link, the file is not regular or cannot be opened or made, or another user's link leads
    /// to it.
    pub(crate) fn open_for_claim(path: &Path, mode: Option<u32>) -> Result<PidFile> {
        let how = How::read_write(Links::TrustedNotLast).or_create(mode.unwrap_or(0o644));
        match open::open(path, how) {
            Ok(opened) => Ok(PidFile { file: opened.file, path: path.to_owned() }),
            Err(Refused::Kind(kind)) => {
                let why = format!("it is {kind}; name a regular file, or one that does not exist yet");
                Err(refused("claim", path.display(), Why::Unfit(why)))
            }
            Err(why) => Err(why).act("open", path.display()),
        }
    }

    /// Opens an existing PID file for reading and writing, to hold its restart lock; `None` if it is absent.
    ///
    /// # Errors
    /// As [`PidFile::open_for_claim`].
    pub(crate) fn open_for_restart_lock(path: &Path) -> Result<Option<PidFile>> {
        match open::open(path, How::read_write(Links::TrustedNotLast)) {
            Ok(opened) => Ok(Some(PidFile { file: opened.file, path: path.to_owned() })),
            Err(why) if why.is_absent() => Ok(None),
            Err(why) => Err(why).act("open", path.display()),
        }
    }

    /// Takes over a PID file that another process has opened.
    pub(crate) fn through(descriptor: OwnedFd, path: &Path) -> PidFile {
        PidFile { file: descriptor.into(), path: path.to_owned() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The identity of the file in the kernel's lists of locks.
    pub(crate) fn locked_file(&self) -> Result<LockedFile> {
        LockedFile::of(&self.file).act("look at", self.path.display())
    }

    /// Whether the path still names this very file.
    pub(crate) fn still_at_path(&self) -> bool {
        crate::lock::wait::still_at(&self.file, &self.path)
    }

    pub(crate) fn metadata(&self) -> Result<Metadata> {
        self.file.metadata().act("look at", self.path.display())
    }

    /// Returns the content, if this can have been a PID file: nothing, zeroes, or a number.
    ///
    /// # Errors
    /// The content cannot be that of a PID file, or the file has several names. The user who made the second name may
    /// want us to write into the file behind the first.
    pub(crate) fn check_content(&self) -> Result<Content> {
        let unfit = |why: String| refused("claim", self.path.display(), Why::Unfit(why));
        let never =
            |why: &str| unfit(format!("this was never a PID file: {why}; name another file, or empty this one"));
        let metadata = self.metadata()?;
        if !metadata.is_file() {
            return Err(never("it is not a regular file"));
        }
        if metadata.nlink() > 1 {
            return Err(unfit("it has several names (hard links); name a file of its own".into()));
        }
        let content = self.read_start()?;
        match pid_text::parse(&content) {
            Text::Garbage(why) => Err(never(why)),
            // Race: worker-denies-successor (docs/races.md). A worker can have emptied the text.
            Text::Empty | Text::Names(_) => Ok(Content { text: content, attribute: self.attribute() }),
        }
    }

    /// Refuses a descriptor through which the PID cannot be read, or not be written at the beginning of the file.
    ///
    /// # Errors
    /// It is open for reading only, for writing only, or in append mode.
    pub(crate) fn check_descriptor(&self) -> Result<()> {
        let flags =
            fcntl(&self.file, FcntlArg::F_GETFL).map(OFlag::from_bits_retain).act("look at", "the descriptor")?;
        let why = match flags & OFlag::O_ACCMODE {
            _ if flags.contains(OFlag::O_APPEND) => "in append mode",
            OFlag::O_RDWR => return Ok(()),
            OFlag::O_WRONLY => "for writing only",
            _ => "for reading only",
        };
        let why = format!("the descriptor is open {why} (in a shell, open it with <> as in `exec 9<>FILE`)");
        Err(refused("claim", self.path.display(), Why::Unfit(why)))
    }

    /// The text of the file.
    pub(crate) fn text(&self) -> Result<Text> {
        Ok(pid_text::parse(&self.read_start()?))
    }

    /// The text of another file that is at the path now; `None` if there is none, or it is no PID file.
    ///
    /// Race: claim-read-by-its-supervisor (docs/races.md). It compares before it opens, because the close of any
    /// descriptor of this file would drop the record locks of this process.
    pub(crate) fn text_of_another(&self) -> Option<Text> {
        let found = File::from(open::find(&self.path, Links::Trusted).ok()?);
        if FileId::from(&found.metadata().ok()?) == FileId::from(&self.file.metadata().ok()?) {
            return None;
        }
        let opened = open::open_found(&self.path, found.into(), How::read(Links::Trusted)).ok()?;
        PidFile { file: opened.file, path: self.path.clone() }.text().ok()
    }

    /// The attribute that repeats the PID of the text.
    pub(crate) fn attribute(&self) -> Option<PidAttribute> {
        PidAttribute::of(self.as_fd())
    }

    /// Reads as much of the beginning of the file as decides whether it is a PID file.
    fn read_start(&self) -> Result<Vec<u8>> {
        let mut start = vec![0; SHORT];
        let mut filled = 0;
        while filled <= pid_text::LONGEST {
            match self.file.read_at(&mut start[filled..], filled as u64) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e).act("read", "the PID file"),
            }
            if filled == SHORT {
                start.resize(pid_text::LONGEST + 1, 0);
            } else if start[..filled].ends_with(b"\n") {
                // Less than was asked for, up to the end of a line, is all there is: a second read would say so.
                break;
            }
        }
        start.truncate(filled);
        Ok(start)
    }

    /// Restores an earlier text.
    pub(crate) fn restore(&self, Content { text, attribute }: &Content) -> Result<()> {
        if let Some(attribute) = attribute {
            attribute.set(self.as_fd());
        }
        let whole = self.file.write_all_at(text, 0).and_then(|()| self.file.set_len(text.len() as u64));
        whole.act("restore", self.path.display())
    }

    pub(crate) fn set_mode(&self, mode: u32) -> Result<()> {
        fchmod(&self.file, Mode::from_bits_truncate(mode)).act("set the mode of", self.path.display())
    }
}

impl AsFd for PidFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
