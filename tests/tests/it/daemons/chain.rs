//! The whole start as one command, as an init script chains it: alone, in competition, in failure, and killed.

use crate::common;
use tests::{Place, free_port, needs, needs_root};

fn place() -> Place {
    let place = common::place();
    place.write("log", "");
    place.write(
        "start",
        "exec withlock lock logwatch -e 'FATAL|panic' log -- \
         pidfile claim --background --log log --ready 'waitfor --while pidfile:$PIDFILE unix:socket' p \
         demod --unix socket \"$@\"",
    );
    place
}

fn count(codes: &str, code: &str) -> usize {
    codes.lines().filter(|line| *line == code).count()
}

#[test]
fn of_20_concurrent_starts_exactly_one_starts_a_daemon() {
    let place = place();
    for round in 0..50 {
        place.write("codes", "");
        place.says("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (sh start 2>/dev/null; echo $? >> codes) & done; wait");
        let codes = place.content("codes");
        assert_eq!((count(&codes, "0"), count(&codes, "75")), (1, 19), "round {round}: {codes}");
        assert_eq!(place.still_running(), ["demod --unix socket"], "round {round}");
        assert_eq!(place.says("ps -o args= -p $(pidfile read p)"), "demod --unix socket\n", "round {round}");
        place.says("waitfor --timeout 0 unix:socket && pidfile stop p");
    }
}

#[test]
fn a_daemon_that_dies_before_it_is_ready_fails_the_start_with_its_status_and_last_words() {
    let place = place();
    let said = place.sh("sh start --say 'sorry, no disk' --die-before 7 --delay 50ms");
    assert_eq!(said.code, 3, "{said:?}");
    let expected = "pidfile: start demod: it exited with status 7 before it was ready\nlogwatch: log gained:\ndemod: sorry, no disk\n";
    assert!(said.stderr.contains(expected), "{said:?}");
    assert_eq!(place.still_running(), Vec::<String>::new());
    assert_eq!(place.sh("pidfile read p").code, 1);
    assert_eq!(place.sh("sh start && pidfile stop p").code, 0);
}

#[test]
fn an_error_line_fails_the_start_although_the_daemon_lives() {
    let place = place();
    let said = place.sh("sh start --say 'FATAL: out of cheese' --delay 5s --linger 50ms & wait $!");
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stdout.contains("FATAL: out of cheese"), "{said:?}");
    place.wait_until("nothing is left of it", |place| place.still_running().is_empty());
    assert_eq!(place.sh("pidfile claim p true").code, 0);
}

/// The error line comes as the ready command ends: before it or after it.
#[test]
fn an_error_line_as_the_ready_command_ends_leaves_nothing_of_a_start_that_failed() {
    let place = place();
    let watch = "logwatch -q --show 0 -e FATAL log --";
    let claim = "pidfile claim $mode --log log --timeout 20";
    let starts = [
        ("around", format!("{watch} {claim} --ready 'sh ready' p demod")),
        ("in the ready command", format!("{claim} --ready '{watch} sh ready' p demod")),
    ];
    for (judge, start) in &starts {
        for (mode, late) in [("-b", ""), ("--replace", ""), ("-b", "("), ("--replace", "(")].repeat(5) {
            let late = if late.is_empty() { "echo FATAL >>log" } else { "(echo FATAL >>log) &" };
            place.write("ready", late);
            place.write("log", "");
            let old = if mode == "--replace" { "pidfile claim -b p sleep 1000; old=$(pidfile read p)" } else { "old=" };
            let said = place.sh(&format!(
                "mode={mode}; {old}; {start} >/dev/null 2>&1; code=$?; now=$(pidfile read p 2>&-)
                 if [ -n \"$old\" ] && [ \"$now\" = \"$old\" ]; then echo $code old; else echo $code ${{now:+new}}; fi"
            ));
            let case = format!("{judge}, {mode}, {late}: {said:?}");
            let new = place.still_running().iter().filter(|line| line.starts_with("demod")).count();
            match said.stdout.trim() {
                "0 new" => assert!(new == 1 && late.ends_with('&'), "{case}"),
                "1 old" => assert_eq!(new, 0, "{case}"),
                "1" => assert!(new == 0 && (mode == "-b" || *judge == "around"), "{case}"),
                _ => panic!("{case}"),
            }
            place.sh("pidfile stop p");
            place.wait_until("nothing is left", |place| place.still_running().is_empty());
        }
    }
}

#[test]
fn the_check_of_a_start_that_is_ended_does_not_complain_of_the_daemons_end() {
    let place = place();
    for round in 0..50 {
        let said = place.sh("sh start --say 'FATAL: no disk' --delay 1m");
        assert!(said.code == 1 && !said.stderr.contains("waitfor:"), "round {round}: {said:?}");
    }
}

#[test]
fn each_tool_of_the_chain_killed_leaves_the_next_start_whole() {
    let place = place();
    for tool in ["withlock", "logwatch", "pidfile", "waitfor", "demod"] {
        // Other tests run the same tools: ours work in our directory.
        let script = format!(
            "sh start --gate {tool}.open & start=$!
             ours() {{ for p in $(pgrep -x {tool}); do [ \"$(readlink /proc/$p/cwd)\" = \"$PWD\" ] && echo $p && return; done; false; }}
             until pid=$(ours); do kill -0 $start || exit 90; done
             kill -9 $pid; : > {tool}.open; wait $start; true"
        );
        let said = place.sh(&script);
        assert_eq!(said.code, 0, "{tool}: {said:?}");
        let said = place.sh("sh start");
        assert!(matches!(said.code, 0 | 75), "after {tool} was killed: {said:?}");
        let daemons = place.still_running().into_iter().filter(|line| line.starts_with("demod")).count();
        assert_eq!(daemons, 1, "after {tool} was killed: {:?}", place.still_running());
        place.says("waitfor --timeout 10 --while pidfile:p unix:socket && pidfile stop p");
        place.wait_until("nothing is left", |place| place.still_running().is_empty());
    }
}

/// PID 1 of this namespace is a `sleep`, which reaps nobody: the daemon stays a zombie for ever.
#[test]
fn a_zombie_that_nobody_reaps_is_gone_for_read_and_stop() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    place.write(
        "story",
        "sh start; pid=$(pidfile read p)
         pidfile stop --timeout 20 p; echo stop $?
         sed 's/.*) \\(.\\) .*/state \\1/' /proc/$pid/stat
         pidfile read p; echo read $?
         waitfor --timeout 0 pid:$pid; echo waitfor $?
         sh start; echo start $?
         pidfile stop p",
    );
    let said = place.sh("unshare -pf --mount-proc sh -c '{ sh story > said 2>&1; : > done; } & exec sleep 1000' & until [ -e done ]; do :; done; cat said");
    let expected = ["stop 0", "state Z", "read 3", "waitfor 124", "start 0"];
    let lines: Vec<_> = said.stdout.lines().filter(|line| expected.contains(line)).collect();
    assert_eq!(lines, expected, "{said:?}");
}

#[test]
fn redis_is_started_pinged_read_signalled_and_stopped_under_20_starters() {
    if !needs("redis-server", "redis-server") || !needs("redis-cli", "redis-tools") {
        return;
    }
    let place = place();
    let port = free_port();
    place.write(
        "start",
        format!(
            "exec withlock lock logwatch -e 'FATAL|# Fatal|Warning: Could not' log -- \
             pidfile claim --background --log log \
             --ready 'waitfor --while pidfile:$PIDFILE tcp:127.0.0.1:{port} \"exec:redis-cli -p {port} ping | grep -q PONG\"' p \
             redis-server --port {port} --save '' --daemonize no"
        ),
    );
    place.write("codes", "");
    place.says(
        "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (sh start; echo $? >> codes) & done; wait",
    );
    let codes = place.content("codes");
    assert_eq!((count(&codes, "0"), count(&codes, "75")), (1, 19), "{codes}\n{}", place.content("log"));
    assert_eq!(place.still_running().len(), 1);
    let pid = place.says("pidfile read p");
    assert_eq!(place.says(&format!("redis-cli -p {port} info server | tr -d '\\r' | sed -n 's/^process_id://p'")), pid);
    place.says(&format!("waitfor --timeout 0 tcp:127.0.0.1:{port} \"exec:redis-cli -p {port} ping\""));
    place.says("pidfile signal TERM p; waitfor --down pidfile:p 2>/dev/null || pidfile stop p");
    place.says("pidfile stop p");
    assert_eq!(place.still_running(), Vec::<String>::new());
    assert!(place.content("log").contains("ready to exit, bye bye"), "{}", place.content("log"));
}

/// A script that locks for itself, as one with functions does, and starts a daemon meanwhile.
#[test]
fn a_daemon_started_under_a_scripts_own_lock_does_not_keep_it() {
    let place = place();
    let said =
        place.sh("do_things() { pidfile claim --background --ready 'waitfor unix:socket' p demod --unix socket; }
         exec 9>>x.lock; withlock --fd 9 -w 30 || exit
         withlock -n x.lock true 2>/dev/null || echo \"held: $?\"
         do_things
         withlock -u 9
         withlock -n x.lock echo free
         pidfile read p >/dev/null && echo running
         exec 9>&-
         pidfile stop p");
    assert_eq!((said.stdout.as_str(), said.code), ("held: 75\nfree\nrunning\n", 0), "{said:?}");
}

/// Even where the script ends without unlocking: the daemon has not inherited the descriptor.
#[test]
fn a_daemon_does_not_inherit_the_lock_of_a_script_that_just_ends() {
    let place = place();
    let script = "exec 9>>x.lock; withlock --fd 9 -w 30 || exit; pidfile claim --background p sleep 1000";
    assert_eq!(place.sh(script).code, 0);
    assert_eq!(place.says("withlock -n x.lock echo free; pidfile stop p"), "free\n");
}
