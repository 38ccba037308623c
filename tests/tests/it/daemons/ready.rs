//! When real servers are ready, and when they only look it.

use crate::common::place;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, SockaddrIn};
use nix::sys::socket::{bind, connect, getsockname, listen, setsockopt, socket, sockopt};
use std::os::fd::{AsRawFd, OwnedFd};
use tests::{Place, free_port, needs, needs_root};

#[test]
fn redis_that_loads_its_data_has_an_open_port_and_is_not_ready() {
    if !needs("redis-server", "redis-server") || !needs("redis-cli", "redis-tools") {
        return;
    }
    let (place, port) = (place(), free_port());
    let ready = format!(r"waitfor --send 'PING\r\n' --expect '^\+PONG' 127.0.0.1:{port}");
    place.says(&format!(
        "redis-server --port {port} --save '' --enable-debug-command yes >log & {ready}
         redis-cli -p {port} debug populate 20000 key 100 && redis-cli -p {port} save && redis-cli -p {port} shutdown nosave; wait"
    ));
    let slowly = "--key-load-delay 1000 --loading-process-events-interval-bytes 1024";
    let said = place.sh(&format!(
        "redis-server --port {port} --save '' {slowly} >log & waitfor 127.0.0.1:{port} && echo open
         {ready} -t 300ms; echo $?
         redis-cli -p {port} config set key-load-delay 0 && {ready}; echo $?"
    ));
    assert_eq!(said.stdout, "open\n124\nOK\n0\n", "{said:?}");
    assert!(
        said.stderr.contains(r#": it says "-LOADING Redis is loading the dataset in memory\r\n", which"#),
        "{said:?}"
    );
}

#[test]
fn postgresql_that_recovers_has_an_open_port_and_is_not_ready() {
    if !needs("pg_ctlcluster", "postgresql") || !needs_root() {
        return;
    }
    let (place, port) = (place(), free_port());
    let here = place.path().display();
    place.says("chmod 755 . && chown postgres . && ln -s /usr/lib/postgresql/*/bin pg");
    let as_postgres = format!("setpriv --reuid postgres --regid postgres --clear-groups env HOME={here}");
    place.says(&format!("{as_postgres} pg/initdb -D data --no-sync >log 2>&1"));
    // A standby that has nobody to follow: it recovers until it is promoted, and lets nobody in meanwhile.
    place.says(
        "touch data/standby.signal && chown postgres data/standby.signal
         printf \"hot_standby=off\nfsync=off\nrestore_command=false\nunix_socket_directories='$PWD'\n\" >> data/postgresql.conf",
    );
    let start = format!("{as_postgres} pg/postgres -D data -p {port} >>log 2>&1");
    let ready = format!("waitfor --while pidfile:p 'exec:pg/pg_isready -h 127.0.0.1 -p {port}'");
    let said = place.sh(&format!(
        "pidfile claim -b --log log p {start}
         waitfor --while pidfile:p 127.0.0.1:{port} unix:.s.PGSQL.{port} && echo open
         {ready} -t 500ms; echo $?
         {as_postgres} pg/pg_ctl -D data promote >>log && {ready}; echo $?; pidfile stop p --signal INT"
    ));
    assert_eq!(said.stdout, "open\n124\n0\n", "{said:?}\n{}", place.content("log"));
    assert!(said.stderr.contains(": exited with status 1: 127.0.0.1:"), "{said:?}");
}

fn certificate(place: &Place) {
    place.says(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -days 2 -subj /CN=demo \
         -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE 2>/dev/null",
    );
}

#[test]
fn nginx_is_ready_over_http_and_https() {
    if !needs("nginx", "nginx-light") || !needs("openssl", "openssl") {
        return;
    }
    let (place, plain, tls, six) = (place(), free_port(), free_port(), free_port());
    let here = place.path().display();
    certificate(&place);
    place.write(
        "conf",
        format!(
            "error_log {here}/log; pid {here}/own; daemon off; events {{ }} http {{ access_log {here}/access;
               server {{ listen 127.0.0.1:{plain}; location /down {{ return 503; }} location / {{ return 200 healthy; }} }}
               server {{ listen 127.0.0.1:{tls} ssl; ssl_certificate {here}/cert; ssl_certificate_key {here}/key; return 301 /elsewhere; }}
               server {{ listen [::1]:{six} ipv6only=on; return 204; }} }}"
        ),
    );
    let said = place.sh(&format!(
        "pidfile claim -b p nginx -c $PWD/conf
         waitfor --while pidfile:p --by pidfile:p http://127.0.0.1:{plain}/ --match '^healthy$' && echo plain
         waitfor --while pidfile:p --cacert cert https://localhost:{tls}/ https://127.0.0.1:{tls}/ && echo tls
         waitfor http://[::1]:{six}/ [::1]:{six} listen:[::1]:{six} && echo six
         waitfor -t0 127.0.0.1:{six}; echo $?
         waitfor -t0 --attempt 10s http://127.0.0.1:{plain}/down; echo $?
         waitfor -t0 --attempt 10s http://127.0.0.1:{tls}/; echo $?
         pidfile stop p; wc -l <access"
    ));
    let expected = "plain\ntls\nsix\n124\n124\n124\n6\n";
    assert_eq!(said.stdout, expected, "{said:?}\n{}", place.content("access"));
    assert!(said.stderr.contains("/down: it answers 503 Service Unavailable (1 try in "), "{said:?}");
}

#[test]
fn apache_is_ready_over_http_and_https() {
    if !needs("apache2", "apache2-bin") || !needs("openssl", "openssl") {
        return;
    }
    let (place, plain, port) = (place(), free_port(), free_port());
    certificate(&place);
    let here = place.path().display();
    let modules = "/usr/lib/apache2/modules";
    place.write(
        "conf",
        format!(
            "ServerRoot {here}\nServerName localhost\nListen 127.0.0.1:{plain}\nListen 127.0.0.1:{port}\nPidFile {here}/own\nErrorLog {here}/log\nDocumentRoot {here}/docs\nMutex file:{here} default\n\
             LoadModule mpm_event_module {modules}/mod_mpm_event.so\nLoadModule authz_core_module {modules}/mod_authz_core.so\nLoadModule ssl_module {modules}/mod_ssl.so\n\
             User nobody\nGroup nogroup\nSSLSessionCache none\n\
             <VirtualHost 127.0.0.1:{port}>\nSSLEngine on\nSSLCertificateFile {here}/cert\nSSLCertificateKeyFile {here}/key\n</VirtualHost>\n"
        ),
    );
    let said = place.sh(&format!(
        "chmod 755 .; mkdir docs; echo healthy > docs/x; pidfile claim -b --log out p apache2 -d . -f conf -DFOREGROUND
         waitfor --while pidfile:p --by pidfile:p --cacert cert --match healthy https://localhost:{port}/x http://localhost:{plain}/x
         echo $?; waitfor -t0 --attempt 10s --insecure https://localhost:{port}/none; echo $?; pidfile stop p"
    ));
    assert_eq!(said.stdout, "0\n124\n", "{said:?}");
    assert!(said.stderr.contains("/none: it answers 404 Not Found (1 try in "), "{said:?}");
}

#[test]
fn memcached_is_ready_when_it_says_its_version() {
    if !needs("memcached", "memcached") {
        return;
    }
    let (place, port) = (place(), free_port());
    let ask = r"waitfor --while pidfile:p --by pidfile:p --send 'version\r\n' --expect '^VERSION \d'";
    let said = place.sh(&format!(
        "pidfile claim -b p memcached -u nobody -l 127.0.0.1 -p {port}; {ask} 127.0.0.1:{port} listen:{port}; echo $?
         pidfile stop p; waitfor --down 127.0.0.1:{port} listen:{port} pidfile:p; echo $?
         chmod 1777 .; pidfile claim -b p memcached -u nobody -s $PWD/s; {ask} unix:s; echo $?; pidfile stop p; waitfor -t0 unix:s; echo $?"
    ));
    assert_eq!(said.stdout, "0\n0\n0\n124\n", "{said:?}");
}

/// The case that fools whoever looks at the port alone: a stranger has it, and our daemon is to die of that.
#[test]
fn a_daemon_that_dies_because_a_stranger_has_its_port_is_not_ready() {
    let (place, port) = (place(), free_port());
    // It goes for its port when it is told to: in the first case only after it was taken for ready.
    let start = |ready: &str| {
        format!(
            "pidfile claim -b --log log --ready '{ready} 127.0.0.1:{port}' p \
                 sh -c 'until test -e go; do sleep 0.01; done; exec demod --port {port}'; echo $?"
        )
    };
    let said = place.sh(&format!(
        "demod --port {port} 2>/dev/null & waitfor 127.0.0.1:{port}
         {}; touch go; waitfor --down pidfile:p; echo fooled
         rm go; (sleep 0.3; touch go) & {}; pidfile read -q p; echo $?
         pidfile claim -b p sleep 60; waitfor -t 300ms --while pidfile:p --by pidfile:p 127.0.0.1:{port}; echo $?",
        start("waitfor --while pidfile:p"),
        start("waitfor --while pidfile:p --by pidfile:p"),
    ));
    assert_eq!(said.stdout, "0\nfooled\n3\n1\n124\n", "{said:?}");
    assert!(said.stderr.contains(": a stranger answers: ") && said.stderr.contains(" (demod --port "), "{said:?}");
}

/// As while a daemon is replaced: the old one and the new one listen on the same port.
#[test]
fn of_two_that_share_a_port_each_is_found_by_whom_it_belongs_to() {
    let (place, port) = (place(), free_port());
    let said = place.sh(&format!(
        "for name in a b; do pidfile claim -b $name demod --reuse-port --port {port}; done; pidfile claim -b c sleep 60
         for target in listen:{port} listen:127.0.0.1:{port} tcp:127.0.0.1:{port}; do
             for name in a b; do waitfor -t 10s --by pidfile:$name $target; echo $name $?; done
             waitfor -t 0 --by pidfile:c $target 2>/dev/null; echo c $?
         done"
    ));
    assert_eq!(said.stdout, "a 0\nb 0\nc 124\n".repeat(3), "{said:?}");
}

#[test]
fn a_new_daemon_is_found_beside_the_old_one_that_it_replaces() {
    let (place, port) = (place(), free_port());
    let claim = format!(
        "pidfile claim --replace --timeout 10s --ready 'waitfor --by \"pid:$PIDFILE_PID\" 127.0.0.1:{port} listen:127.0.0.1:{port}' \
             p demod --reuse-port --port {port}"
    );
    assert_eq!(place.sh(&format!("{claim}; {claim}; echo $?; pidfile stop p")).stdout, "0\n");
}

/// The kernel tells of a unix socket's file the inode; on two file systems the same number may stand for two files.
#[test]
fn a_unix_socket_is_not_taken_for_one_of_the_same_inode_elsewhere() {
    if !needs_root() || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    place.write(
        "script",
        "for name in a b; do mkdir $name; mount -t tmpfs none $name
             pidfile claim -b --ready \"waitfor unix:$name/s\" $name.pid demod --unix $name/s; done
         stat -c %i a/s b/s | uniq | wc -l
         for name in a b; do waitfor -t 0 --by pidfile:$name.pid unix:a/s; echo $name $?; done; pidfile stop a.pid; pidfile stop b.pid",
    );
    let said = place.sh("unshare -m sh script");
    assert_eq!(said.stdout, "1\na 0\nb 124\n", "{said:?}");
}

/// Two listen on one port, and answer differently; what is said counts for who has said it.
#[test]
fn what_one_says_does_not_count_for_another_on_the_same_port() {
    let (place, port) = (place(), free_port());
    place.says(&format!("pidfile claim -b --ready 'waitfor listen:{port}' p demod --reuse-port --port {port}"));
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    setsockopt(&socket, sockopt::ReusePort, &true).expect("an option");
    bind(socket.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, port)).expect("a shared port");
    listen(&socket, Backlog::new(128).expect("a length")).expect("a queue");
    std::thread::spawn(move || {
        // Kept open: so the kernel can tell who has them.
        let mut kept = vec![];
        for mut connection in std::net::TcpListener::from(socket).incoming().flatten() {
            // Whoever only knocks has gone by now.
            let _ = std::io::Write::write_all(&mut connection, b"us\n");
            kept.push(connection);
        }
    });
    let said = place.sh(&format!(
        "waitfor -t 10s --by pid:{us} --expect '^us' 127.0.0.1:{port}; echo $?
         waitfor -t 10s --by pidfile:p --expect '^demod' 127.0.0.1:{port}; echo $?
         waitfor -t 1s --by pidfile:p --expect '^us' 127.0.0.1:{port} 2>/dev/null; echo $?",
        us = std::process::id()
    ));
    assert_eq!(said.stdout, "0\n0\n124\n", "{said:?}");
}

/// A port of 127.0.0.9 whose queue is full: whoever calls hears nothing, as from a host that drops all packets.
fn silent_port() -> (u16, Vec<OwnedFd>) {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let stream = || socket(AddressFamily::Inet, SockType::Stream, flags, None);
    let silent = stream().expect("a socket");
    bind(silent.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 9, 0)).expect("a free port");
    let address: SockaddrIn = getsockname(silent.as_raw_fd()).expect("its name");
    listen(&silent, Backlog::new(0).expect("a length")).expect("a queue");
    let mut kept = vec![silent];
    for _ in 0..4 {
        let caller = stream().expect("a socket");
        // Connected or in progress, as long as there is room, and a little longer.
        let _ = connect(caller.as_raw_fd(), &address);
        kept.push(caller);
    }
    (address.port(), kept)
}

#[test]
fn a_call_that_is_never_answered_holds_up_nobody() {
    if !needs_root() {
        return;
    }
    let place = place();
    let (port, _kept) = silent_port();
    place.write("hosts", "127.0.0.9 both\n127.0.0.1 both\n");
    let said = place.sh(&format!(
        "demod --port {port} 2>/dev/null & waitfor 127.0.0.1:{port}
         unshare -m sh -c 'mount --bind hosts /etc/hosts; waitfor both:{port}'; echo $?
         waitfor -t0 --attempt 100ms 127.0.0.9:{port} 127.0.0.1:{port}; echo $?
         waitfor --any 127.0.0.9:{port} 127.0.0.1:{port}; echo $?
         waitfor -t0 --attempt 100ms --down 127.0.0.9:{port}; echo $?"
    ));
    assert_eq!(said.stdout, "0\n124\n0\n124\n", "{said:?}");
    let lines: Vec<&str> = said.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{said:?}");
    assert!(lines[0].starts_with(&format!("waitfor: 127.0.0.9:{port}: no answer within ")), "{said:?}");
    // Too busy is not down.
    let full = format!("waitfor: 127.0.0.9:{port}: it accepts nobody: its backlog is full (1 try in ");
    assert!(lines[1].starts_with(&full), "{said:?}");
}

/// A daemon in another network namespace, behind a rule that drops whatever is sent to it.
#[test]
fn a_daemon_behind_a_firewall_that_drops_is_ready_once_the_rule_is_gone() {
    if !needs_root() || !needs("nft", "nftables") || !needs("ip", "iproute2") || !needs("unshare", "util-linux") {
        return;
    }
    let place = place();
    let said = place.sh(r#"cat >script <<'END'
unshare -n sleep 1000 & other=$!
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.01; done
there() { nsenter -t $other -n "$@"; }
ip link add here type veth peer name there && ip link set there netns $other
ip addr add 10.99.0.1/24 dev here; ip link set here up
there ip addr add 10.99.0.2/24 dev there; there ip link set there up
there nft 'add table inet wall; add chain inet wall in { type filter hook input priority 0; }
           add rule inet wall in tcp dport 7000 drop'
there demod --address 10.99.0.2 --port 7000 2>/dev/null &
there waitfor listen:10.99.0.2:7000; echo $?
waitfor -t 0 --attempt 100ms 10.99.0.2:7000; echo $?
waitfor -v --attempt 100ms 10.99.0.2:7000 2>said & waiting=$!
waitfor 'exec:grep "no answer within" said'
there nft delete table inet wall
wait $waiting; echo $?
END
unshare -n sh script"#);
    assert_eq!(said.stdout, "0\n124\n0\n", "{said:?}");
    assert!(said.stderr.starts_with("waitfor: 10.99.0.2:7000: no answer within "), "{said:?}");
}
