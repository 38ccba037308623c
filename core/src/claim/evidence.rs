//! The evidence for a signal: proven for the very process that is pinned, and made by nobody who has no power over it.

use crate::claim::authority::Authority;
use crate::claim::owner::{self, Proof};
use crate::claim::pid_file::PidFile;
use crate::claim::pid_text::Text;
use crate::claim::pin::{MaybePinned, pin_as};
use crate::claim::plausible;
use crate::claim::status::{Claimant, Evidence, Status};
use crate::claim::unlocked;
use crate::error::{Result, Why, refused};
use crate::event::deadline::Deadline;
use crate::event::ready_by;
use crate::listener::decision;
use crate::lock::fdinfo;
use crate::lock::holders::{AT_MOST, Holder};
use crate::process::pidfd::PidFd;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// The evidence that is accepted when the claimant of a PID file is to be signalled.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// Locks alone.
    Locks,
    /// Also a text without a lock, if the process can have written it and runs this program, if one is named.
    TextToo(Option<&'a Path>),
}

/// Pins the claimant of the PID file at `path` for a signal. The evidence is proven for the pinned process, and every
/// writer has power over it.
///
/// # Errors
/// [`Why::Unproven`], with the reason and the way out.
pub fn pin_to_signal(act: &'static str, path: &Path, trust: Trust<'_>) -> Result<MaybePinned> {
    // Each turn of the loop is a daemon that ends at this moment.
    const TURNS_AT_MOST: usize = 100;
    let read = || match trust {
        Trust::Locks => Status::of(path),
        Trust::TextToo(exe) => unlocked::reading(path, exe),
    };
    for _ in 0..TURNS_AT_MOST {
        let (process, claimant) = match pin_as(read)? {
            MaybePinned::Running(process, claimant) => (process, claimant),
            nobody => return Ok(nobody),
        };
        match judge(path, &process, &claimant, trust)? {
            Judgement::Granted => return Ok(MaybePinned::Running(process, claimant)),
            Judgement::Refused(why) if !process.has_ended()? => {
                return Err(refused(act, path.display(), Why::Unproven(why)));
            }
            // Race: claimant-ends-while-judged (docs/races.md)
            Judgement::Refused(_) | Judgement::Changed => {
                decision("claimant-ends-while-judged", || {
                    format!("{act} {}: the claimant ends, again", path.display())
                });
            }
        }
    }
    Err(refused(act, path.display(), Why::Unproven("its claimant keeps changing".into())))
}

/// Whether a process may be signalled.
enum Judgement {
    Granted,
    Refused(String),
    /// The process is not the claimant any more.
    Changed,
}

impl Judgement {
    fn refused_for(why: Option<String>) -> Judgement {
        why.map_or(Judgement::Granted, Judgement::Refused)
    }
}

fn judge(path: &Path, process: &PidFd, claimant: &Claimant, trust: Trust<'_>) -> Result<Judgement> {
    let Some(file) = PidFile::open(path)? else { return Ok(Judgement::Changed) };
    let authority = match Authority::over(&file) {
        Ok(authority) => authority,
        Err(_) if !file.still_at_path() => return Ok(Judgement::Changed),
        Err(e) => return Err(e),
    };
    let evidence = match (claimant.evidence, trust) {
        (Evidence::Vouched, _) => vouched(&file, process, &authority)?,
        (_, Trust::TextToo(exe)) => Judgement::refused_for(plausible::objection(process.pid(), &file, exe)?),
        (Evidence::Descriptor, Trust::Locks) => Judgement::refused_for(descriptor(&file, process)?),
        (Evidence::Recorded, Trust::Locks) => {
            let why = format!("it is another user's, and only the file says that it is {}", process.pid());
            Judgement::Refused(why)
        }
    };
    Ok(match evidence {
        Judgement::Granted => Judgement::refused_for(authority.objection(process)),
        other => other,
    })
}

/// Checks that the process owns its byte, and that its own list of locks proves it. A process that is ending loses its
/// list a moment before its locks. So if the list does not show the lock, this looks again until the process has ended,
/// or the moment is over.
fn vouched(file: &PidFile, process: &PidFd, authority: &Authority) -> Result<Judgement> {
    const MOMENT: Duration = Duration::from_millis(100);
    const AGAIN: Duration = Duration::from_millis(5);
    let moment = Deadline::after(MOMENT);
    let holder = Holder::new(process.pid());
    loop {
        let standing = match owner::judge(file)? {
            owner::Verdict::One(standing) if standing.pid == process.pid() => standing,
            _ => return Ok(Judgement::Changed),
        };
        return Ok(match standing.proof(file) {
            Proof::Proven => Judgement::Granted,
            Proof::Refuted if ready_by(process.as_fd(), Deadline::after(AGAIN))? => Judgement::Changed,
            Proof::Refuted if !moment.passed() => continue,
            Proof::Refuted => {
                decision("lock-outlives-owner", || format!("the list of {holder} has no such lock"));
                Judgement::Refused(format!("{holder} has not taken the lock that speaks for it itself"))
            }
            Proof::Hidden if authority.is_ours_alone() => Judgement::Granted,
            Proof::Hidden => {
                Judgement::Refused(format!("the locks of {holder} may not be looked at (proc_pid_fdinfo(5))"))
            }
        });
    }
}

/// Checks that a descriptor is enough evidence. A descriptor can be handed to any process. It is enough only if neither a
/// user who may only read the file can have opened it, nor a worker that has inherited it can have written the text:
/// the file is writable through it, or other users cannot read the file; and the PID attribute repeats the text.
fn descriptor(file: &PidFile, process: &PidFd) -> Result<Option<String>> {
    let holder = Holder::new(process.pid());
    let found = fdinfo::flocked_descriptor(process.pid(), file.locked_file()?, Deadline::after(AT_MOST));
    let Ok(Some(descriptor)) = found else {
        return Ok(Some(format!("{holder} is not seen to have the lock any more")));
    };
    let mode = file.metadata()?.mode();
    if !descriptor.writable && mode & 0o044 != 0 {
        return Ok(Some(format!(
            "{holder} has the file open for reading only, as whoever may read the file can open it and hand it on; \
             --unlocked asks whether it may have written the file"
        )));
    }
    if mode & 0o022 != 0 {
        return Ok(Some(format!("others than its owner can write the file (mode {:04o})", mode & 0o7777)));
    }
    if !is_by_a_writer(file, process)? {
        decision("worker-hands-on-claim", || format!("the PID attribute does not speak for {holder}"));
        return Ok(Some(format!(
            "{holder} has the lock by a descriptor alone, and a worker that has inherited it can have written the PID; \
             --unlocked asks whether {holder} may have written the file"
        )));
    }
    Ok(None)
}

/// Whether a user who may write the file has written its text, for a process that was started before. A file without a
/// PID attribute was never claimed by these utilities: a worker can neither write nor remove the attribute.
///
/// Race: worker-hands-on-claim (docs/races.md)
fn is_by_a_writer(file: &PidFile, process: &PidFd) -> Result<bool> {
    let Some(attribute) = file.attribute() else { return Ok(true) };
    Ok(file.text()? == Text::Names(attribute.pid) && attribute.is_younger_than(process.pid()))
}
