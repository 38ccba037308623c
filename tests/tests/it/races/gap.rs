//! Restarts while clients never stop asking: with `--replace`, by hand and under systemd, with socket activation, and
//! without either.

use crate::common::{self, docs};
use tests::{Place, needs, needs_root};

fn place() -> Place {
    let place = common::place();
    place.says(&format!("cp -p {}/* .; chmod 755 .", docs("examples").display()));
    place.write("hammer.py", HAMMER);
    place
}

fn possible() -> bool {
    needs_root() && needs("unshare", "util-linux") && needs("nginx", "nginx-light") && needs("ip", "iproute2")
}

/// A network of the test's own, where what is in the queue of a listener that closes goes to the other one, or does not.
fn network(migrate: bool) -> String {
    let setting =
        format!("net/ipv4/tcp_migrate_req; [ $(cat /proc/sys/net/ipv4/tcp_migrate_req) = {} ]", i32::from(migrate));
    format!("ip link set lo up; echo {} >/proc/sys/{setting}", i32::from(migrate))
}

/// Eight clients ask until the file `end` is there, then tell how each request ended. `begun`: a hundred have been made.
const HAMMER: &str = r#"
import collections, os, socket, sys, threading
ends = collections.Counter()
lock = threading.Lock()
def request():
    with socket.socket() as connection:
        connection.settimeout(30)
        try:
            connection.connect(("127.0.0.1", int(sys.argv[1])))
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while some := connection.recv(4096):
                answer += some
            return "answered" if answer.startswith(b"HTTP/1.1 200 OK") and answer.endswith(b"hello\n") else "cut"
        except ConnectionRefusedError:
            return "refused"
        except OSError:
            return "reset"
def client():
    while not os.path.exists("end"):
        end = request()
        with lock:
            ends[end] += 1
            if sum(ends.values()) == 100:
                open("begun", "w").close()
clients = [threading.Thread(target=client) for _ in range(8)]
for one in clients: one.start()
for one in clients: one.join()
print(*sorted(ends))
"#;

const CONFIGURATION: &str = r#"
    error_log error.log; events { }
    http { access_log off; server { listen 127.0.0.1:8090 reuseport; return 200 "hello\n"; } }
"#;

/// What became of the requests while something was done, five times.
const WHILE: &str = r#"while_asked() {
    rm -f end begun; python3 hammer.py 8090 >ends & until [ -e begun ]; do sleep 0.01; done
    for i in 1 2 3 4; do "$@" || echo "exit $?"; done; : >end; wait $!; cat ends
}"#;

#[test]
fn the_example_restarts_nginx_and_no_request_fails() {
    if !possible() || !needs("curl", "curl") {
        return;
    }
    let place = place();
    place.write(
        "script",
        format!(
            "{}; mkdir scratch; chmod 755 scratch; TMPDIR=$PWD/scratch sh ./replace; echo $?; ls scratch",
            network(true)
        ),
    );
    let said = place.sh("unshare -n sh -eu script");
    let (told, requests) = said.stdout.split_once("0 of ").unwrap_or((&said.stdout, ""));
    let numbers: String = (1..=6).map(|number| format!("this is number {number}\n")).collect();
    let refused = "a wrong configuration: refused, and the old one goes on\nthis is number 6\n";
    assert_eq!(told, numbers + refused, "{said:?}");
    let (count, rest) = requests.split_once(' ').unwrap_or_default();
    assert!(count.parse::<u32>().is_ok_and(|count| count > 6) && rest == "requests failed\n0\n", "{said:?}");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

/// The queue of a listener that closes is lost, unless the kernel hands it over; but nobody is refused.
#[test]
fn eight_clients_are_never_refused_and_all_are_answered_where_the_queue_is_handed_over() {
    if !possible() || !needs("python3", "python3") {
        return;
    }
    for (migrate, possible) in [(true, &["answered\n"][..]), (false, &["answered\n", "answered reset\n"])] {
        let place = place();
        place.write("nginx.conf", format!("daemon off; pid {}/nginx.pid;\n{CONFIGURATION}", place.path().display()));
        place.write(
            "script",
            format!(
                "{}; {WHILE}
                 next() {{ pidfile claim --replace --stop-signal QUIT --timeout 60s --ready 'waitfor -q --by pid:$PIDFILE_PID listen:8090' \
                     p nginx -e $PWD/error.log -p $PWD -c nginx.conf; }}
                 next; while_asked next; pidfile stop p",
                network(migrate)
            ),
        );
        let said = place.sh("unshare -n sh -eu script");
        assert!(possible.contains(&said.stdout.as_str()), "{migrate}: {said:?}");
    }
}

#[test]
fn under_systemd_a_reload_and_an_activated_restart_answer_all_and_a_plain_restart_does_not() {
    if !possible() || !needs("systemctl", "systemd") || !needs("nsenter", "util-linux") || !needs("python3", "python3")
    {
        return;
    }
    let place = place();
    let here = place.path().display().to_string();
    place.write("nginx.conf", format!("pid {here}/nginx.pid;\n{CONFIGURATION}"));
    place.says(
        "mkdir units real; cp $(command -v pidfile) $(command -v waitfor) real; mv *.service *.socket units
         sed -i \"s|/usr/bin/|$PWD/real/|g; s|/etc/web|$PWD|g\" units/*.service",
    );
    place.write(
        "script",
        format!(
            "{WHILE}
             main() {{ systemctl show -P MainPID web; }}
             systemctl start web; before=$(main); [ $before = $(real/pidfile read /run/web/pid) ]
             while_asked systemctl reload web; [ $before != $(main) ]; [ $(main) = $(real/pidfile read /run/web/pid) ]
             echo nonsense >>nginx.conf; before=$(main); systemctl reload web 2>/dev/null || echo not reloaded; sed -i '$d' nginx.conf
             systemctl is-active web; [ $before = $(main) ]
             systemctl reset-failed web; while_asked systemctl restart web
             systemctl stop web; sed -i 's/ reuseport//' nginx.conf
             systemctl start activated.socket activated.service; while_asked systemctl restart activated"
        ),
    );
    let systemd = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd.sh");
    place.write("outside", format!("{}; exec {systemd} $PWD 'sh -eu script'", network(true)));
    let said = place.sh("unshare -n sh -eu outside");
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert_eq!(lines[..3], ["answered", "not reloaded", "active"], "{said:?}");
    assert!(lines[3].starts_with("answered ") && lines[3].contains("refused"), "{said:?}");
    assert_eq!(lines[4..], ["answered"], "{said:?}");
}
