//! Real daemons under the init script of docs/examples: start, a broken configuration at restart and reload, stop, and two
//! callers at once.

use crate::common::{docs, place_for_all};
use std::fs;
use tests::{Place, free_port, needs, needs_root};

/// A daemon under the init script, and how its configuration is broken and changed.
struct Case {
    name: &'static str,
    settings: String,
    /// Makes the first configuration, which answers `one`.
    prepare: String,
    /// Prints what the daemon answers.
    ask: String,
    /// Makes the configuration answer `two`.
    change: String,
    /// Makes it one that the daemon refuses, and sets it right again.
    spoil: &'static str,
    mend: &'static str,
}

fn with(case: &Case) -> Place {
    let place = place_for_all();
    fs::copy(docs("examples").join("init"), place.file("init")).expect("an example");
    let common = format!("name={} pidfile=$PWD/pid lock=$PWD/lock log=$PWD/log", case.name);
    place.write("daemon", format!("#!/bin/sh\n{common}\n{}\n. ./init\n", case.settings));
    place.says(&format!("umask 022; chmod 755 .; {}", case.prepare));
    place
}

/// The whole life of it.
fn lives(case: &Case) {
    let place = with(case);
    let Case { ask, change, spoil, mend, .. } = case;
    let said = place.sh(&format!(
        "ask() {{ {ask}; }}
         sh daemon status >/dev/null; echo status $?
         sh daemon start & sh daemon start & wait; sh daemon status >/dev/null; echo status $?; ask
         first=$(pidfile read pid); [ $(cat pid) = $first ] && echo one PID
         {spoil}; sh daemon restart 2>>refused; echo restart $?; sh daemon reload 2>>refused; echo reload $?
         [ $(pidfile read pid) = $first ] && ask
         {mend}; {change}; sh daemon reload; echo reload $?
         until [ \"$(ask)\" = two ]; do :; done; [ $(pidfile read pid) = $first ] && echo the same
         sh daemon restart; echo restart $?; ask; [ $(pidfile read pid) != $first ] && echo another
         (sh daemon restart; echo restart $?) & (sh daemon stop; echo stop $?) & wait
         sh daemon stop; echo stop $?; sh daemon status >/dev/null; echo status $?
         {spoil}; sh daemon start 2>>refused; echo start $?; sh daemon status >/dev/null; echo status $?"
    ));
    let expected =
        "status 3\nstatus 0\none\none PID\nrestart 6\nreload 6\none\nreload 0\nthe same\nrestart 0\ntwo\nanother\n";
    let (life, both) = said.stdout.split_at(expected.len().min(said.stdout.len()));
    assert_eq!(life, expected, "{}: {said:?}\n{}", case.name, place.content("log"));
    let mut lines: Vec<&str> = both.lines().collect();
    let end = lines.split_off(2.min(lines.len()));
    let mut at_once = lines;
    at_once.sort_unstable();
    assert_eq!(at_once, ["restart 0", "stop 0"], "{}: {said:?}", case.name);
    assert_eq!(end, ["stop 0", "status 3", "start 6", "status 3"], "{}: {said:?}", case.name);
    let refused = format!("{}: check_command refuses the configuration: nothing was changed", case.name);
    assert_eq!(place.content("refused").matches(&refused).count(), 3, "{}", place.content("refused"));
    place.wait_until("nothing is left", |place| place.still_running().is_empty());
}

#[test]
fn haproxy_lives_under_the_init_script() {
    if !needs_root() || !needs("haproxy", "haproxy") || !needs("curl", "curl") {
        return;
    }
    let port = free_port();
    lives(&Case {
        name: "haproxy",
        settings: format!(
            "command='haproxy -W -db -f haproxy.cfg' reload_signal=USR2 check_command='haproxy -c -q -f haproxy.cfg'
             ready='waitfor --while \"pid:$PIDFILE_PID\" --by \"pid:$PIDFILE_PID\" http://127.0.0.1:{port}'
             errors='\\[ALERT\\]' stop_options='--timeout 40s --kill-after 30s'"
        ),
        prepare: format!(
            "printf '%s\\n' defaults ' mode http' ' timeout connect 1s' ' timeout client 1s' ' timeout server 1s' 'frontend f' \
                ' bind 127.0.0.1:{port}' ' http-request return status 200 content-type text/plain string one' >haproxy.cfg"
        ),
        ask: format!("curl -s 127.0.0.1:{port}; echo"),
        change: "sed -i 's/string one/string two/' haproxy.cfg".into(),
        spoil: "echo nonsense >>haproxy.cfg",
        mend: "sed -i '$d' haproxy.cfg",
    });
}

#[test]
fn apache_lives_under_the_init_script() {
    if !needs_root() || !needs("apache2", "apache2") || !needs("curl", "curl") {
        return;
    }
    let port = free_port();
    lives(&Case {
        name: "apache",
        settings: format!(
            "command='apache2 -f \"$PWD/conf\" -DFOREGROUND' reload_signal=USR1 check_command='apache2 -f \"$PWD/conf\" -t'
             ready='waitfor --while \"pid:$PIDFILE_PID\" --by \"pid:$PIDFILE_PID\" tcp:127.0.0.1:{port}'
             errors=':(emerg|alert|crit)\\]' start_options='--background --supervise --timeout 30s --kill-after 10s'"
        ),
        prepare: format!(
            "mkdir one two; echo one >one/index.html; echo two >two/index.html
             {{ for m in mpm_event authz_core dir; do echo \"LoadModule ${{m}}_module /usr/lib/apache2/modules/mod_$m.so\"; done
               printf '%s\\n' \"ServerRoot $PWD\" 'ServerName localhost' 'Listen 127.0.0.1:{port}' \"PidFile $PWD/own.pid\" 'User www-data' 'Group www-data' \
                  \"DefaultRuntimeDir $PWD\" \"ErrorLog $PWD/log\" 'DirectoryIndex index.html' \"DocumentRoot $PWD/one\"; }} >conf"
        ),
        ask: format!("curl -s 127.0.0.1:{port}"),
        change: "sed -i 's,/one$,/two,' conf".into(),
        spoil: "echo Nonsense on >>conf",
        mend: "sed -i '$d' conf",
    });
}

#[test]
fn postgresql_lives_under_the_init_script() {
    let Some(bin) = fs::read_dir("/usr/lib/postgresql").ok().and_then(|found| found.flatten().next()) else {
        needs("postgres", "postgresql");
        return;
    };
    if !needs_root() {
        return;
    }
    let (bin, port) = (bin.path().join("bin").display().to_string(), free_port());
    let psql = format!("{bin}/psql -h $PWD/run -p {port} -U postgres -X -A -t");
    lives(&Case {
        name: "postgresql",
        settings: format!(
            "command='{bin}/postgres -D data -k \"$PWD/run\" -p {port} -h \"\"' user=postgres reload_signal=HUP
             check_command='runuser -u postgres -- {bin}/postgres -D data -C data_directory >/dev/null'
             ready='waitfor --while \"pid:$PIDFILE_PID\" \"exec:{bin}/pg_isready -q -U postgres -h $PWD/run -p {port}\"'
             errors='FATAL|PANIC' ignore='the database system is starting up' stop_options='--signal INT --timeout 40s'"
        ),
        prepare: format!(
            "install -d -o postgres data run; cd / && runuser -u postgres -- {bin}/initdb -A trust -D \"$OLDPWD/data\" >/dev/null; cd \"$OLDPWD\"
             echo \"cluster_name = 'not for this'\" >>data/postgresql.conf; echo \"search_path = 'one'\" >>data/postgresql.conf"
        ),
        ask: format!("{psql} -c 'show search_path'"),
        change: "sed -i \"s/^search_path = 'one'/search_path = 'two'/\" data/postgresql.conf".into(),
        spoil: "echo 'nonsense = ' >>data/postgresql.conf",
        mend: "sed -i '$d' data/postgresql.conf",
    });
}

#[test]
fn gdnsd_lives_under_the_init_script() {
    if !needs_root() || !needs("gdnsd", "gdnsd") || !needs("python3", "python3") {
        return;
    }
    let port = free_port();
    // A question for the address of w.example.com, and the last number of the answer.
    let asks = "import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(5)
q = b'\\0\\1\\0\\0\\0\\1\\0\\0\\0\\0\\0\\0' + b'\\1w\\7example\\3com\\0' + b'\\0\\1\\0\\1'
s.sendto(q, ('127.0.0.1', int(sys.argv[1])))
print({1: 'one', 2: 'two'}[s.recv(512)[len(q) + 15]])\n";
    lives(&Case {
        name: "gdnsd",
        settings: "command='gdnsd -c \"$PWD\" start' check_command='gdnsd -S -c \"$PWD\" checkconf'
             reload_command='gdnsdctl -c \"$PWD\" reload-zones'
             ready='logwatch --ready \"DNS listeners started\" --from start --while \"pid:$PIDFILE_PID\" \"$PWD/log\"' errors='^(error|fatal):'"
            .into(),
        prepare: format!(
            "mkdir -p zones run state; cat >ask.py <<'END'\n{asks}END
             printf '%s\\n' 'options => {{' ' listen => 127.0.0.1:{port}' \" run_dir => $PWD/run\" \" state_dir => $PWD/state\" '}}' >config
             printf '%s\\n' '$TTL 900' '@ SOA n a (1 7200 1800 259200 900)' '@ NS n' '@ NS m' 'n A 192.0.2.9' 'm A 192.0.2.8' 'w A 192.0.2.1' >zones/example.com"
        ),
        ask: format!("python3 ask.py {port}"),
        change: "sed -i 's/^w A.*/w A 192.0.2.2/' zones/example.com".into(),
        spoil: "echo 'nonsense {' >>zones/example.com",
        mend: "sed -i '$d' zones/example.com",
    });
}
