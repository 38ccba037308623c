//! As whom, and with what, COMMAND runs, while the claim is the caller's.

use crate::common::{place, place_for_all};
use predicates::prelude::predicate;
use tests::{needs, needs_root};

/// What a process is: user and groups, mask, nice value, whether it may gain privileges, and a few variables.
const SHOWS: &str = "sh -c '{ id -u; id -g; id -G; umask; nice; grep NoNewPrivs /proc/self/status | cut -f2; echo $USER $HOME $A; } >$OUT; exec sleep 60'";

#[test]
fn the_command_alone_runs_as_the_user_and_the_claim_is_the_callers() {
    if !needs_root() {
        return;
    }
    for way in ["-b", "-b --supervise", "--replace", "--supervise", ""] {
        let place = place();
        place.says("chmod 755 .; mkdir out; chown games out; echo 'A=\"x y\"' >variables; chmod 600 variables; umask 022; : >log; chmod 600 log");
        let in_background = if way.starts_with("-b") || way == "--replace" { "--log log" } else { "" };
        let ampersand = if in_background.is_empty() { "&" } else { "" };
        let line = format!(
            "OUT=out/shown pidfile claim {way} {in_background} --user games --umask 027 --nice 3 --no-new-privs --env-file variables p {SHOWS} {ampersand}
             until test -e out/shown && test $(wc -l <out/shown) = 7; do :; done
             cat out/shown; stat -c '%U %a' p; ps -o user= -p $(pidfile read p); pidfile stop p; echo $?"
        );
        let said = place.sh(&line);
        assert_eq!(said.stdout, "5\n60\n60\n0027\n3\n1\ngames /usr/games x y\nroot 644\ngames\n0\n", "{way}: {said:?}");
        assert_eq!(place.still_running(), Vec::<String>::new(), "{way}");
    }
}

#[test]
fn a_supervised_command_of_another_user_does_not_outlive_its_supervisor() {
    if !needs_root() {
        return;
    }
    let place = place();
    place.says("pidfile claim -b --supervise --user nobody p sleep 60; kill -9 $(ps -o ppid= -p $(pidfile read p))");
    place.wait_until("its command has ended", |place| place.still_running().is_empty());
    place.script("pidfile claim p true").code(0);
}

#[test]
fn a_user_with_another_group_and_one_by_number() {
    if !needs_root() {
        return;
    }
    let place = place();
    place
        .script("pidfile claim --user nobody:games p id -un; pidfile claim --user nobody:games p id -gn")
        .stdout("nobody\ngames\n");
    place
        .script("pidfile claim --user 12345:23456 p id -u; pidfile claim --user 12345:23456 p id -G")
        .stdout("12345\n23456\n");
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_claimed() {
    let place = place();
    place.write("bad", "A=1\nnonsense\n");
    for (options, code, why) in [
        ("--user nobody-here", 125, "run as nobody-here: /etc/passwd has no user nobody-here\n"),
        ("--user root:no-such", 125, "run as root:no-such: /etc/group has no group no-such\n"),
        ("--env-file bad", 125, "read bad: line 2 is not NAME=VALUE\n"),
        ("--env-file none", 125, "read none: No such file or directory\n"),
        ("--umask 8", 64, "invalid value '8' for '--umask <MASK>': '8' is no mask (like 022 or 077)"),
    ] {
        place
            .script(&format!("pidfile claim {options} p true"))
            .code(code)
            .stderr(predicate::str::starts_with(format!("pidfile: {why}")));
    }
    place.script("exec 9<>p; pidfile claim --fd 9 --user root p").code(64);
    place.script("test -s p").code(1);
    if needs_root() {
        place
            .script(
                "chmod 777 .; setpriv --reuid 65534 --regid 65534 --clear-groups ./theirs claim --user games q true",
            )
            .code(127);
        place.says("cp \"$(command -v pidfile)\" theirs");
        place
            .script("setpriv --reuid 65534 --regid 65534 --clear-groups ./theirs claim --user games q true")
            .code(125)
            .stderr("pidfile: run as games: only root may become another user\n");
        // His own user he may name.
        place
            .script("setpriv --reuid 65534 --regid 65534 --clear-groups ./theirs claim --user nobody q id -un")
            .stdout("nobody\n");
    }
}

#[test]
fn a_file_of_variables_is_named_from_where_the_caller_is() {
    let place = place();
    place
        .script("mkdir d; echo B=here >e; pidfile claim --chdir d --env-file e p sh -c 'echo $B; pwd | grep -o d$'")
        .stdout("here\nd\n");
}

/// COMMAND can write the file through the descriptor of its claim. The lock of its byte says who it is.
#[test]
fn a_number_that_the_command_of_another_user_writes_is_not_believed() {
    if !needs_root() || !needs("perl", "perl") {
        return;
    }
    let place = place_for_all();
    place.write(
        "liar",
        r#"opendir my $descriptors, "/proc/self/fd";
           for my $fd (grep { (readlink "/proc/self/fd/$_" // "") =~ m{/p$} } readdir $descriptors) {
               open my $claim, "+<&=", $fd; push @kept, $claim;
               sysseek $claim, 0, 0; syswrite $claim, "$ARGV[0]\n"; truncate $claim, 1 + length $ARGV[0];
           }
           sleep 60"#,
    );
    place
        .script(
            "sleep 61 & pidfile claim -b --user nobody --ready \"until grep -qx $! p; do :; done\" p perl liar $!
             pidfile read --json p | grep -o '\"state\":\"[a-z]*\"'; pidfile signal TERM p; echo $?
             while pidfile read -q p; do :; done; pidfile stop --kill-after 0 p; echo $?; kill -0 $! && echo lives",
        )
        .stdout("\"state\":\"held\"\n0\n0\nlives\n");
}
