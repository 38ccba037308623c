//! The init script of docs/examples, under every shell that people have as `sh`: verb by verb, at once, and interrupted.

use crate::common::{self, DEMOD, RACEFREE, docs};
use std::fs;
use std::process::{Command, Stdio};
use tests::{Place, Terminal, free_port, needs, needs_root};

/// How each shell is called, and its Debian package.
const SHELLS: [(&[&str], &str); 5] = [
    (&["dash"], "dash"),
    (&["bash", "--posix"], "bash"),
    (&["busybox", "sh"], "busybox-static"),
    (&["mksh"], "mksh"),
    (&["zsh", "--emulate", "sh"], "zsh"),
];

const SETTINGS: &str = "
    name=demo pidfile=pid lock=lock log=log
    command='demod --unix \"$PWD/socket\" $more'
    ready='waitfor --while \"pidfile:$PIDFILE\" unix:socket'
    errors='FATAL|panic'
    before_start='echo $$ >>starts'
    stop_options='--timeout 60s --kill-after 100ms --kill-holders'
";

/// A place with a daemon's init script: SETTINGS, and what is other than there.
fn place(settings: &str) -> Place {
    let place = common::place();
    for name in ["init", "redis"] {
        fs::copy(docs("examples").join(name), place.file(name)).expect("an example");
    }
    place.write("demo", format!(": \"${{more:=}}\"\n{SETTINGS}\n{settings}\n. ./init\n"));
    place
}

/// A script under one of the shells, where `$sh` is that shell.
fn under(shell: &[&str], place: &Place, script: &str) -> tests::Said {
    place.sh(&format!("export sh='{}'; {script}", shell.join(" ")))
}

fn shells() -> impl Iterator<Item = &'static [&'static str]> {
    SHELLS
        .into_iter()
        .filter(|(shell, package)| {
            // `needs` names the package in the source, which a test compares with what CI installs.
            match *package {
                "dash" => needs("dash", "dash"),
                "bash" => needs("bash", "bash"),
                "mksh" => needs("mksh", "mksh"),
                "zsh" => needs("zsh", "zsh"),
                _ => needs(shell[0], "busybox-static"),
            }
        })
        .map(|(shell, _)| shell)
}

const EVERY_VERB: &str = "
    status 3
    stop 0
    reload 7
    force-reload 7
    try-restart 0
    status 3
    start 0
    start 0
    status 0
    reload 0
    force-reload 0
    restart 0
    try-restart 0
    ensure 0
    status 0
    stop 0
    stop 0
    status 3
    restart 0
    status 0
    stop 0
    ensure 0
    status 0
    stop 0
    log 0
    go 2
    start_now 2
";

#[test]
fn every_verb_ends_as_the_lsb_says() {
    for shell in shells() {
        let place = place("");
        for line in EVERY_VERB.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (verb, code) = line.split_once(' ').expect("a verb and a code");
            let said = under(shell, &place, &format!("$sh ./demo {verb}"));
            assert_eq!(said.code.to_string(), code, "{shell:?} {verb}: {said:?}");
            let daemons = place.says("pidfile read p 2>/dev/null | wc -l");
            assert!(daemons.trim().parse::<usize>().is_ok_and(|count| count <= 1), "{shell:?} {verb}");
        }
        // start, restart, try-restart, restart, ensure
        assert_eq!(place.content("starts").lines().count(), 5, "{shell:?}");
        assert_eq!(under(shell, &place, "$sh ./demo; $sh ./demo start now").code, 2, "{shell:?}");
        assert_eq!(place.still_running(), Vec::<String>::new(), "{shell:?}");
    }
}

#[test]
fn what_status_says_is_what_there_is() {
    for shell in shells() {
        let place = place("");
        let said = under(
            shell,
            &place,
            "$sh ./demo start; $sh ./demo status; kill -9 $(pidfile read pid); waitfor --down pidfile:pid; $sh ./demo status >said; echo $?",
        );
        assert_eq!(
            said.stdout,
            format!("demo is running ({})\n1\n", place.content("pid").trim()),
            "{shell:?} {said:?}"
        );
        assert!(place.content("said").starts_with("demo is not running (read pid: stale: names "), "{shell:?}");
        let orphaned = "more='--workers 1' $sh ./demo start; dead=$(pidfile read pid); kill -9 $dead
                        waitfor --down pid:$dead; $sh ./demo status >said; echo $?; pidfile stop --kill-after 0 --kill-holders pid; echo $?; $sh ./demo status >said; echo $?";
        assert_eq!(under(shell, &place, orphaned).stdout, "2\n137\n3\n", "{shell:?}");
        let foreign = "flock pid sleep 60 & waitfor lock:pid; $sh ./demo status; echo $?";
        let said = under(shell, &place, foreign);
        assert!(
            said.stdout.starts_with("demo may be running (") && said.stdout.ends_with("\n4\n"),
            "{shell:?} {said:?}"
        );
    }
}

#[test]
fn what_is_missing_has_its_code() {
    for shell in shells() {
        for (settings, verb, code, why) in [
            ("command='/nowhere/demod -x'", "start", 5, "demo: not installed: /nowhere/demod -x\n"),
            ("command=", "start", 6, "demo: no command is set\n"),
            ("lock=nowhere/lock", "restart", 6, "demo: there is no directory for nowhere/lock\n"),
            ("start_options=--nonsense", "start", 6, ""),
            ("reload_signal=-", "reload", 3, "demo: it cannot reload\n"),
            ("before_start='echo no disk; false'", "start", 1, "no disk\ndemo: before_start failed\n"),
        ] {
            let place = place(settings);
            let said = under(shell, &place, &format!("$sh ./demo {verb}"));
            assert_eq!(said.code, code, "{shell:?} {settings}: {said:?}");
            assert!(why.is_empty() || said.stderr == why, "{shell:?} {settings}: {said:?}");
            assert_eq!(place.still_running(), Vec::<String>::new());
        }
    }
}

#[test]
fn without_the_privilege_only_status_and_log_work() {
    if !needs_root() || !needs("setpriv", "util-linux") {
        return;
    }
    for shell in shells() {
        let place = place("");
        let nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups $sh ./demo";
        // What nobody is to run must be found by nobody.
        let said = under(shell, &place, &format!(
            "chmod 755 .; rm .bin/*; for tool in pidfile withlock waitfor logwatch; do cp {us} .bin/$tool; done; cp {demod} .bin
             $sh ./demo start; for verb in start stop restart try-restart reload replace; do {nobody} $verb; echo $?; done
             {nobody} status >/dev/null; echo $?; {nobody} log -n 1; echo $?; $sh ./demo stop",
            us = RACEFREE, demod = DEMOD,
        ));
        assert_eq!(said.stdout, "4\n4\n4\n4\n4\n4\n0\ndemod: ready\n0\n", "{shell:?} {said:?}");
        assert_eq!(said.stderr, "demo: may not write lock\n".repeat(6), "{shell:?}");
    }
}

#[test]
fn a_start_that_fails_is_1_says_why_and_leaves_nothing() {
    for shell in shells() {
        for (more, why) in [
            ("--say FATAL:-no-disk --delay 60s", "FATAL:-no-disk\n"),
            (
                "--say sorry --die-before 7",
                "pidfile: start demo: it exited with status 7 before it was ready; the last line of log is: demod: sorry\n",
            ),
        ] {
            let place = place("");
            let said = under(shell, &place, &format!("more='{more}' $sh ./demo start"));
            assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{shell:?} {said:?}");
            assert!(said.stderr.contains(why), "{shell:?} {said:?}");
            place.wait_until("nothing is left", |place| place.still_running().is_empty());
            assert_eq!(under(shell, &place, "$sh ./demo ensure && $sh ./demo stop").code, 0, "{shell:?}");
        }
    }
}

#[test]
fn of_20_clients_at_once_exactly_one_starts_it_and_all_go_on_when_it_answers() {
    for shell in shells() {
        let place = place("more='--delay 50ms'");
        let twenty = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
                (set +e; $sh ./demo ensure; echo $? >>codes; waitfor --timeout 0 unix:socket; echo $? >>codes) &
            done; wait";
        let said = under(shell, &place, twenty);
        assert_eq!(place.content("codes"), "0\n".repeat(40), "{shell:?} {said:?}");
        assert_eq!(place.content("starts").lines().count(), 1, "{shell:?}");
        assert_eq!(place.still_running().len(), 1, "{shell:?}");
        place.says("sh ./demo stop");
    }
}

#[test]
fn status_does_not_wait_for_a_start_and_a_stop_does() {
    for shell in shells() {
        let place = place("before_start='echo >begun; waitfor -q -t 60 file:go'");
        let said = under(
            shell,
            &place,
            "$sh ./demo start & waitfor file:begun; $sh ./demo status; echo $?
             $sh ./demo stop & until grep -q -- '-> FLOCK.*:'$(stat -c %i lock)' ' /proc/locks; do :; done
             : >go; wait; $sh ./demo status; echo $?",
        );
        // The start came first, so the stop stopped it.
        assert_eq!(
            said.stdout,
            "demo is not running (read pid: no such PID file)\n3\ndemo is not running (read pid: empty, held by nobody)\n3\n",
            "{shell:?} {said:?}"
        );
    }
}

#[test]
fn no_start_comes_between_the_two_halves_of_a_restart() {
    for shell in shells() {
        let place = place(
            "before_start='echo $who >>starts; if [ $who = restart ]; then : >between; waitfor -q -t 60 file:go; fi'",
        );
        let said = under(
            shell,
            &place,
            "who=first $sh ./demo start; who=restart $sh ./demo restart & waitfor file:between
             $sh ./demo status >/dev/null; echo $?
             who=other $sh ./demo start & until grep -q -- '-> FLOCK.*:'$(stat -c %i lock)' ' /proc/locks; do :; done
             : >go; wait; cat starts; $sh ./demo stop",
        );
        assert_eq!(said.stdout, "3\nfirst\nrestart\n", "{shell:?} {said:?}");
    }
}

/// `ready` never says yes: the start is interrupted when the daemon runs and is not ready.
const NEVER_READY: &str = "ready='echo $PIDFILE_PID >asked; sleep 600'";

fn nothing_is_half_started(shell: &[&str], place: &Place) {
    place.wait_until("nothing is left of it", |place| place.still_running().is_empty());
    let again = "rm -f asked; pidfile read -q pid; echo $?; withlock -n lock echo free; ready= $sh ./demo start && $sh ./demo stop && echo well";
    place.write("demo", place.content("demo").replace("sleep 600", "true"));
    assert_eq!(under(shell, place, again).stdout, "1\nfree\nwell\n", "{shell:?}");
}

#[test]
fn ctrl_c_during_a_start_leaves_nothing_half_started() {
    for shell in shells() {
        let place = place(NEVER_READY);
        let mut command = place.command(shell[0]);
        command.args(&shell[1..]).args(["./demo", "start"]);
        let mut terminal = Terminal::of(command);
        place.wait_until("the daemon runs", |place| place.file("asked").exists());
        terminal.types("\x03");
        let mut ended = None;
        place.wait_until("the script ends", |_| {
            ended = terminal.ended();
            ended.is_some()
        });
        assert_eq!(ended.and_then(|status| status.code()), Some(130), "{shell:?}");
        nothing_is_half_started(shell, &place);
    }
}

#[test]
fn a_signal_to_the_whole_group_during_a_start_leaves_nothing_half_started() {
    for (shell, signal) in shells().flat_map(|shell| ["INT", "TERM", "HUP"].map(|signal| (shell, signal))) {
        let place = place(NEVER_READY);
        // setsid(1) makes a group of its own, and no shell that ignores SIGINT in the background is in between.
        let mut script = in_a_group(&place, shell);
        place.wait_until("the daemon runs", |place| place.file("asked").exists());
        place.says(&format!("/bin/kill -s {signal} -- -{}", script.id()));
        script.wait().expect("our own child");
        nothing_is_half_started(shell, &place);
    }
}

fn in_a_group(place: &Place, shell: &[&str]) -> std::process::Child {
    use std::os::unix::process::CommandExt;
    let mut command: Command = place.command(shell[0]);
    command.args(&shell[1..]).args(["./demo", "start"]).stderr(Stdio::null()).process_group(0);
    command.spawn().expect("the shell")
}

/// The script alone is asked to end: the start is not cut in two, but comes to its end first.
#[test]
fn a_signal_to_the_script_alone_waits_for_the_start() {
    for shell in shells() {
        let place = place("before_start='echo $$ >begun; waitfor -q -t 60 file:go'");
        let mut script = in_a_group(&place, shell);
        place.wait_until("it has begun", |place| place.file("begun").exists());
        place.says(&format!("kill -TERM {}; : >go", script.id()));
        let ended = script.wait().expect("our own child").code();
        let running = place.sh("pidfile -q read pid").code == 0;
        // Before the launch, or after it: the daemon runs and answers, or nothing of it does.
        assert_eq!(ended, Some(143), "{shell:?}");
        assert_eq!(running, place.sh("waitfor -t 0 unix:socket").code == 0, "{shell:?}");
        assert_eq!(place.says("withlock -n lock echo free; sh ./demo stop"), "free\n", "{shell:?}");
    }
}

#[test]
fn a_script_that_is_killed_leaves_the_next_start_whole() {
    for shell in shells() {
        let place = place("more='--delay 100ms'");
        let mut script = in_a_group(&place, shell);
        place.wait_until("the daemon is being started", |place| place.file("starts").exists());
        script.kill().and_then(|()| script.wait()).expect("our own child");
        let said =
            under(shell, &place, "$sh ./demo ensure; echo $?; waitfor -t 0 unix:socket; echo $?; $sh ./demo stop");
        assert_eq!(said.stdout, "0\n0\n", "{shell:?} {said:?}");
        place.wait_until("nothing is left", |place| place.still_running().is_empty());
    }
}

#[test]
fn a_daemon_that_will_not_go_is_killed_and_one_with_a_command_for_it_is_asked_by_that() {
    for shell in shells() {
        let stubborn = place("more=--ignore-term");
        assert_eq!(under(shell, &stubborn, "$sh ./demo start; $sh ./demo stop; $sh ./demo status >/dev/null").code, 3);
        assert_eq!(stubborn.still_running(), Vec::<String>::new(), "{shell:?}");
        let asked = place("more=--ignore-term stop_command='pidfile signal INT pid'");
        assert_eq!(under(shell, &asked, "$sh ./demo start; $sh ./demo stop; $sh ./demo status >/dev/null").code, 3);
        assert!(asked.content("log").ends_with("demod: SIGINT: ending\n"), "{shell:?} {}", asked.content("log"));
    }
}

#[test]
fn replace_lets_the_new_one_answer_before_the_old_one_ends() {
    let port = free_port();
    for shell in shells() {
        let place = place(&format!(
            "more='--port {port} --reuse-port'; ready='waitfor --by \"pid:$PIDFILE_PID\" listen:{port}'"
        ));
        let said = under(
            shell,
            &place,
            &format!(
                "$sh ./demo start; old=$(pidfile read pid)
             (while [ ! -e done ]; do waitfor -q -t 0 listen:{port} || echo gone; done) & 
             for i in 1 2 3; do $sh ./demo replace; echo $?; done; : >done; wait
             [ $old != $(pidfile read pid) ]; echo $?; $sh ./demo stop"
            ),
        );
        assert_eq!(said.stdout, "0\n0\n0\n0\n", "{shell:?} {said:?}");
    }
}

#[test]
fn a_daemon_that_puts_itself_in_the_background_has_its_options() {
    for shell in shells() {
        let place = place("more=--daemonize; start_options='--forking --timeout 60s'");
        let said = under(
            shell,
            &place,
            "for verb in start start status restart ensure; do $sh ./demo $verb >/dev/null; echo $?; done; $sh ./demo stop",
        );
        assert_eq!(said.stdout, "0\n".repeat(5), "{shell:?} {said:?}");
        assert_eq!(place.still_running(), Vec::<String>::new(), "{shell:?}");
    }
}

#[test]
fn redis_has_an_init_script_of_a_dozen_lines() {
    if !needs("redis-server", "redis-server") || !needs("redis-cli", "redis-tools") {
        return;
    }
    let place = place("");
    let said = place.sh(&format!(
        "export PORT={} DIR=$PWD
         for i in 1 2 3 4 5; do ./redis ensure || echo $? & done; wait
         redis-cli -p $PORT set key value; ./redis restart && redis-cli -p $PORT get key; ./redis reload; echo $?
         ./redis stop; ./redis status; echo $?; grep -c 'ready to exit, bye bye' redis.log",
        free_port()
    ));
    assert_eq!(
        said.stdout,
        "OK\nvalue\n3\nredis is not running (read {}/redis.pid: empty, held by nobody)\n3\n2\n"
            .replace("{}", &place.path().to_string_lossy()),
        "{said:?}"
    );
}

/// As init(8) calls it: by a link whose name is another, from another directory; and as a person does, by `sh`.
#[test]
fn the_script_of_redis_works_through_a_link_and_under_sh() {
    if !needs("redis-server", "redis-server") || !needs("redis-cli", "redis-tools") {
        return;
    }
    let place = place("");
    place
        .script(&format!(
            "export PORT={} DIR=$PWD; chmod 755 redis; mkdir rc2.d; ln -s ../redis rc2.d/S01redis
             (cd / && \"$DIR/rc2.d/S01redis\" start); echo $?; sh redis status >/dev/null; echo $?
             (cd rc2.d && ./S01redis status | cut -d' ' -f1-3 && ./S01redis stop); echo $?; ls redis.*",
            free_port()
        ))
        .stdout("0\n0\nredis is running\n0\nredis.lock\nredis.log\nredis.pid\n");
}

#[test]
fn a_configuration_that_is_refused_changes_nothing() {
    for shell in shells() {
        let place = place("check_command='test ! -e bad || { echo line 7: nonsense; false; }'");
        let said = under(
            shell,
            &place,
            "$sh ./demo start; first=$(pidfile read pid); : >bad
             for verb in restart try-restart reload force-reload replace; do $sh ./demo $verb; echo $?; done
             $sh ./demo start; echo $?; [ $first = $(pidfile read pid) ]; echo $?; $sh ./demo stop; $sh ./demo start; echo $?
             $sh ./demo status >/dev/null; echo $?; rm bad; $sh ./demo start; echo $?; $sh ./demo stop",
        );
        assert_eq!(said.stdout, "6\n6\n6\n6\n6\n0\n0\n6\n3\n0\n", "{shell:?} {said:?}");
        let refused = "line 7: nonsense\ndemo: check_command refuses the configuration: nothing was changed\n";
        assert_eq!(said.stderr, refused.repeat(6), "{shell:?}");
    }
}

#[test]
fn a_daemon_that_is_reloaded_by_a_command_gets_no_signal() {
    for shell in shells() {
        let place = place("reload_signal=- reload_command='echo \"reloaded by $name\"; test ! -e bad'");
        let said = under(
            shell,
            &place,
            "$sh ./demo reload; echo $?; $sh ./demo start; $sh ./demo reload; echo $?; $sh ./demo force-reload; echo $?
             : >bad; $sh ./demo reload; echo $?; $sh ./demo stop; grep -c SIGHUP log",
        );
        assert_eq!(said.stdout, "7\n0\n0\n1\n0\n", "{shell:?} {said:?}");
        assert_eq!(said.stderr, "reloaded by demo\n".repeat(3), "{shell:?}");
    }
}

#[test]
fn an_error_line_that_is_ignored_fails_no_start() {
    for shell in shells() {
        let place = place("more='--say FATAL:-starting-up' ignore='starting-up$'");
        assert_eq!(under(shell, &place, "$sh ./demo start && $sh ./demo stop").code, 0, "{shell:?}");
    }
}

/// The error line comes when the daemon answers already. Whoever is quicker, nothing is left if the start has failed.
#[test]
fn a_start_that_an_error_line_fails_leaves_nothing_running_however_late_it_comes() {
    let place = place("more='--say FATAL:-late --delay 0s'");
    for _ in 0..20 {
        let said = place.sh("sh ./demo start 2>>said; echo $?");
        let runs = place.sh("pidfile -q read pid").code == 0;
        assert_eq!(said.stdout == "0\n", runs, "{said:?}");
        assert!(runs || place.still_running().is_empty(), "{:?}", place.still_running());
        place.says("sh ./demo stop");
    }
}

#[test]
fn the_daemon_runs_as_the_user_of_the_settings() {
    if !needs_root() {
        return;
    }
    for shell in shells() {
        let place = place("user=games group=nogroup command='sleep 1000' ready=");
        place.says("chmod 755 .");
        let said = under(
            shell,
            &place,
            "$sh ./demo start; ps -o user=,group= -p $(pidfile read pid) | tr -s ' '; stat -c %U pid lock log; $sh ./demo stop; echo $?",
        );
        assert_eq!(said.stdout, "games nogroup\nroot\nroot\nroot\n0\n", "{shell:?} {said:?}");
    }
}
