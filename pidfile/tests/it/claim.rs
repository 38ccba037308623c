//! What `pidfile claim` promises at the prompt: every way in which a daemon lives.

use crate::common::{NOBODY, place};
use predicates::prelude::predicate;

const READY: &str = "--ready 'until test -e ready; do :; done'";

#[test]
fn the_same_process_becomes_the_command() {
    let place = place();
    let said = place.says("pidfile claim p sh -c 'echo $$; pidfile read p; cat p'");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0] == lines[1] && lines[1] == lines[2], "{said}");
    place.script("pidfile claim p sh -c 'exit 5'").code(5);
}

#[test]
fn of_many_at_once_exactly_one_runs() {
    let place = place();
    let said = place.says(
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do (pidfile claim -b p sleep 60 2>/dev/null; echo $?) & done; wait",
    );
    assert_eq!((said.matches("75\n").count(), said.matches("0\n").count()), (11, 1), "{said}");
    assert_eq!(place.still_running(), ["sleep 60"]);
}

#[test]
fn a_second_start_right_after_the_first_never_gets_through() {
    let place = place();
    // start-stop-daemon lets 43 to 85 of 100 such starts through.
    let said = place.says(
        "for i in $(seq 100); do pidfile claim -b p sleep 60; pidfile claim p echo through; pidfile stop p; done 2>&1 | sort | uniq -c | sort -rn | head -1
         pidfile read -q p; echo $?",
    );
    assert!(!said.contains("through") && said.ends_with("3\n"), "{said}");
}

#[test]
fn waiting_for_the_holder_takes_over_when_it_leaves() {
    let place = place();
    place.script(
        "pidfile claim -b p sleep 60; pidfile claim --wait 50ms p true; echo $?; pidfile claim --wait 50s p echo mine & sleep 0.1; pidfile stop p; wait $!; echo $?",
    ).stdout("75\nmine\n0\n").stderr(predicate::str::starts_with("pidfile: claim p: held by "));
}

#[test]
fn waiting_for_a_claimant_by_record_lock_sees_its_end() {
    let place = place();
    place
        .script(
            "echo 1 >p; perl -e 'use Fcntl; open my $f, \"+<\", \"p\"; my $l = pack \"ssx4qqix4\", F_WRLCK, 0, 0, 0, 0;
           fcntl $f, F_SETLK, $l or die; open my $d, \">\", \"locked\"; sleep 60' & until test -e locked; do :; done
         pidfile claim --wait 50s p echo mine & kill $(pidfile read p); wait $!; echo $?",
        )
        .stdout("mine\n0\n");
}

#[test]
fn ensure_is_content_with_a_daemon_that_runs() {
    let place = place();
    place.script("pidfile claim -b p sleep 60; pidfile claim --ensure -b p sleep 61; echo $?; pidfile claim --ensure p echo no; echo $?").stdout("0\n0\n").stderr("");
    assert_eq!(place.still_running(), ["sleep 60"]);
}

#[test]
fn ensure_with_ready_waits_until_the_running_one_is_ready() {
    let place = place();
    let said = place.sh(&format!(
        "pidfile claim -b p sleep 60; pidfile claim --ensure -b {READY} p sleep 61 & ensured=$!
         pidfile claim --ensure -b --timeout 20ms {READY} p sleep 62; echo $?; echo >ready; wait $ensured; echo $?
         pidfile claim --ensure -b --ready 'test $PIDFILE_PID = $(cat p) && exit 7' p sleep 63; echo $?"
    ));
    assert_eq!(said.stdout, "124\n0\n1\n", "{said:?}");
    let pid = place.content("p").trim().to_owned();
    let no = format!("pidfile: wait for process {pid}, which has claimed p: the ready command exited with status 7\n");
    assert!(said.stderr.ends_with(&no), "{said:?}");
    assert_eq!(place.still_running(), ["sleep 60"]);
}

#[test]
fn ensure_starts_its_own_when_the_other_dies_before_it_is_ready() {
    let place = place();
    place.script(
        "pidfile claim -b p sh -c 'until test -e asked; do :; done; exit 1'
         pidfile claim --ensure -b --ready 'echo >>asked; test $(wc -l <asked) -gt 1 || sleep 60' p sleep 61; echo $?; pidfile read p",
    ).stdout(format!("0\n{}", place.content("p")));
    assert_eq!(place.still_running(), ["sleep 61"]);
}

#[test]
fn the_mode_is_as_asked_whatever_the_umask() {
    let place = place();
    let said = place.says("umask 077; pidfile claim p true; pidfile claim --mode 0640 q true; pidfile claim --mode 0644 p true; stat -c %a p q");
    assert_eq!(said, "644\n640\n");
    place.script("pidfile claim --mode 777 p true").code(64);
}

#[test]
fn the_command_runs_in_the_directory_asked_for() {
    let place = place();
    let said = place.sh(
        "mkdir d; printf '#!/bin/sh\\npwd\\n' >d/here; chmod +x d/here; pidfile claim --chdir d p ./here; ls p
         pidfile claim -b --chdir d --log l --ready 'cd ..; until test -s l; do :; done; pwd' p ./here; pidfile claim --chdir nowhere p true; echo $?",
    );
    let here = place.path().canonicalize().expect("our place").display().to_string();
    assert_eq!(said.stdout, format!("{here}/d\np\n125\n"), "{said:?}");
    assert_eq!(place.content("l"), format!("{here}/d\n"));
}

#[test]
fn in_the_background_only_the_descriptors_asked_for_are_left() {
    let place = place();
    place.says(&format!(
        "exec 7>seven 8>eight; pidfile claim -b --keep-fd 7 --log l {READY} p sh -c 'echo kept >&7; (echo closed >&8) 2>/dev/null; exec 7>&-; echo >ready; sleep 60'"
    ));
    assert_eq!((place.content("seven"), place.content("eight")), ("kept\n".into(), String::new()));
    place.script("pidfile claim -b --keep-fd 99 q true").code(125);
}

#[test]
fn the_output_goes_where_it_is_told() {
    let place = place();
    let speaks = "p sh -c 'echo out; echo err >&2; echo >ready; exec sleep 60'";
    place.script(&format!("pidfile claim -b {READY} {speaks}; rm ready; pidfile stop p")).stdout("");
    place
        .script(&format!("pidfile claim -b --log - {READY} {speaks}; rm ready; pidfile stop p"))
        .stdout("out\n")
        .stderr("err\n");
    place.says(&format!("echo before >l; pidfile claim -b --log l {READY} {speaks}"));
    assert_eq!(place.content("l"), "before\nout\nerr\n");
}

#[test]
fn a_failed_start_leaves_nothing_and_says_why() {
    let place = place();
    for (options, code, why) in [
        ("--ready false p sh -c 'echo starting; sleep 60 & sleep 60'", 1, "the ready command exited with status 1"),
        ("--ready 'exec sleep 60' p sh -c 'echo starting; exit 3'", 3, "it exited with status 3 before it was ready"),
        (
            "--ready 'exec sleep 60' p sh -c 'echo starting; kill -9 $$'",
            3,
            "it was ended by SIGKILL before it was ready",
        ),
        ("--ready 'exec sleep 60' --timeout 300ms p sh -c 'echo starting; sleep 60'", 124, "not ready after 300 ms"),
    ] {
        let said = place.sh(&format!("rm -f l; pidfile claim -b --log l {options}"));
        // The ready command may be quicker than the daemon's first line.
        let quoted = said.stderr.replace("l gained no line", "the last line of l is: starting");
        assert_eq!((said.code, quoted), (code, format!("pidfile: start sh: {why}; the last line of l is: starting\n")));
        assert_eq!(place.still_running(), Vec::<String>::new());
    }
}

#[test]
fn a_supervisor_holds_the_claim_for_a_command_that_closes_everything() {
    let place = place();
    // The shell closes the descriptor, so nothing but its parent has the claim.
    let closes = r#"sh -c 'for fd in /proc/self/fd/*; do n=${fd##*/}; test $n -le 2 || eval "exec $n>&-"; done; echo >ready; exec sleep 60'"#;
    place.script(&format!(
        "pidfile claim -b {READY} p {closes}; echo $?; rm ready; pidfile claim -b --supervise {READY} p {closes}; echo $?
         pidfile read --json p | grep -o '\"evidence\":\"[a-z]*\"'; pidfile claim p true 2>/dev/null; echo $?; pidfile stop p; echo $?; pidfile read -q p; echo $?"
    )).stdout("125\n0\n\"evidence\":\"vouched\"\n75\n0\n3\n").stderr(predicate::str::contains("it has closed the descriptor of its claim; start it with --supervise"));
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn a_supervisor_ends_as_its_command_and_passes_signals_on() {
    let place = place();
    place.script("pidfile claim --supervise p sh -c 'exit 5'").code(5);
    assert_eq!(place.sh("exec pidfile claim --supervise p sh -c 'kill -USR1 $$'").code, 128 + 10);
    place.script(
        "pidfile claim --supervise p sh -c 'trap \"echo got; exit 4\" USR2; echo >ready; while :; do sleep 0.01; done' & until test -e ready; do :; done
         kill -USR2 $!; wait $!; echo $?",
    ).stdout("got\n4\n");
    place.script("pidfile claim --supervise p /nonexistent").code(127);
}

#[test]
fn a_command_does_not_outlive_its_supervisor() {
    let place = place();
    place.says("pidfile claim --supervise p sh -c 'echo >ready; exec sleep 60' & until test -e ready; do :; done; kill -9 $!; wait $! || true");
    place.wait_until("its command has ended", |place| place.still_running().is_empty());
    place.script("pidfile claim p true").code(0);
}

#[test]
fn a_command_under_ignore_int_hears_term_where_its_supervisor_hears_int() {
    let place = place();
    place.script(
        "setsid sh -c 'trap - INT; exec perl -e \"\\$SIG{INT} = q(DEFAULT); exec @ARGV\" pidfile claim --supervise --ignore-int p sh -c \"grep SigIgn /proc/\\$\\$/status >ignored; echo >ready; trap \\\"echo term >got; exit 3\\\" TERM; while :; do sleep 0.01; done\"' & until test -s ready; do :; done
         supervisor=$(grep PPid /proc/$(cat p)/status | cut -f2); kill -INT $supervisor; wait $!; echo $?; cat got",
    ).stdout("3\nterm\n");
    let ignored = place.content("ignored");
    let mask = u64::from_str_radix(ignored.trim().rsplit('\t').next().unwrap_or_default(), 16).expect("a mask");
    assert_eq!(mask & 2, 2, "{ignored}");
}

#[test]
fn a_supervised_command_that_cannot_run_is_reported_by_the_launcher() {
    let place = place();
    place.write("script", "#!/nonexistent/interpreter\n");
    place
        .script("chmod +x script; pidfile claim -b --supervise p ./script")
        .code(127)
        .stderr("pidfile: run ./script: No such file or directory\n");
    assert_eq!(place.content("p"), "");
}

#[test]
fn a_supervisor_in_the_background_keeps_no_descriptor_of_its_caller() {
    // Were stdout kept, this substitution would wait for the daemon.
    let said = place().says("x=$(pidfile claim -b --supervise p sleep 60); pidfile stop p; echo \"$x\"");
    assert_eq!(said, "\n");
}

/// A PID file opened as descriptor 2 would get the messages.
#[test]
fn closed_standard_descriptors_are_opened_for_nothing() {
    let place = place();
    let shows = "x=$(readlink /proc/$$/fd/0 /proc/$$/fd/1 /proc/$$/fd/2); echo \"$x\" >&3";
    place.says(&format!("pidfile claim p sh -c '{shows}' 3>said <&- >&- 2>&-"));
    assert_eq!(place.content("said"), "/dev/null\n/dev/null\n/dev/null\n");
    place.script("pidfile claim p /nonexistent 2>&-").code(127);
    place.script("pidfile read p 2>&-").code(1);
}

#[test]
fn a_shell_claims_for_itself() {
    let place = place();
    let said = place.sh(
        "cat >script <<'END'
exec 9<>p; pidfile claim --fd 9 p || exit; test $(cat p) = $$ && test $(pidfile read p) = $$ && echo mine
pidfile read --json p | grep -o '\"evidence\":\"[a-z]*\"'; pidfile claim --fd 9 p && echo again
echo >ready; exec sleep 60
END
         sh script & until test -e ready; do :; done; sh script; echo $?; pidfile claim p true; echo $?; pidfile stop p; wait $!; echo $?; pidfile read -q p; echo $?",
    );
    assert_eq!(said.stdout, "mine\n\"evidence\":\"descriptor\"\nagain\n75\n75\n143\n3\n", "{said:?}");
    assert_eq!(said.stderr.matches("pidfile: claim p: held by ").count(), 2, "{said:?}");
}

#[test]
fn a_claim_by_descriptor_is_refused_where_it_would_mean_nothing() {
    let place = place();
    place.write("p", "");
    place.write("other", "");
    place.write("text", "hello\n");
    for (script, why) in [
        (
            "exec 9<p; pidfile claim --fd 9 p",
            "claim p: the descriptor is open for reading only (in a shell, open it with <> as in `exec 9<>FILE`)",
        ),
        (
            "exec 9<>other; pidfile claim --fd 9 p",
            "claim p: the descriptor is of another file (open it by the same path)",
        ),
        ("exec 9>&-; pidfile claim --fd 9 p", "use descriptor 9: Bad file descriptor"),
        (
            "exec 9<>text; pidfile claim --fd 9 text",
            "claim text: this was never a PID file: its first line is not a number; name another file, or empty this one",
        ),
    ] {
        place.script(script).code(125).stderr(format!("pidfile: {why}\n"));
    }
    place
        .script("sleep 60 & exec 9<>p; pidfile claim --fd 9 --pid $! p; code=$?; kill $!; exit $code")
        .code(125)
        .stderr(predicate::str::contains("does not have this descriptor"));
    place.script("pidfile claim p true").code(0);
}

#[test]
fn a_daemon_that_forks_is_found_and_holds_the_claim() {
    let place = place();
    for forks in ["sh -c 'sleep 60 & exit'", "sh -c '(setsid sleep 60 & exit) & wait'"] {
        let said = place.says(&format!(
            "pidfile claim --forking p {forks}; tr '\\0' ' ' </proc/$(pidfile read p)/cmdline; pidfile read --json p | grep -o '\"evidence\":\"[a-z]*\"'
             pidfile claim p true 2>/dev/null; echo $?; pidfile stop p; pidfile read -q p; echo $?"
        ));
        assert_eq!(said, "sleep 60 \"evidence\":\"descriptor\"\n75\n3\n");
    }
}

#[test]
fn a_daemon_that_forks_and_fails_is_reported() {
    let place = place();
    for (options, code, why) in [
        ("p sh -c 'exit 3'", 3, "it exited with status 3"),
        ("p true", 3, "it exited with status 0 and left no daemon behind"),
        ("--timeout 50ms p sleep 60", 124, "it has not gone into the background after 50 ms"),
        ("--ready false p sh -c 'sleep 60 & exit'", 1, "the ready command exited with status 1"),
        ("--pid-from f p true", 3, "it left no daemon behind"),
        (
            "--pid-from f --timeout 50ms p sh -c 'echo 1 >f; sleep 60 & exit'",
            124,
            "f names no process that it has started after 50 ms",
        ),
    ] {
        place
            .script(&format!("pidfile claim --forking {options}"))
            .code(code)
            .stderr(predicate::str::ends_with(format!(": {why}\n")));
        assert_eq!(place.still_running(), Vec::<String>::new());
        place.script("pidfile claim p true").code(0);
    }
}

#[test]
fn a_forking_daemon_may_write_its_number_elsewhere() {
    let place = place();
    let said = place.says(
        "echo 1 >f; pidfile claim --forking --pid-from f p sh -c 'sleep 61 & sleep 60 & echo $! >f; exit'; cmp p f
         until ps -o args= -p $(pidfile read p) | grep -x 'sleep 60'; do :; done",
    );
    assert_eq!(said, "sleep 60\n");
}

#[test]
fn a_forking_daemon_that_leaves_several_is_asked_which() {
    let place = place();
    place
        .script("pidfile claim --forking p sh -c 'sleep 61 & sleep 60 & exit'")
        .code(125)
        .stderr(predicate::str::contains("it left several processes behind: "))
        .stderr(predicate::str::ends_with("; use --pid-from\n"));
    assert_eq!(place.still_running(), Vec::<String>::new());
}

/// Sends its arguments to NOTIFY_SOCKET, then sleeps.
const SAY: &str = r#"perl -e 'use Socket; socket my $s, AF_UNIX, SOCK_DGRAM, 0; (my $n = $ENV{NOTIFY_SOCKET}) =~ s/^@/\0/;
    for (@ARGV) { if (/^wait$/) { until (-e "go") { select undef, undef, undef, 0.01 } next } if (/^die$/) { exit 1 } send $s, $_, 0, pack_sockaddr_un $n or die } sleep 60'"#;

#[test]
fn a_daemon_tells_that_it_is_ready() {
    let place = place();
    place.script(&format!(
        "pidfile claim -b --notify --timeout 1s p {SAY} STATUS=indexing; echo $?
         pidfile claim -b --notify p {SAY} wait READY=1 & sleep 0.1; kill -0 $! && echo waits; echo >go; wait $!; echo $?; pidfile read -q p; echo $?"
    )).stdout("124\nwaits\n0\n0\n").stderr("pidfile: start perl: not ready (it says: indexing) after 1.0 s\n");
}

#[test]
fn a_daemon_in_a_network_namespace_of_its_own_reaches_a_socket_at_a_path() {
    if !tests::needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    place
        .script(&format!(
            "mkdir -m 700 run tmp; export XDG_RUNTIME_DIR=$PWD/run TMPDIR=$PWD/tmp; own='unshare --user --map-current-user --net'
             pidfile claim -b --notify --timeout 1s --log /dev/null p $own {SAY} READY=1; echo $?
             pidfile claim -b --notify=path --ready 'stat -c %a run/*' p $own {SAY} READY=1; echo $?; ls run tmp; pidfile stop p"
        ))
        .stdout("3\n0\nrun:\n\ntmp:\n")
        .stderr(predicate::str::ends_with("\n700\n"));
}

#[test]
fn a_daemon_of_another_user_reaches_its_socket_and_no_third_one_does() {
    if !tests::needs_root() {
        return;
    }
    let place = place();
    place.says("chmod 755 .; mkdir -m 1777 tmp");
    for name in ["--notify", "--notify=path"] {
        place
            .script(&format!(
                "export TMPDIR=$PWD/tmp; pidfile claim -b {name} --user games --timeout 5s p {SAY} wait READY=1 & starting=$!
                 until pidfile -q read p 2>/dev/null && test -n \"$(tr '\\0' '\\n' </proc/$(pidfile read p)/environ | grep ^NOTIFY)\"; do :; done
                 export $(tr '\\0' '\\n' </proc/$(pidfile read p)/environ | grep ^NOTIFY)
                 {NOBODY} {SAY} READY=1 die 2>/dev/null; kill -0 $starting && echo waits
                 : >go; wait $starting; echo $?; ls tmp; pidfile stop p; rm go"
            ))
            .stdout("waits\n0\n");
    }
}

#[test]
fn a_daemon_tells_why_it_fails_and_that_it_needs_longer() {
    let place = place();
    let said = place.sh(&format!("pidfile claim -b --notify p {SAY} STATUS=bad ERRNO=2 die; echo $?"));
    assert_eq!(said.stdout, "3\n");
    let why = "it exited with status 1 before it was ready (it said: No such file or directory, bad)";
    assert_eq!(said.stderr, format!("pidfile: start perl: {why}\n"));
    place.script(&format!(
        "pidfile claim -b --notify --timeout 1500ms p {SAY} EXTEND_TIMEOUT_USEC=50000000 wait READY=1 & sleep 2; kill -0 $! && echo waits; echo >go; wait $!; echo $?"
    )).stdout("waits\n0\n");
}

#[test]
fn a_stranger_cannot_say_that_the_daemon_is_ready() {
    let place = place();
    place.script(&format!(
        "pidfile claim -b --notify --timeout 400ms p sh -c 'echo $NOTIFY_SOCKET >socket; sleep 60' & until test -s socket; do :; done
         NOTIFY_SOCKET=$(cat socket) {SAY} READY=1 & wait %1; echo $?"
    )).stdout("124\n");
}

#[test]
fn ready_command_and_notification_are_both_awaited() {
    let place = place();
    place.script(&format!("pidfile claim -b --notify {READY} --timeout 300ms p {SAY} READY=1; echo $?; echo >ready; pidfile claim -b --notify {READY} p {SAY} READY=1; echo $?")).stdout("124\n0\n");
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let place = place();
    for options in [
        "p",
        "--ready true p true",
        "--log l p true",
        "--pid-from f p true",
        "--fd 9 p true",
        "--ignore-int p true",
        "--forking --supervise p true",
        "--ensure --wait 1 p true",
        "--pid 1 p true",
    ] {
        assert_eq!(place.sh(&format!("pidfile claim {options}")).code, 64, "{options}");
    }
    assert!(!place.file("p").exists());
}

#[test]
fn a_descriptor_whose_file_was_replaced_while_it_waited_claims_nothing() {
    place()
        .script(
            ": >p; exec 8<>p 9<>p; flock 8; inode=$(stat -c %i p); pidfile claim --fd 9 --wait 30 p & waiting=$!
         until grep -q -- \"-> FLOCK.*:$inode \" /proc/locks; do :; done
         mv p old; : >p; flock -u 8; wait $waiting; echo $?; pidfile claim p true && pidfile claim old true; echo $?",
        )
        .stdout("125\n0\n")
        .stderr(predicate::str::contains("claim p: the descriptor is of another file"));
}
