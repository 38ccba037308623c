//! What `waitfor` promises at the prompt.

// Helpers of tests are tests, though clippy takes only what is marked #[test] for one.
#![allow(clippy::unwrap_used)]

use racefree_core::claim::Claim;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, listen, socket_with};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use tests::{Place, Said};

fn place() -> Place {
    Place::with(&[("waitfor", env!("CARGO_BIN_EXE_waitfor"))])
}

/// A port of 127.0.0.1 that is ours, and refuses until it is told to listen.
struct Port {
    socket: OwnedFd,
    number: u16,
}

impl Port {
    fn reserved() -> Port {
        // Not to be inherited: what other tests start would keep it open.
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
        Port { socket, number: address.port() }
    }

    fn listening() -> Port {
        let port = Port::reserved();
        port.listen();
        port
    }

    fn listen(&self) {
        listen(&self.socket, 4096).unwrap();
    }
}

/// `waitfor` under way: in the background, as a shell's `&`.
struct Waiting<'a> {
    place: &'a Place,
    child: Child,
}

impl Waiting<'_> {
    fn begin<'a>(place: &'a Place, arguments: &[&str]) -> Waiting<'a> {
        let mut command = place.command("waitfor");
        command.arg("-v").args(arguments).stdout(Stdio::null());
        let child = command.stderr(std::fs::File::create(place.file("said")).unwrap()).spawn().unwrap();
        Waiting { place, child }
    }

    /// Waits until it has given this reason for waiting.
    fn until_it_says(self, reason: &str) -> Self {
        self.place.wait_until(reason, |place| place.content("said").contains(reason));
        self
    }

    /// How it ended, within a time that no wait to its timeout would take.
    fn ended(mut self) -> i32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap_or_else(|| 128 + status.signal().unwrap());
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "still waiting: {}", self.place.content("said"));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The code, and what was said, of a wait that ends by itself.
fn waitfor(place: &Place, arguments: &[&str]) -> Said {
    place.run(place.command("waitfor").args(arguments))
}

fn silent_success() -> Said {
    Said { stdout: String::new(), stderr: String::new(), code: 0 }
}

/// What it says without the times, which no two runs share.
fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| line.rsplit_once(" (").map_or(line, |(before, _)| before).to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_ready_is_ready_in_silence() {
    let place = place();
    let port = Port::listening();
    let _socket = UnixListener::bind(place.file("s")).unwrap();
    place.write("f", "");
    let pid = std::process::id();
    for target in [
        format!("tcp:127.0.0.1:{}", port.number),
        format!("127.0.0.1:{}", port.number),
        format!("localhost:{}", port.number),
        "unix:s".into(),
        "file:f".into(),
        format!("pid:{pid}"),
        "exec:echo to be heard by nobody".into(),
    ] {
        for timeout in ["0", "30s", "none"] {
            assert_eq!(waitfor(&place, &["-t", timeout, &target]), silent_success(), "{target}");
        }
    }
}

#[test]
fn a_port_is_awaited_until_it_listens() {
    let (place, port) = (place(), Port::reserved());
    let waiting = Waiting::begin(&place, &[&format!("127.0.0.1:{}", port.number)]);
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
    assert_eq!(with_two_addresses(&place, &format!("waitfor both:{}", port.number)), silent_success());
    let listener = std::net::TcpListener::bind("[::1]:0").unwrap();
    let number = listener.local_addr().unwrap().port();
    assert_eq!(with_two_addresses(&place, &format!("waitfor both:{number}")), silent_success());
    let refusing = Port::reserved();
    let number = refusing.number;
    let said = with_two_addresses(&place, &format!("waitfor -t0 both:{number}"));
    assert_eq!((said.code, without_times(&said.stderr)), (124, format!("waitfor: both:{number}: Connection refused")));
}

#[test]
fn a_name_that_does_not_resolve_is_not_ready_yet() {
    let said = waitfor(&place(), &["-t0", "--attempt", "10s", "no-such-host.invalid:80"]);
    assert_eq!(said.code, 124);
    assert!(said.stderr.starts_with("waitfor: no-such-host.invalid:80: look up no-such-host.invalid: "), "{said:?}");
}

#[test]
fn a_unix_socket_is_awaited_until_it_listens() {
    let place = place();
    let waiting = Waiting::begin(&place, &["unix:run/d/s"]).until_it_says("No such file or directory");
    std::fs::create_dir_all(place.file("run/d")).unwrap();
    let _socket = UnixListener::bind(place.file("run/d/s")).unwrap();
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_stale_unix_socket_is_not_ready() {
    let place = place();
    drop(UnixListener::bind(place.file("s")).unwrap());
    let waiting = Waiting::begin(&place, &["unix:s"]).until_it_says("Connection refused");
    std::fs::remove_file(place.file("s")).unwrap();
    let _socket = UnixListener::bind(place.file("s")).unwrap();
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_unix_socket_whose_path_is_too_long_for_an_address_is_found() {
    let place = place();
    let deep = "d/".repeat(60);
    std::fs::create_dir_all(place.file(&deep)).unwrap();
    let _socket = UnixListener::bind(place.file("s")).unwrap();
    std::fs::rename(place.file("s"), place.file(&deep).join("s")).unwrap();
    assert_eq!(waitfor(&place, &[&format!("unix:{deep}s")]), silent_success());
}

#[test]
fn a_file_is_awaited_from_its_first_missing_directory_on() {
    let place = place();
    let waiting = Waiting::begin(&place, &["file:a/b/c"]).until_it_says("No such file or directory");
    std::fs::create_dir_all(place.file("a/b")).unwrap();
    place.write("a/b/c", "");
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_pid_file_is_awaited_until_it_is_claimed() {
    let place = place();
    place.write("p", "1\n");
    let waiting = Waiting::begin(&place, &["pidfile:p"]).until_it_says("stale: names 1, but nobody holds it");
    let Ok(Claim::Ours(held)) = Claim::on(&place.file("p")) else { panic!("not ours") };
    held.name_this_process().unwrap();
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_zombie_does_not_live() {
    let place = place();
    let mut child = place.command("true").spawn().unwrap();
    let pid = child.id();
    place.wait_until("a zombie", |_| std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap().contains(") Z "));
    let said = waitfor(&place, &["-t0", &format!("pid:{pid}")]);
    assert_eq!(said.code, 124);
    assert_eq!(without_times(&said.stderr), format!("waitfor: pid:{pid}: it has ended"));
    child.wait().unwrap();
}

#[test]
fn a_command_is_run_again_until_it_says_yes() {
    let place = place();
    let waiting = Waiting::begin(&place, &["exec:echo checked >&2; test -e f"]);
    let waiting = waiting.until_it_says("exec:echo checked >&2; test -e f: exited with status 1: checked");
    place.write("f", "");
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_command_that_hangs_ends_with_the_attempt_and_all_that_it_started() {
    let place = place();
    let said = waitfor(&place, &["-t0", "--attempt", "100ms", "exec:echo hanging; sleep 60 & sleep 60"]);
    assert_eq!(said.code, 124);
    let expected = "waitfor: exec:echo hanging; sleep 60 & sleep 60: has not ended within ";
    assert!(said.stderr.starts_with(expected) && said.stderr.contains(" ms: hanging (1 try in "), "{said:?}");
    place.wait_until("nothing is left", |place| place.still_running().is_empty());
}

#[test]
fn a_command_that_succeeds_leaves_nothing_behind() {
    let place = place();
    assert_eq!(waitfor(&place, &["exec:sleep 60 &"]), silent_success());
    place.wait_until("nothing is left", |place| place.still_running().is_empty());
}

#[test]
fn all_targets_are_awaited_at_once() {
    let (place, port) = (place(), Port::reserved());
    let address = format!("127.0.0.1:{}", port.number);
    let waiting = Waiting::begin(&place, &["file:a", &address, "exec:test -e b"]);
    let waiting = waiting.until_it_says("No such file").until_it_says("refused").until_it_says("exited with status 1");
    place.write("b", "");
    port.listen();
    let waiting = waiting.until_it_says("exec:test -e b: it answers").until_it_says(&format!("{address}: it answers"));
    place.write("a", "");
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_target_that_hangs_does_not_hold_up_the_others() {
    let place = place();
    let waiting = Waiting::begin(&place, &["--attempt", "50s", "exec:until test -e g; do sleep 0.01; done", "file:f"]);
    let waiting = waiting.until_it_says("No such file");
    place.write("f", "");
    let waiting = waiting.until_it_says("file:f: it answers");
    place.write("g", "");
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn when_time_runs_out_each_target_that_was_not_ready_has_a_line() {
    let (place, port) = (place(), Port::reserved());
    place.write("there", "");
    let address = format!("127.0.0.1:{}", port.number);
    let said = waitfor(&place, &["-t", "100ms", &address, "file:there", "file:nowhere/x"]);
    assert_eq!((said.code, said.stdout.as_str()), (124, ""));
    let expected =
        format!("waitfor: {address}: Connection refused\nwaitfor: file:nowhere/x: No such file or directory");
    assert_eq!(without_times(&said.stderr), expected);
    assert!(said.stderr.contains(" tries in "), "{said:?}");
}

#[test]
fn the_last_pause_is_cut_to_the_deadline_and_one_more_try_made_at_it() {
    let place = place();
    let said = waitfor(&place, &["-t", "200ms", "--interval", "1h", "exec:test -e f"]);
    assert_eq!(said.code, 124);
    assert!(said.stderr.contains(" (2 tries in "), "{said:?}");
}

#[test]
fn a_process_that_must_live_ends_the_wait_with_its_end() {
    let place = place();
    let log = std::fs::File::create(place.file("log")).unwrap();
    let mut daemon = place.command("sleep").arg("60").stderr(log).spawn().unwrap();
    let alive = format!("pid:{}", daemon.id());
    let waiting = Waiting::begin(&place, &["--while", &alive, "file:f"]).until_it_says("No such file");
    daemon.kill().unwrap();
    assert_eq!(waiting.ended(), 3);
    let said = place.content("said");
    let log = place.file("log").canonicalize().unwrap();
    let obituary = format!("waitfor: {alive}: process {} has ended; its log is {}\n", daemon.id(), log.display());
    assert!(said.contains(&obituary), "{said}");
    daemon.wait().unwrap();
}

#[test]
fn a_process_that_never_lived_is_gone_already() {
    let place = place();
    place.write("p", "1\n");
    let said = waitfor(&place, &["--while", "pidfile:p", "file:p"]);
    assert_eq!((said.code, said.stderr.as_str()), (3, "waitfor: pidfile:p: it is not running\n"));
}

#[test]
fn ready_means_ready_and_alive() {
    let place = place();
    let mut daemon = place.command("sleep").arg("60").spawn().unwrap();
    // The target answers only by ending the process.
    let target =
        format!("exec:kill -9 {0}; while kill -0 {0} && ! grep -q ') Z' /proc/{0}/stat; do :; done", daemon.id());
    let said = waitfor(&place, &["--while", &format!("pid:{}", daemon.id()), &target]);
    assert_eq!(said.code, 3, "{said:?}");
    daemon.wait().unwrap();
}

#[test]
fn the_command_is_executed_in_place() {
    let place = place();
    let script = "echo $$; exec waitfor exec:true -- sh -c 'echo $$; exit 7'";
    let said = place.sh(script);
    let numbers: Vec<&str> = said.stdout.lines().collect();
    assert_eq!((said.code, numbers.len(), numbers[0]), (7, 2, numbers[1]), "{said:?}");
}

#[test]
fn the_command_is_not_run_when_time_runs_out() {
    let said = waitfor(&place(), &["-t0", "file:nowhere", "--", "echo", "run"]);
    assert_eq!((said.code, said.stdout.as_str()), (124, ""));
}

#[test]
fn a_command_that_cannot_be_run_is_told_before_the_wait() {
    let place = place();
    place.write("f", "");
    for (command, code, why) in [("no-such-command", 127, "not found in PATH"), ("./f", 126, "not executable")] {
        let said = waitfor(&place, &["-t", "none", "file:nowhere", "--", command]);
        assert_eq!((said.code, said.stderr), (code, format!("waitfor: run {command}: {why}\n")));
    }
}

#[test]
fn a_command_has_the_signals_it_would_have_without_us() {
    let signals = "grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status";
    let place = place();
    let with = place.says(&format!("trap '' HUP; waitfor -t0 exec:true -- {signals}"));
    assert_eq!(with, place.says(&format!("trap '' HUP; {signals}")));
}

#[test]
fn a_signal_ends_the_wait_and_what_it_runs() {
    for (signal, code) in [(nix::sys::signal::SIGTERM, 143), (nix::sys::signal::SIGINT, 130)] {
        let place = place();
        let waiting = Waiting::begin(&place, &["--attempt", "50s", "exec:echo > begun; sleep 60"]);
        place.wait_until("it runs", |place| place.file("begun").exists());
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(waiting.child.id() as i32), signal).unwrap();
        assert_eq!(waiting.ended(), code);
        place.wait_until("nothing is left", |place| place.still_running().is_empty());
    }
}

#[test]
fn what_makes_no_sense_is_wrong_usage() {
    let place = place();
    for arguments in [
        &[][..],
        &["nonsense"],
        &["ftp://host/"],
        &["udp:host:53"],
        &["host:0"],
        &["host:99999"],
        &["::1:80"],
        &["pid:0"],
        &["pid:-1"],
        &["file:"],
        &["-t", "soon", "file:f"],
        &["-t", "-1", "file:f"],
        &["--while", "123", "file:f"],
        &["--", "true"],
        &["--expect", "(", "host:1"],
        &["--send", "\\q", "host:1"],
        &["--match", "(", "http://host/"],
        &["--status", "2xx", "http://host/"],
        &["--header", "nonsense", "http://host/"],
        &["http://host:99999/"],
        &["http:///"],
        &["--stable", "1m", "file:f"],
        &["--down", "--expect", "x", "host:1"],
    ] {
        let said = waitfor(&place, arguments);
        assert_eq!((said.code, said.stdout.as_str()), (64, ""), "{arguments:?}: {said:?}");
        assert!(said.stderr.starts_with("waitfor: "), "{said:?}");
    }
}

/// Answers each request with these bytes.
fn web_server(answer: &'static str) -> u16 {
    web_server_of(vec![answer])
}

/// Answers the first request of a connection with the first of these, the second with the second, and closes it.
fn web_server_of(answers: Vec<&'static str>) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            for answer in &answers {
                let mut request = vec![];
                let mut room = [0; 4096];
                while !request.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
                    match connection.read(&mut room) {
                        Ok(length) if length > 0 => request.extend_from_slice(&room[..length]),
                        _ => break,
                    }
                }
                // Whoever only knocks has gone by now.
                let _ = connection.write_all(answer.as_bytes());
            }
        }
    });
    port
}

#[test]
fn a_page_is_ready_when_it_is_answered_well() {
    let place = place();
    let fine = web_server("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhealth");
    let moved = web_server("HTTP/1.1 302 Found\r\nLocation: http://elsewhere.invalid/\r\nContent-Length: 0\r\n\r\n");
    let broken = web_server("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n");
    let (fine, moved) = (format!("http://127.0.0.1:{fine}/x"), format!("http://127.0.0.1:{moved}/"));
    let broken = format!("http://127.0.0.1:{broken}/");
    for arguments in [
        &[&*fine][..],
        &[&fine, "--match", "^heal"],
        &[&fine, "--status", "200", "--method", "POST", "--header", "X-Y: z", "--user-agent", "me"],
        &[&moved],
        &[&broken, "--status", "404,500-503"],
    ] {
        assert_eq!(waitfor(&place, arguments), silent_success(), "{arguments:?}");
    }
    for (arguments, why) in [
        (&[&*broken][..], format!("{broken}: it answers 500 Internal Server Error")),
        (&[&moved, "--status", "200"], format!("{moved}: it answers 302 Found")),
        (&[&fine, "--match", "ok"], format!("{fine}: it answers 200 OK, but /ok/ does not match the body")),
    ] {
        let said = waitfor(&place, &[arguments, &["-t0", "--attempt", "10s"]].concat());
        assert_eq!((said.code, without_times(&said.stderr)), (124, format!("waitfor: {why}")));
    }
}

#[test]
fn no_proxy_is_taken_from_the_environment() {
    let (place, nobody) = (place(), Port::reserved());
    let fine = web_server("HTTP/1.1 204 No Content\r\n\r\n");
    let through = format!("http://127.0.0.1:{}", nobody.number);
    let url = format!("http://127.0.0.1:{fine}/");
    let script = format!("http_proxy={through} HTTP_PROXY={through} all_proxy={through} waitfor -t0 {url}");
    assert_eq!(place.sh(&script), silent_success());
    assert_eq!(waitfor(&place, &["-t0", "--proxy", &through, &url]).code, 124);
    let proxy = web_server_of(vec!["HTTP/1.1 200 Connected\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"]);
    let proxy = format!("http://127.0.0.1:{proxy}");
    let said = waitfor(&place, &["-t0", "--attempt", "10s", "--proxy", &proxy, "http://elsewhere.invalid/"]);
    assert_eq!(said, silent_success());
}

#[test]
fn a_web_server_that_accepts_and_never_answers_is_not_ready() {
    let (place, port) = (place(), Port::listening());
    let url = format!("http://127.0.0.1:{}/", port.number);
    let said = waitfor(&place, &["-t0", "--attempt", "100ms", &url]);
    assert_eq!(said.code, 124);
    assert!(said.stderr.starts_with(&format!("waitfor: {url}: it accepts, but does not answer ")), "{said:?}");
}

#[test]
fn what_is_no_http_is_not_ready() {
    let place = place();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://127.0.0.1:{}/", talker(b"220 mail.example.org ESMTP\r\n", true));
        let said = waitfor(&place, &["-t0", "--attempt", "10s", &url]);
        assert_eq!((said.code, said.stderr.lines().count()), (124, 1), "{said:?}");
    }
}

#[test]
fn a_certificate_counts_if_it_is_trusted() {
    if !tests::needs("openssl", "openssl") {
        return;
    }
    let place = place();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    place.says(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -days 2 -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE 2>/dev/null",
    );
    let mut server = place
        .command("openssl")
        .args(["s_server", "-quiet", "-www", "-key", "k", "-cert", "c", "-accept", &format!("127.0.0.1:{port}")])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let url = format!("https://localhost:{port}/");
    assert_eq!(waitfor(&place, &["--insecure", &url]), silent_success());
    assert_eq!(waitfor(&place, &["--cacert", "c", &url]), silent_success());
    let said = waitfor(&place, &["-t0", "--attempt", "10s", &url]);
    assert_eq!(said.code, 124);
    assert!(said.stderr.starts_with(&format!("waitfor: {url}: invalid peer certificate: ")), "{said:?}");
    let said = waitfor(&place, &["--cacert", "k", &url]);
    assert_eq!((said.code, &*said.stderr), (125, "waitfor: read k: there is no PEM certificate in it\n"));
    let said = waitfor(&place, &["--cacert", "nowhere", &url]);
    assert_eq!((said.code, &*said.stderr), (125, "waitfor: open nowhere: No such file or directory\n"));
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Says something to each connection, then hears it out, or closes it at once.
fn talker(greeting: &'static [u8], hears_out: bool) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let _ = connection.write_all(greeting);
            if hears_out {
                std::thread::spawn(move || std::io::copy(&mut connection, &mut std::io::sink()));
            }
        }
    });
    port
}

#[test]
fn a_banner_is_awaited() {
    let place = place();
    let mail = format!("127.0.0.1:{}", talker(b"220 mail\r\n", true));
    let shell = format!("127.0.0.1:{}", talker(b"SSH-2.0-x\r\n", false));
    assert_eq!(waitfor(&place, &["--expect", "^220 ", &mail]), silent_success());
    for (address, why) in [
        (&mail, r#"it says "220 mail\r\n", which /^250 / does not match (1 try in "#),
        (&shell, r#"it says "SSH-2.0-x\r\n", which /^250 / does not match, and hangs up (1 try in "#),
    ] {
        let said = waitfor(&place, &["-t0", "--attempt", "100ms", "--expect", "^250 ", address]);
        assert_eq!(said.code, 124);
        assert!(said.stderr.starts_with(&format!("waitfor: {address}: {why}")), "{said:?}");
    }
}

#[test]
fn a_question_is_asked_over_a_unix_socket_too() {
    let place = place();
    let listener = UnixListener::bind(place.file("s")).unwrap();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut room = [0; 64];
            let length = connection.read(&mut room).unwrap_or(0);
            let answer = if &room[..length] == b"PING\r\n" { "+PONG\r\n" } else { "-ERR\r\n" };
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    assert_eq!(waitfor(&place, &["--send", r"PING\r\n", "--expect", r"^\+PONG", "unix:s"]), silent_success());
    let said = waitfor(&place, &["-t0", "--send", "x", "--expect", r"^\+PONG", "unix:s"]);
    assert_eq!(said.code, 124);
    assert!(said.stderr.contains(r#"it says "-ERR\r\n", which /^\+PONG/ does not match"#), "{said:?}");
}

#[test]
fn one_that_accepts_and_closes_is_not_stable() {
    let place = place();
    let forwarder = format!("127.0.0.1:{}", talker(b"", false));
    assert_eq!(waitfor(&place, &["-t0", &forwarder]), silent_success());
    let said = waitfor(&place, &["-v", "-t", "300ms", "--stable", "200ms", &forwarder]);
    assert_eq!(said.code, 124);
    let why = format!("waitfor: {forwarder}: it accepts, but closes the connection (");
    assert!(said.stderr.starts_with(&why), "{said:?}");
}

#[test]
fn one_that_goes_on_answering_is_stable() {
    let place = place();
    place.write("f", "");
    for target in [
        format!("127.0.0.1:{}", talker(b"", true)),
        format!("127.0.0.1:{}", talker(b"daytime\n", false)),
        "file:f".into(),
        "exec:true".into(),
    ] {
        let begun = Instant::now();
        assert_eq!(waitfor(&place, &["--stable", "100ms", &target]), silent_success(), "{target}");
        assert!(begun.elapsed() >= Duration::from_millis(100), "{target}");
    }
}

#[test]
fn an_answer_that_does_not_last_begins_anew() {
    let place = place();
    place.write("f", "");
    let waiting = Waiting::begin(&place, &["--stable", "1s", "file:f"]).until_it_says("it answers");
    std::fs::remove_file(place.file("f")).unwrap();
    let waiting = waiting.until_it_says("No such file");
    let begun = Instant::now();
    place.write("f", "");
    assert_eq!(waiting.ended(), 0);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn one_of_several_is_enough_where_any_is_asked_for() {
    let place = place();
    place.write("f", "");
    assert_eq!(waitfor(&place, &["--any", "file:nowhere", "file:f"]), silent_success());
    let said = waitfor(&place, &["-t0", "--any", "file:nowhere", "file:here"]);
    assert_eq!((said.code, said.stderr.lines().count()), (124, 2));
}

#[test]
fn the_end_is_awaited_with_down() {
    let (place, port) = (place(), Port::listening());
    let _refuses = Port::reserved();
    let socket = UnixListener::bind(place.file("s")).unwrap();
    place.write("f", "");
    let mut process = place.command("sleep").arg("60").spawn().unwrap();
    let (address, pid) = (format!("127.0.0.1:{}", port.number), format!("pid:{}", process.id()));
    for (target, still) in [
        (&*address, "it still answers".to_owned()),
        ("unix:s", "it still answers".into()),
        ("file:f", "it is still there".into()),
        (&pid, format!("{} (sleep 60) is still alive", process.id())),
        ("exec:true", "it still answers".into()),
        ("dns:localhost", "it still has an address".into()),
    ] {
        let said = waitfor(&place, &["--down", "-t0", target]);
        assert_eq!((said.code, without_count(&said.stderr)), (124, format!("waitfor: {target}: {still}")));
    }
    let waiting = Waiting::begin(&place, &["--down", &address, "unix:s", "file:f", &pid, "exec:test -e f"]);
    let waiting = waiting.until_it_says(&format!("{pid}: it answers")).until_it_says("exec:test -e f: it answers");
    drop((port, socket));
    process.kill().unwrap();
    std::fs::remove_file(place.file("f")).unwrap();
    assert_eq!(waiting.ended(), 0);
    process.wait().unwrap();
}

/// What it says without the number of tries and the time.
fn without_count(text: &str) -> String {
    let lines = text.lines().map(|line| match line.rfind(" (1 try in ") {
        Some(count) => &line[..count],
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_name_that_does_not_resolve_is_not_down_but_an_error() {
    let said = waitfor(&place(), &["--down", "--attempt", "30s", "no-such-host.invalid:80"]);
    assert_eq!(said.code, 125);
    assert!(said.stderr.starts_with("waitfor: look up no-such-host.invalid: "), "{said:?}");
}

#[test]
fn a_command_that_hangs_is_neither_ready_nor_down() {
    let place = place();
    assert_eq!(waitfor(&place, &["--down", "-t0", "--attempt", "50ms", "exec:sleep 60"]).code, 124);
}

#[test]
fn an_empty_file_is_not_written_yet() {
    let place = place();
    let waiting = Waiting::begin(&place, &["nonempty:f"]).until_it_says("No such file");
    place.write("f", "");
    let waiting = waiting.until_it_says("it is empty");
    place.write("f", "x");
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_lock_is_awaited_until_it_is_held_and_until_it_is_free() {
    let place = place();
    let waiting = Waiting::begin(&place, &["lock:l"]).until_it_says("No such file");
    place.write("l", "");
    let waiting = waiting.until_it_says("nobody holds it");
    let file = std::fs::File::open(place.file("l")).unwrap();
    file.lock().unwrap();
    assert_eq!(waiting.ended(), 0);
    let said = waitfor(&place, &["--down", "-t0", "lock:l"]);
    assert_eq!(said.code, 124);
    assert!(said.stderr.starts_with(&format!("waitfor: lock:l: held by {} (", std::process::id())), "{said:?}");
    let waiting = Waiting::begin(&place, &["--down", "lock:l"]).until_it_says("it answers");
    file.unlock().unwrap();
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_name_is_ready_when_it_has_an_address() {
    assert_eq!(waitfor(&place(), &["dns:localhost"]), silent_success());
    let said = waitfor(&place(), &["-t0", "--attempt", "30s", "dns:no-such-host.invalid"]);
    assert_eq!(said.code, 124);
    assert!(said.stderr.starts_with("waitfor: dns:no-such-host.invalid: look up no-such-host.invalid: "), "{said:?}");
}

#[test]
fn the_pause_is_fixed_where_an_interval_is_asked_for() {
    let place = place();
    let said = waitfor(&place, &["-t", "250ms", "--interval", "100ms", "exec:echo >> tried; false"]);
    assert_eq!(said.code, 124);
    // At 0, 100 and 200 ms, and at the deadline; fewer on a machine that is busy.
    let tries = place.content("tried").lines().count();
    assert!((2..=4).contains(&tries), "{tries}");
}

#[test]
fn who_listens_is_asked_without_a_connection() {
    let (place, port) = (place(), Port::reserved());
    let targets = [format!("listen:{}", port.number), format!("listen:127.0.0.1:{}", port.number)];
    let waiting = Waiting::begin(&place, &[&targets[0], &targets[1]]).until_it_says("nobody listens on it");
    port.listen();
    assert_eq!(waiting.ended(), 0);
    let accepting = std::net::TcpListener::from(port.socket);
    accepting.set_nonblocking(true).unwrap();
    assert_eq!(accepting.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    let said = waitfor(&place, &["-t0", &format!("listen:127.0.0.2:{}", port.number)]);
    assert_eq!(said.code, 124);
    let said = waitfor(&place, &["-t0", "--down", &targets[0]]);
    assert_eq!(
        (said.code, without_count(&said.stderr)),
        (124, format!("waitfor: {}: somebody still listens on it", targets[0]))
    );
}

#[test]
fn a_stranger_on_the_port_is_not_our_daemon() {
    let (place, port, web) = (place(), Port::listening(), web_server("HTTP/1.1 204 No Content\r\n\r\n"));
    let _socket = UnixListener::bind(place.file("s")).unwrap();
    let mut daemon = place.command("sleep").arg("60").spawn().unwrap();
    let (us, parent) = (format!("pid:{}", std::process::id()), format!("pid:{}", std::os::unix::process::parent_id()));
    let other = format!("pid:{}", daemon.id());
    let stranger = format!("a stranger answers: {} (", std::process::id());
    for target in [
        format!("127.0.0.1:{}", port.number),
        format!("listen:{}", port.number),
        format!("listen:127.0.0.1:{}", port.number),
        format!("http://127.0.0.1:{web}/"),
        "unix:s".into(),
    ] {
        for own in [&us, &parent] {
            assert_eq!(waitfor(&place, &["--by", own, &target]), silent_success(), "{target}");
        }
        let said = waitfor(&place, &["-t0", "--attempt", "10s", "--by", &other, &target]);
        assert_eq!(said.code, 124, "{target}");
        assert!(said.stderr.starts_with(&format!("waitfor: {target}: {stranger}")), "{said:?}");
        let said = waitfor(&place, &["-t0", "--attempt", "10s", "--by", "pidfile:nowhere", &target]);
        assert_eq!(without_count(&said.stderr), format!("waitfor: {target}: pidfile:nowhere is not running"));
    }
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}

#[test]
fn one_that_said_something_else_is_asked_again_before_the_attempt_is_over() {
    let place = place();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let loaded = place.file("loaded");
    // As redis: it answers at once, and keeps the connection open for more.
    let daemon = std::thread::spawn(move || {
        let mut kept = vec![];
        for mut connection in listener.incoming().flatten() {
            let answer = if loaded.exists() { "+PONG\r\n" } else { "-LOADING\r\n" };
            let _ = connection.write_all(answer.as_bytes());
            kept.push(connection);
        }
    });
    let arguments = ["--attempt", "10m", "--send", r"PING\r\n", "--expect", r"^\+PONG", &address];
    let waiting = Waiting::begin(&place, &arguments).until_it_says(r#"it says "-LOADING\r\n", which"#);
    place.write("loaded", "");
    assert_eq!(waiting.ended(), 0);
    drop(daemon);
}

#[test]
fn a_terminal_shows_what_is_awaited_and_is_left_as_it_was() {
    if !tests::needs("script", "bsdutils") {
        return;
    }
    let place = place();
    let shown = place.sh("script -qefc 'waitfor -t 1.5s file:nowhere' typescript > /dev/null; echo $?");
    assert_eq!(shown.stdout, "124\n");
    let typescript = place.content("typescript");
    let line = "\r\x1b[K\x1b[2mwaitfor: waiting for file:nowhere: No such file or directory (1.";
    let then = " s)\x1b[0m\r\x1b[Kwaitfor: file:nowhere: No such file or directory (2 tries in ";
    assert!(typescript.contains(line) && typescript.contains(then), "{typescript:?}");
    place.sh("NO_COLOR=1 script -qefc 'waitfor -t 1.5s file:nowhere' typescript > /dev/null");
    assert!(!place.content("typescript").contains("\x1b[2m"));
    place.sh("script -qefc 'waitfor -q -t 1.5s file:nowhere' typescript > /dev/null");
    assert!(!place.content("typescript").contains("\x1b"));
}

#[test]
fn a_wait_that_is_killed_leaves_no_command_behind() {
    let place = place();
    let waiting = Waiting::begin(&place, &["--attempt", "50s", "exec:echo > begun; exec sleep 60"]);
    place.wait_until("it runs", |place| place.file("begun").exists());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(waiting.child.id() as i32), nix::sys::signal::SIGKILL).unwrap();
    assert_eq!(waiting.ended(), 137);
    place.wait_until("nothing is left", |place| place.still_running().is_empty());
}

#[test]
fn one_that_talks_without_end_does_not_keep_out_the_others() {
    let place = place();
    let arguments = ["--any", "--attempt", "50s", "exec:yes", "file:f", "exec:until test -e g; do sleep 0.01; done"];
    for file in ["f", "g"] {
        let waiting = Waiting::begin(&place, &arguments).until_it_says("file:f: No such file");
        place.write(file, "");
        assert_eq!(waiting.ended(), 0);
        std::fs::remove_file(place.file(file)).unwrap();
    }
}

#[test]
fn an_abstract_socket_is_named_with_an_at_sign() {
    use std::os::linux::net::SocketAddrExt;
    let place = place();
    let name = format!("waitfor-{}", std::process::id());
    let target = format!("unix:@{name}");
    assert_eq!(waitfor(&place, &["-t0", &target]).code, 124);
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _socket = UnixListener::bind_addr(&address).unwrap();
    let us = format!("pid:{}", std::process::id());
    assert_eq!(waitfor(&place, &["--by", &us, &target]), silent_success());
}

#[test]
fn a_directory_that_may_not_be_searched_is_a_reason_and_no_failure() {
    if !tests::needs_root() || !tests::needs("setpriv", "util-linux") {
        return;
    }
    let place = place();
    // A copy, for our own directory may be closed to others, too.
    std::fs::copy(env!("CARGO_BIN_EXE_waitfor"), place.file("copy")).unwrap();
    place.says("chmod 755 . copy; mkdir -m 700 closed; echo 1 > closed/f");
    let said =
        place.sh("setpriv --reuid 65534 --clear-groups ./copy -t 50ms file:closed/f nonempty:closed/f unix:closed/f");
    assert_eq!(said.code, 124, "{said:?}");
    let lines: Vec<String> = said.stderr.lines().map(without_times).collect();
    let expected = ["file", "nonempty", "unix"].map(|kind| format!("copy: {kind}:closed/f: Permission denied"));
    let expected = expected.map(|line| line.replacen("copy", "waitfor", 1));
    assert_eq!(lines, expected, "{said:?}");
}
