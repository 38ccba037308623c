//! The user, the limits and the environment of COMMAND. pidfile makes the claim, PIDFILE and the log before, with the
//! rights of the caller.

use crate::claim::account::Account;
use clap::Args;
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, geteuid};
use racefree::cli::exit::{Exit, exit_as};
use racefree::error::{Context, Result};
use racefree::open::{Links, read_small};
use racefree::sys::steps::{Step, before_exec};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Rights and environment of COMMAND")]
pub(crate) struct RunAs {
    /// Run COMMAND as USER, with the groups of USER; the ready command runs as the caller
    ///
    /// USER and GROUP are names of /etc/passwd and /etc/group, or numbers. HOME, SHELL, USER and LOGNAME are set. pidfile
    /// claims PIDFILE and opens the log before that, so USER needs no right to write them. Unlike with su(1), sudo(8) or
    /// runuser(1), the process whose PID is recorded becomes COMMAND.
    #[arg(long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// No program that COMMAND executes gains rights, for example by a set-user-ID bit (PR_SET_NO_NEW_PRIVS)
    #[arg(long)]
    no_new_privs: bool,
    /// The file mode creation mask of COMMAND, in octal
    #[arg(long, value_name = "MASK", value_parser = parse_umask)]
    umask: Option<u32>,
    /// Run COMMAND N steps nicer, from -20 to 19 (nice(2))
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-40..=40))]
    nice: Option<i32>,
    /// Set variables of COMMAND: FILE has NAME=VALUE in each line; empty lines and lines with # are left out
    ///
    /// pidfile removes quotes around a value and expands nothing. It reads FILE as the caller.
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
}

/// The facts that the start needs, collected before it.
pub(crate) struct Prepared {
    account: Option<Account>,
    variables: Vec<(OsString, OsString)>,
}

impl RunAs {
    /// Looks up the user and reads the files.
    pub(crate) fn prepare(&self) -> Result<Prepared> {
        let account = self.user.as_deref().map(Account::find).transpose()?;
        if let (Some(account), Some(user)) = (&account, &self.user)
            && !geteuid().is_root()
            && geteuid().as_raw() != account.uid
        {
            return Err(exit_as(Exit::Failed, format!("run as {user}: only root may become another user")));
        }
        let mut variables = Vec::new();
        for file in &self.env_file {
            const LONGEST: u64 = 1 << 20;
            let text = read_small(file, Links::Trusted, LONGEST).act("read", file.display())?;
            let read = variables_of(&text).map_err(|line| {
                exit_as(Exit::Failed, format!("read {}: line {line} is not NAME=VALUE", file.display()))
            });
            variables.extend(read?);
        }
        Ok(Prepared { account, variables })
    }

    /// Applies the options to a command. Call it before other steps are added: a change of the user undoes some of them
    /// (PR_SET_PDEATHSIG(2const)).
    pub(crate) fn apply(&self, command: &mut Command) -> Result<()> {
        let Prepared { account, variables } = self.prepare()?;
        command.envs(account.iter().flat_map(|account| account.variables.iter().map(|(name, value)| (name, value))));
        command.envs(variables);
        // A negative nice value needs a privilege, so it comes before the change of the user.
        let mut steps: Vec<Step> = self.nice.into_iter().map(Step::Nice).collect();
        steps.extend(self.umask.map(|mask| Step::Umask(Mode::from_bits_truncate(mask))));
        // An unprivileged caller is this user already, and must not set groups.
        steps.extend(account.filter(|_| geteuid().is_root()).map(|Account { uid, gid, groups, .. }| {
            Step::BecomeUser(Uid::from_raw(uid), Gid::from_raw(gid), groups.into_iter().map(Gid::from_raw).collect())
        }));
        steps.extend(self.no_new_privs.then_some(Step::NoNewPrivileges));
        before_exec(command, &steps);
        Ok(())
    }

    /// The user, if it is not the caller.
    pub(crate) fn uid(&self) -> Result<Option<u32>> {
        Ok(self.prepare()?.account.map(|account| account.uid).filter(|uid| *uid != geteuid().as_raw()))
    }

    /// The options, for the supervisor in the background.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let user = self.user.iter().map(|user| format!("--user={user}").into());
        let no_new_privs = self.no_new_privs.then(|| "--no-new-privs".into());
        let umask = self.umask.map(|mask| format!("--umask={mask:o}").into());
        let nice = self.nice.map(|nice| format!("--nice={nice}").into());
        let files = self.env_file.iter().flat_map(|file| ["--env-file".into(), file.clone().into_os_string()]);
        user.chain(no_new_privs).chain(umask).chain(nice).chain(files).collect()
    }

    /// The paths of the files, which a change of directory must keep valid.
    pub(crate) fn files_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.env_file.iter_mut()
    }
}

/// Parses the variables of a file. The error is the number of the first wrong line.
fn variables_of(text: &[u8]) -> std::result::Result<Vec<(OsString, OsString)>, usize> {
    let lines = text.split(|&b| b == b'\n').map(<[u8]>::trim_ascii).enumerate();
    let told = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"));
    told.map(|(number, line)| variable(line).ok_or(number + 1)).collect()
}

fn variable(line: &[u8]) -> Option<(OsString, OsString)> {
    let equals = line.iter().position(|&b| b == b'=')?;
    let (name, value) = (&line[..equals], &line[equals + 1..]);
    let is_name = name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let value = match value {
        [first @ (b'"' | b'\''), inner @ .., last] if first == last => inner,
        value => value,
    };
    let usable = !name.is_empty() && is_name && !name[0].is_ascii_digit() && !value.contains(&0);
    usable.then(|| (OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(value).to_owned()))
}

fn parse_umask(text: &str) -> std::result::Result<u32, String> {
    let mask = u32::from_str_radix(text, 8).ok().filter(|mask| *mask <= 0o777);
    mask.ok_or_else(|| format!("'{text}' is no mask (like 022 or 077)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_variables_is_read_line_by_line() {
        let read = variables_of(b"# a comment\nA=1\n\n  B = not\nC='x y'\r\n_D=\"=\"\nE=\n");
        assert_eq!(read, Err(4));
        let read = variables_of(b"# a comment\nA=1\n\nC='x y'\r\n_D=\"=\"\nE=\nF=$A\n").expect("variables");
        let shown: Vec<String> =
            read.iter().map(|(name, value)| format!("{}={}", name.display(), value.display())).collect();
        assert_eq!(shown, ["A=1", "C=x y", "_D==", "E=", "F=$A"]);
        assert_eq!((variables_of(b"1A=1"), variables_of(b"A"), variables_of(b"=x")), (Err(1), Err(1), Err(1)));
    }
}
