//! Real daemons, each started, read, reloaded and stopped the way it likes to live.

use crate::common::place;
use tests::{Place, free_port, needs, needs_root};

/// Claimed, with this evidence; then not to be claimed again, stopped, and free.
fn claimed_then_stopped(place: &Place, evidence: &str) {
    let said = place.sh(&format!(
        "pidfile read --json p | grep -c '\"evidence\":\"{evidence}\"'; pidfile claim p true; echo $?; pidfile stop p; echo $?; pidfile read -q p; echo $?"
    ));
    assert_eq!(said.stdout, "1\n75\n0\n3\n", "{said:?}");
}

#[test]
fn redis_in_the_foreground() {
    if !needs("redis-server", "redis-server") || !needs("redis-cli", "redis-tools") {
        return;
    }
    let (place, port) = (place(), free_port());
    let said = place.says(&format!(
        "pidfile claim -b --log l --ready 'waitfor --while pidfile:p tcp:127.0.0.1:{port}' p redis-server --port {port} --save ''
         redis-cli -p {port} info server | tr -d '\\r' | grep -c \"process_id:$(pidfile read p)$\""
    ));
    assert_eq!(said, "1\n");
    claimed_then_stopped(&place, "vouched");
}

#[test]
fn redis_that_puts_itself_in_the_background() {
    if !needs("redis-server", "redis-server") || !needs("redis-cli", "redis-tools") {
        return;
    }
    let (place, port) = (place(), free_port());
    let said = place.says(&format!(
        "pidfile claim --forking --ready 'waitfor --while pidfile:p tcp:127.0.0.1:{port}' p redis-server --port {port} --save '' --daemonize yes --pidfile $PWD/own
         redis-cli -p {port} info server | tr -d '\\r' | grep -c \"process_id:$(pidfile read p)$\"; cmp p own"
    ));
    assert_eq!(said, "1\n");
    claimed_then_stopped(&place, "descriptor");
}

#[test]
fn redis_with_a_pid_file_of_its_own() {
    if !needs("redis-server", "redis-server") {
        return;
    }
    let (place, port) = (place(), free_port());
    let said = place.sh(&format!(
        "redis-server --port {port} --save '' --daemonize yes --pidfile $PWD/own >l; waitfor tcp:127.0.0.1:{port}; until test -s own; do :; done
         pidfile read -q own; echo $?; pidfile read -q --unlocked own; echo $?; pidfile stop --unlocked own; echo $?; pidfile read -q --unlocked own; echo $?"
    ));
    // It removes the file at its end.
    assert_eq!(said.stdout, "1\n0\n0\n3\n", "{said:?}");
}

fn nginx(place: &Place) -> u16 {
    let (here, port) = (place.path().display(), free_port());
    place.write(
        "conf",
        format!(
            "error_log {here}/error.log; pid {here}/own; worker_processes 2; events {{ }}
             http {{ access_log off; server {{ listen 127.0.0.1:{port}; return 200 hello; }} }}"
        ),
    );
    port
}

#[test]
fn nginx_in_the_foreground_is_reloaded() {
    if !needs("nginx", "nginx-light") {
        return;
    }
    let place = place();
    let port = nginx(&place);
    let said = place.says(&format!(
        "pidfile claim -b --ready 'waitfor --while pidfile:p tcp:127.0.0.1:{port}' p nginx -c $PWD/conf -g 'daemon off;'
         workers() {{ pidfile read --holders p | grep worker | cut -d' ' -f1 | sort; }}
         until test $(workers | wc -l) = 2; do :; done; workers >before; pid=$(pidfile read p); pidfile signal HUP p
         until workers >after; test $(wc -l <after) = 2 && ! grep -qFf before after; do :; done; test $(pidfile read p) = $pid; echo $?"
    ));
    assert_eq!(said, "0\n");
    claimed_then_stopped(&place, "vouched");
}

#[test]
fn nginx_that_puts_itself_in_the_background() {
    if !needs("nginx", "nginx-light") {
        return;
    }
    let place = place();
    let port = nginx(&place);
    place.says(&format!(
        "pidfile claim --forking --pid-from own --ready 'waitfor --while pidfile:p tcp:127.0.0.1:{port}' p nginx -c $PWD/conf; cmp p own"
    ));
    claimed_then_stopped(&place, "descriptor");
}

#[test]
fn nginx_with_a_pid_file_of_its_own() {
    if !needs("nginx", "nginx-light") {
        return;
    }
    let place = place();
    let port = nginx(&place);
    let said = place.sh(&format!(
        "nginx -c $PWD/conf; waitfor tcp:127.0.0.1:{port}; pidfile read -q own; echo $?; pidfile read -q --unlocked --exe $(command -v nginx) own; echo $?
         pidfile signal --unlocked HUP own; echo $?; pidfile stop --unlocked --signal QUIT own; echo $?; pidfile read -q own; echo $?"
    ));
    assert_eq!(said.stdout, "1\n0\n0\n0\n3\n", "{said:?}");
}

#[test]
fn apache_that_puts_itself_in_the_background() {
    if !needs_root() || !needs("apache2", "apache2") {
        return;
    }
    let (place, port) = (place(), free_port());
    let here = place.path().display();
    place.write(
        "conf",
        format!(
            "ServerRoot {here}\nServerName localhost\nPidFile {here}/own\nDefaultRuntimeDir {here}\nErrorLog {here}/error.log\n\
             DocumentRoot {here}\nListen 127.0.0.1:{port}\nUser www-data\nGroup www-data\n\
             LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n\
             LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n"
        ),
    );
    let said = place.says(&format!(
        "pidfile claim --forking --pid-from own --ready 'waitfor --while pidfile:p tcp:127.0.0.1:{port}' p apache2 -f $PWD/conf -k start
         cmp p own; pidfile signal USR1 p; until grep -q AH00493 error.log; do :; done; pidfile read -q p; echo $?"
    ));
    assert_eq!(said, "0\n");
    claimed_then_stopped(&place, "descriptor");
}

#[test]
fn cron_that_locks_a_file_of_its_own() {
    if !needs_root() || !needs("cron", "cron") || !needs("unshare", "util-linux") {
        return;
    }
    // Its file is /run/crond.pid, whatever one says; so it gets a /run of its own.
    let said = place().sh(
        "cat >script <<'END'
mount -t tmpfs none /run; cron; f=/run/crond.pid; until pidfile read -q $f; do :; done
test $(pidfile read $f) = $(cat $f); echo $?; pidfile read --json $f | grep -c '\"evidence\":\"descriptor\"'
pidfile claim $f true 2>/dev/null; echo $?; cron 2>/dev/null; echo $?; pidfile stop $f; echo $?; pidfile read -q $f; echo $?
pidfile claim -b $f sleep 60; cron 2>/dev/null; echo $?; pidfile stop $f
END
         unshare -m sh script",
    );
    assert_eq!(said.stdout, "0\n1\n75\n1\n0\n3\n1\n", "{said:?}");
}

#[test]
fn a_daemon_that_closes_its_descriptors_is_held_by_its_supervisor() {
    let place = place();
    let said = place.sh("pidfile claim -b --notify p demod --close-descriptors --notify READY=1; echo $?");
    assert_eq!(said.stdout, "125\n");
    place.says("pidfile claim -b --supervise --notify p demod --close-descriptors --notify READY=1");
    claimed_then_stopped(&place, "vouched");
}

/// start-stop-daemon lets a second start through in 43 to 85 of 100 such pairs.
#[test]
fn of_back_to_back_starts_the_second_never_gets_through() {
    let place = place();
    let said = place.says(
        "i=0; while test $i -lt 1000; do
             pidfile claim -b p sleep 1000; pidfile claim -b p sleep 2000 2>/dev/null; echo $?; pidfile stop p; i=$((i + 1))
         done | sort | uniq -c",
    );
    assert_eq!(said.split_whitespace().collect::<Vec<_>>(), ["1000", "75"]);
}

/// start-stop-daemon runs 3 to 6 of 6.
#[test]
fn of_six_concurrent_starts_exactly_one_runs() {
    let place = place();
    for round in 0..20 {
        place.says("for i in 1 2 3 4 5 6; do pidfile claim -b p sleep 1000 2>/dev/null & done; wait");
        assert_eq!(place.still_running(), ["sleep 1000"], "round {round}");
        place.says("pidfile stop p");
    }
}
