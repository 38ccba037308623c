//! Logs as real daemons write them.

use crate::common::place;
use std::net::TcpListener;
use tests::{needs, needs_root};

#[test]
fn redis_is_ready_when_its_log_says_so_and_not_started_when_it_says_that() {
    if !needs("redis-server", "redis-server") {
        return;
    }
    let place = place();
    let start = "logwatch -q --ready '[Rr]eady to accept connections' -e 'Failed|Fatal' --timeout 20s l -- \
        redis-server --daemonize yes --save '' --port 0 --logfile \"$PWD/l\" --pidfile \"$PWD/p\" --unixsocket";
    let found = place.sh(&format!("{start} \"$PWD/s\""));
    assert!(found.stdout.contains("eady to accept connections") && found.code == 0, "{found:?}");
    let found = place.sh(&format!("kill $(cat p); {start} /nowhere/s"));
    assert!(found.stdout.contains("Failed opening Unix socket") && found.code == 1, "{found:?}");
}

#[test]
fn nginx_is_followed_through_its_reopen_and_no_request_is_missed() {
    if !needs("nginx", "nginx-light") || !needs("curl", "curl") {
        return;
    }
    let place = place();
    let conf = "pid p; error_log e; daemon off; events {} http { access_log a; client_body_temp_path t; proxy_temp_path t;
        fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t; server { listen unix:s; location / { return 204; } } }";
    // nginx knows no relative path for a socket.
    place.write("conf", conf.replace("unix:s", &format!("unix:{}/s", place.path().display())));
    let script = "nginx -p . -c conf & until [ -e p ] && [ -e s ]; do :; done
        get() { curl -s --unix-socket s http://x/$1; }; get first; cursor=$(logwatch --mark a)
        get wanted-1; mv a a.1; get wanted-2; nginx -p . -c conf -s reopen 2>/dev/null; until [ -e a ]; do :; done
        get wanted-3; until grep -q wanted-3 a a.1; do :; done
        logwatch --no-follow --from $cursor -e wanted a | grep -o 'wanted-.'; kill $(cat p); wait";
    place.script(script).code(0).stdout("wanted-1\nwanted-2\nwanted-3\n").stderr("");
}

#[test]
fn apache_that_cannot_bind_is_an_error_line() {
    if !needs("apache2", "apache2-bin") {
        return;
    }
    let place = place();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let conf = format!(
        "ServerRoot {0}\nServerName x\nLoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n\
         LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\nPidFile {0}/p\nErrorLog {0}/l\nListen 127.0.0.1:{port}\n",
        place.path().display()
    );
    place.write("conf", conf);
    let found = place.sh("logwatch -q -e 'could not bind' l -- sh -c 'exec apache2 -f $PWD/conf -DFOREGROUND 2>>l'");
    assert!(found.stdout.contains("Address already in use") && found.code == 1, "{found:?} {}", place.content("l"));
}

#[test]
fn postgresql_is_ready_when_its_log_says_so_and_a_second_one_on_its_data_is_an_error() {
    if !needs("pg_ctlcluster", "postgresql") || !needs_root() {
        return;
    }
    let place = place();
    place.says("chmod 755 . && chown postgres . && ln -s /usr/lib/postgresql/*/bin pg");
    let as_postgres =
        format!("setpriv --reuid postgres --regid postgres --clear-groups env HOME={}", place.path().display());
    place.says(&format!("{as_postgres} pg/initdb -D data --no-sync >/dev/null 2>&1"));
    let watch = "logwatch -q -e 'FATAL|PANIC' --ready 'ready to accept connections' --timeout 30s l --";
    let server = format!("{as_postgres} pg/postgres -D data -c listen_addresses= -c unix_socket_directories=$PWD");
    let found = place.sh(&format!("{watch} sh -c 'setsid {server} >>l 2>&1 &'"));
    assert!(found.stdout.ends_with("database system is ready to accept connections\n"), "{found:?}");
    assert_eq!(found.code, 0, "{}", place.content("l"));
    let found = place.sh(&format!(
        "{watch} sh -c '{server} >>l 2>&1'; code=$?; kill -INT $(head -n1 data/postmaster.pid); exit $code"
    ));
    assert!(found.stdout.contains("FATAL:  lock file") && found.code == 1, "{found:?}");
}

#[test]
fn the_journal_is_judged_while_journalctl_follows_it() {
    if !needs("journalctl", "systemd") || !needs("unshare", "util-linux") || !needs_root() {
        return;
    }
    let place = place();
    // A journal of its own, where nobody else writes.
    place.write(
        "inside",
        "mount -t tmpfs none /run; mkdir -p /run/systemd/journal /run/log/journal; mkfifo /run/f
         /lib/systemd/systemd-journald 2>/run/said & until [ -S /run/systemd/journal/stdout ]; do :; done
         journalctl -f -n 0 -o cat -t demo --no-pager >/run/f 2>/dev/null & follows=$!
         logwatch -e FATAL - </run/f & watches=$!
         # What was written before journalctl follows is not shown; so it is written again until one is.
         while kill -0 $watches 2>/dev/null; do printf 'fine\\na FATAL thing\\n' | systemd-cat -t demo; done
         wait $watches; echo $?; kill $follows",
    );
    let found = place.sh("unshare -m --propagation private --pid --fork --kill-child --mount-proc sh inside");
    assert_eq!(found.stdout, "a FATAL thing\n1\n", "{found:?}");
}
