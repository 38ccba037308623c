//! A user of this machine, with the groups that a login gives the user: from /etc/passwd and /etc/group alone.
//!
//! Other sources of users (nsswitch.conf(5)) need shared libraries, which a static program cannot load. A number needs
//! no source.

use racefree::cli::exit::{Exit, exit_as};
use racefree::error::Result;
use racefree::open::{Links, read_small};
use std::path::Path;

/// The facts that a process needs in order to run as a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) groups: Vec<u32>,
    /// HOME, SHELL, USER and LOGNAME, if the user has an entry in /etc/passwd.
    pub(crate) variables: Vec<(&'static str, String)>,
}

impl Account {
    /// Finds `USER` or `USER:GROUP`, by names or numbers.
    pub(crate) fn find(wanted: &str) -> Result<Account> {
        const LONGEST: u64 = 4 << 20;
        let read = |path: &str| read_small(Path::new(path), Links::Follow, LONGEST).unwrap_or_default();
        let (passwd, group) = (read("/etc/passwd"), read("/etc/group"));
        Account::find_in(wanted, &String::from_utf8_lossy(&passwd), &String::from_utf8_lossy(&group))
            .map_err(|why| exit_as(Exit::Failed, format!("run as {wanted}: {why}")))
    }

    fn find_in(wanted: &str, passwd: &str, group: &str) -> std::result::Result<Account, String> {
        let (user, group_wanted) = wanted.split_once(':').map_or((wanted, None), |(user, group)| (user, Some(group)));
        let users = || passwd.lines().map(fields).filter(|entry| entry.len() >= 7);
        let groups = || group.lines().map(fields).filter(|entry| entry.len() >= 4);
        let entry = users().find(|entry| entry[0] == user).or_else(|| users().find(|entry| entry[2] == user));
        let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number != u32::MAX);
        let uid = entry.as_ref().map_or(user, |entry| entry[2]);
        let uid = number(uid).ok_or_else(|| format!("/etc/passwd has no user {user}"))?;
        let gid = match (group_wanted, &entry) {
            (Some(group), _) => {
                let named = groups().find(|entry| entry[0] == group).map_or(group, |entry| entry[2]);
                number(named).ok_or_else(|| format!("/etc/group has no group {group}"))?
            }
            (None, Some(entry)) => number(entry[3]).ok_or_else(|| format!("/etc/passwd has no group for {user}"))?,
            (None, None) => {
                return Err(format!("user {user} has no entry in /etc/passwd: name a group too, as {user}:GROUP"));
            }
        };
        let name = entry.as_ref().map_or("", |entry| entry[0]);
        let member = |entry: &Vec<&str>| !name.is_empty() && entry[3].split(',').any(|member| member == name);
        let mut all: Vec<u32> = groups().filter(member).filter_map(|entry| number(entry[2])).collect();
        all.insert(0, gid);
        all.sort_unstable();
        all.dedup();
        let variables = entry.map_or(vec![], |entry| {
            vec![("HOME", entry[5]), ("SHELL", entry[6]), ("USER", entry[0]), ("LOGNAME", entry[0])]
        });
        let variables = variables.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
        Ok(Account { uid, gid, groups: all, variables })
    }
}

fn fields(line: &str) -> Vec<&str> {
    line.split(':').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\nweb:x:30:31:Web:/var/www:/usr/sbin/nologin\nbroken\n";
    const GROUP: &str = "root:x:0:\nwebs:x:31:\nssl:x:40:mail,web\nadm:x:4:web\nstaff:x:50:webmaster\n";

    #[test]
    fn a_user_is_found_with_his_groups_by_name_or_number() {
        let ids =
            |wanted: &str| Account::find_in(wanted, PASSWD, GROUP).map(|found| (found.uid, found.gid, found.groups));
        assert_eq!(ids("web"), Ok((30, 31, vec![4, 31, 40])));
        assert_eq!(ids("30"), Ok((30, 31, vec![4, 31, 40])));
        assert_eq!(ids("web:ssl"), Ok((30, 40, vec![4, 40])));
        assert_eq!(ids("web:77"), Ok((30, 77, vec![4, 40, 77])));
        assert_eq!(ids("1000:1000"), Ok((1000, 1000, vec![1000])));
        let home = Account::find_in("web", PASSWD, GROUP).map(|found| found.variables[0].clone());
        assert_eq!(home, Ok(("HOME", "/var/www".to_owned())));
        for (wanted, why) in [
            ("nobody", "/etc/passwd has no user nobody"),
            ("web:nogroup", "/etc/group has no group nogroup"),
            ("1000", "user 1000 has no entry in /etc/passwd: name a group too, as 1000:GROUP"),
            ("4294967295:1", "/etc/passwd has no user 4294967295"),
            ("", "/etc/passwd has no user "),
            (":ssl", "/etc/passwd has no user "),
        ] {
            assert_eq!(ids(wanted), Err(why.to_owned()), "{wanted}");
        }
    }
}
