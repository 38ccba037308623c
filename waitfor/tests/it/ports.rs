//! `tcp:`, `listen:` and `dns:`, at the prompt.

use crate::common::{place, said, waitfor, waiting_for};
use predicates::prelude::predicate;
use tests::{Place, Port, Said, free_port};

#[test]
fn a_port_is_awaited_until_it_listens() {
    let (place, port) = (place(), Port::reserved());
    let waiting = waiting_for(&place, &[&port.to_string()]);
    let waiting = waiting.until_it_says("Connection refused");
    port.listen();
    assert_eq!(waiting.ended(), 0);
}

/// Has the script run where the name `both` has an IPv6 address first and an IPv4 address second.
fn with_two_addresses(place: &Place, script: &str) -> Said {
    place.write("hosts", "::1 both\n127.0.0.1 both\n");
    place.sh(&format!("unshare -m sh -c 'mount --bind hosts /etc/hosts && {script}'"))
}

#[test]
fn every_address_of_a_name_is_tried() {
    if !tests::needs_root() {
        return;
    }
    let (place, port) = (place(), Port::listening());
    assert_eq!(with_two_addresses(&place, &format!("waitfor both:{}", port.number())), Said::SILENT_SUCCESS);
    let number = free_port();
    let _listener = std::net::TcpListener::bind(("::1", number)).unwrap();
    assert_eq!(with_two_addresses(&place, &format!("waitfor both:{number}")), Said::SILENT_SUCCESS);
    let refusing = Port::reserved();
    let number = refusing.number();
    let said = with_two_addresses(&place, &format!("waitfor -t0 both:{number}"));
    assert_eq!((said.code, said.without_times()), (124, format!("waitfor: both:{number}: Connection refused")));
}

#[test]
fn a_server_on_two_addresses_sees_one_connection() {
    if !tests::needs_root() {
        return;
    }
    let place = place();
    for scheme in ["tcp:both", "http://both", "--attempt 1s -t 5s --stable 200ms tcp:both"] {
        let port = free_port();
        let six = std::net::TcpListener::bind(("::1", port)).unwrap();
        let four = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        let said = with_two_addresses(
            &place,
            &format!("waitfor {} {scheme}:{port}", if scheme.starts_with('-') { "" } else { "-t0 --attempt 40ms" }),
        );
        assert_eq!(said.code, if scheme.contains("tcp") { 0 } else { 124 }, "{said:?}");
        six.set_nonblocking(true).unwrap();
        four.set_nonblocking(true).unwrap();
        assert!(six.accept().is_ok() && six.accept().is_err() && four.accept().is_err(), "{scheme}");
    }
}

#[test]
fn a_name_that_does_not_resolve_is_not_ready_yet() {
    waitfor(&place(), &["-t0", "--attempt", "10s", "no-such-host.invalid:80"])
        .code(124)
        .stderr(predicate::str::starts_with("waitfor: no-such-host.invalid:80: look up no-such-host.invalid: "));
}

#[test]
fn a_name_is_looked_up_again_until_it_has_an_address_and_when_that_changes() {
    if !tests::needs_root() {
        return;
    }
    let (place, port) = (place(), Port::listening());
    let number = port.number();
    place.write("hosts", "");
    // The second address is looked up by a wait that knows the first one, which refuses.
    let said = place.sh(&format!(
        "unshare -m sh -c 'mount --bind hosts /etc/hosts
         waitfor -v -t 20s later.invalid:{number} 2>said & waiting=$!
         waitfor \"exec:grep look said\"; echo 127.0.0.2 later.invalid > hosts; waitfor \"exec:grep refused said\"
         echo 127.0.0.1 later.invalid > hosts; wait $waiting; echo $?'"
    ));
    assert_eq!(said, Said { stdout: "0\n".into(), ..Said::SILENT_SUCCESS });
}

#[test]
fn a_name_server_that_is_silent_holds_up_nobody() {
    let tools = [("ip", "iproute2"), ("unshare", "util-linux"), ("python3", "python3")];
    if !tests::needs_root() || !tools.iter().all(|(tool, package)| tests::needs(tool, package)) {
        return;
    }
    let place = place();
    place.write("resolv.conf", "nameserver 127.0.0.1\n");
    place.write("serve", "import socket, time; s = socket.socket(type=2); s.bind(('127.0.0.1', 53)); time.sleep(60)");
    place.write(
        "script",
        "mount --bind resolv.conf /etc/resolv.conf; ip link set lo up; python3 serve &
         waitfor \"exec:ss -Hlun sport = 53 | grep .\"
         waitfor -t 0 --attempt 200ms silent.example:80 dns:silent.example file:script",
    );
    let said = place.sh("unshare -mn sh script");
    assert_eq!(said.code, 124, "{said:?}");
    let lines: Vec<&str> = said.stderr.lines().collect();
    assert_eq!(lines.len(), 2, "{said:?}");
    assert!(lines[0].starts_with("waitfor: silent.example:80: its name has not been looked up within "), "{said:?}");
    assert!(lines[1].starts_with("waitfor: dns:silent.example: no answer within "), "{said:?}");
}

#[test]
fn a_name_that_does_not_resolve_is_not_down_but_an_error() {
    waitfor(&place(), &["--down", "--attempt", "30s", "no-such-host.invalid:80"])
        .code(125)
        .stderr(predicate::str::starts_with("waitfor: look up no-such-host.invalid: "));
}

#[test]
fn a_name_is_ready_when_it_has_an_address() {
    waitfor(&place(), &["dns:localhost"]).success().stdout("").stderr("");
    waitfor(&place(), &["-t0", "--attempt", "30s", "dns:no-such-host.invalid"])
        .code(124)
        .stderr(predicate::str::starts_with("waitfor: dns:no-such-host.invalid: look up no-such-host.invalid: "));
}

#[test]
fn who_listens_is_asked_without_a_connection() {
    let (place, port) = (place(), Port::reserved());
    let targets = [format!("listen:{}", port.number()), format!("listen:{port}")];
    let elsewhere = format!("listen:127.0.0.2:{}", port.number());
    let waiting = waiting_for(&place, &[&targets[0], &targets[1]]).until_it_says("nobody listens on it");
    port.listen();
    assert_eq!(waiting.ended(), 0);
    let accepting = std::net::TcpListener::from(port);
    accepting.set_nonblocking(true).unwrap();
    assert_eq!(accepting.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    waitfor(&place, &["-t0", &elsewhere]).code(124);
    let said = said(&place, &["-t0", "--down", &targets[0]]);
    assert_eq!(
        (said.code, said.without_times()),
        (124, format!("waitfor: {}: somebody still listens on it", targets[0]))
    );
}

/// Both queries of the first look-up are lost, as a packet may be. The system's resolver asks again after 5 s.
#[test]
fn a_lost_query_does_not_cost_the_resolvers_patience() {
    let tools = [("ip", "iproute2"), ("unshare", "util-linux"), ("python3", "python3")];
    if !tests::needs_root() || !tools.iter().all(|(tool, package)| tests::needs(tool, package)) {
        return;
    }
    let place = place();
    place.write("resolv.conf", "nameserver 127.0.0.1\n");
    place.write("nsswitch.conf", "hosts: files dns\n");
    place.write(
        "serve.py",
        "import socket, time
s = socket.socket(type=socket.SOCK_DGRAM); s.bind(('127.0.0.1', 53)); first = None
while True:
    query, client = s.recvfrom(512)
    first = first or time.monotonic()
    if time.monotonic() - first < 0.3: continue
    question = query[12:query.index(0, 12) + 5]
    is_a = question[-4:-2] == b'\\x00\\x01'
    answer = b'\\xc0\\x0c\\x00\\x01\\x00\\x01\\x00\\x00\\x00\\x01\\x00\\x04\\x7f\\x00\\x00\\x01' if is_a else b''
    s.sendto(query[:2] + b'\\x81\\x80\\x00\\x01\\x00' + bytes([is_a]) + b'\\x00\\x00\\x00\\x00' + question + answer, client)
",
    );
    place.write(
        "script",
        "mount --bind resolv.conf /etc/resolv.conf; mount --bind nsswitch.conf /etc/nsswitch.conf; ip link set lo up
         python3 serve.py & waitfor udp:53 || exit; waitfor -t 4s --attempt 1s dns:there.example; echo $?",
    );
    assert_eq!(place.sh("unshare -mn sh script"), Said { stdout: "0\n".into(), ..Said::SILENT_SUCCESS });
}

#[test]
fn a_port_may_be_named_as_a_service_and_written_as_a_url() {
    let (place, port) = (place(), Port::listening());
    let said = said(&place, &["-t0", "tcp:127.0.0.2:discard", "127.0.0.2:discard"]);
    assert_eq!(
        (said.code, said.without_times().as_str()),
        (124, "waitfor: tcp:127.0.0.2:discard: Connection refused\nwaitfor: 127.0.0.2:discard: Connection refused")
    );
    waitfor(&place, &[&format!("tcp://{port}")]).success();
}

#[test]
fn a_udp_port_is_awaited_until_it_is_bound() {
    let place = place();
    let port = free_port();
    let targets = [format!("udp:{port}"), format!("udp:127.0.0.1:{port}")];
    let waiting = waiting_for(&place, &[&targets[0], &targets[1]]).until_it_says("nobody has bound it");
    let bound = std::net::UdpSocket::bind(("127.0.0.1", port)).unwrap();
    assert_eq!(waiting.ended(), 0);
    waitfor(&place, &["-t0", &format!("udp:127.0.0.2:{port}")]).code(124);
    waitfor(&place, &["-t0", &format!("udp:192.0.2.1:{port}")])
        .code(124)
        .stderr(predicate::str::contains(": it is not an address of this machine ("));
    drop(bound);
    waitfor(&place, &["--down", &targets[0]]).success();
}

/// Down and free are two things: a connection in TIME_WAIT keeps a daemon without SO_REUSEADDR from the port.
#[test]
fn a_port_in_time_wait_is_down_but_not_free() {
    use std::io::Read;
    let place = place();
    let port = free_port();
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let mut client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    // The server closes first, so its end waits.
    drop(listener.accept().unwrap());
    assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
    drop((client, listener));
    waitfor(&place, &["-t0", "--down", &format!("127.0.0.1:{port}")]).success();
    let free = format!("free:{port}");
    let said = said(&place, &["-t0", &free]);
    assert_eq!((said.code, said.without_times()), (124, format!("waitfor: {free}: Address already in use")));
}

#[test]
fn a_port_is_free_when_it_can_be_bound() {
    let (place, port) = (place(), Port::reserved());
    let targets = [format!("free:{}", port.number()), format!("free:{port}")];
    // Bound and not listening: no table of the kernel's shows it.
    let waiting = waiting_for(&place, &[&targets[0], &targets[1]]).until_it_says("Address already in use");
    waitfor(&place, &["--down", &targets[0]]).code(0);
    let elsewhere = format!("free:127.0.0.2:{}", port.number());
    waitfor(&place, &[&elsewhere]).success();
    drop(port);
    assert_eq!(waiting.ended(), 0);
}

/// Where netfilter forwards a port, nobody listens on it here, and yet somebody answers.
#[test]
fn a_port_that_is_forwarded_is_ready_although_nobody_listens_on_it() {
    let tools = [("ip", "iproute2"), ("unshare", "util-linux"), ("nft", "nftables")];
    if !tests::needs_root() || !tools.iter().all(|(tool, package)| tests::needs(tool, package)) {
        return;
    }
    let place = place();
    place.write(
        "script",
        "ip link set lo up; waitfor -v -t 20s tcp:127.0.0.1:8000 2>said & waiting=$!
         waitfor 'exec:grep -q refused said'; python3 -m http.server 8001 >log 2>&1 & waitfor listen:8001
         nft 'table ip nat { chain output { type nat hook output priority -100; tcp dport 8000 redirect to :8001; }; }'
         wait $waiting; echo $?; waitfor -t0 listen:8000; echo $?",
    );
    let said = place.sh("unshare -mn sh script");
    if said.stderr.contains("nft") || said.stderr.contains("Operation not supported") {
        return tests::nothing_to_show("the kernel has no NAT");
    }
    assert_eq!(said.stdout, "0\n124\n", "{said:?}");
}

/// 24 µs for each target and each try would be a whole core.
#[test]
fn a_thousand_targets_use_a_small_share_of_a_core() {
    let place = place();
    let targets: Vec<String> = (0..2000).map(|n| format!("127.9.{}.{}:9", n / 200, n % 200 + 1)).collect();
    // In ticks of a hundredth of a second: the time of both runs is that of their children.
    let used = |timeout: &str| {
        place.write("targets", targets.join(" "));
        let script = format!("waitfor -t {timeout} $(cat targets) 2>/dev/null; times");
        let times = place.sh(&script).stdout;
        times.split_whitespace().skip(2).map(seconds).sum::<f64>()
    };
    let (once, long) = (used("0"), used("4s"));
    assert!(long - once < 0.8, "{once} s for one try, {long} s for 4 s of tries");
}

/// Reads `0m1.250s`.
fn seconds(time: &str) -> f64 {
    let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap_or(("0", "0"));
    minutes.parse::<f64>().unwrap_or(f64::NAN) * 60.0 + seconds.parse::<f64>().unwrap_or(f64::NAN)
}
