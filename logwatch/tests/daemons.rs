//! Logs as real daemons write them.

use std::net::TcpListener;
use tests::{Place, Said, needs};

fn place() -> Place {
    Place::with(&[("logwatch", env!("CARGO_BIN_EXE_logwatch"))])
}

fn said(stdout: &str, stderr: &str, code: i32) -> Said {
    Said { stdout: stdout.into(), stderr: stderr.into(), code }
}

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
    assert_eq!(place.sh(script), said("wanted-1\nwanted-2\nwanted-3\n", "", 0));
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
