//! `tcp:`, `listen:` and `dns:`, at the prompt.

use crate::common::{place, said, waitfor, waiting_for};
use predicates::prelude::predicate;
use tests::{Place, Port, Said};

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
    let listener = std::net::TcpListener::bind("[::1]:0").unwrap();
    let number = listener.local_addr().unwrap().port();
    assert_eq!(with_two_addresses(&place, &format!("waitfor both:{number}")), Said::SILENT_SUCCESS);
    let refusing = Port::reserved();
    let number = refusing.number();
    let said = with_two_addresses(&place, &format!("waitfor -t0 both:{number}"));
    assert_eq!((said.code, said.without_times()), (124, format!("waitfor: both:{number}: Connection refused")));
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
