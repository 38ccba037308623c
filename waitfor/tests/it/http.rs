//! `http://` and `https://`, at the prompt.

use crate::common::{place, said, waitfor};
use predicates::prelude::predicate;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Stdio;
use tests::{Port, Said, talker, web_server, web_server_of};

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
        &[&fine, "--status", "200"],
        &[&moved],
        &[&broken, "--status", "404,500-503"],
    ] {
        assert_eq!(said(&place, arguments), Said::SILENT_SUCCESS, "{arguments:?}");
    }
    for (arguments, why) in [
        (&[&*broken][..], format!("{broken}: it answers 500 Internal Server Error")),
        (&[&moved, "--status", "200"], format!("{moved}: it answers 302 Found")),
        (&[&fine, "--match", "ok"], format!("{fine}: it answers 200 OK, but /ok/ does not match the body")),
    ] {
        let said = said(&place, &[arguments, &["-t0", "--attempt", "10s"]].concat());
        assert_eq!((said.code, said.without_times()), (124, format!("waitfor: {why}")));
    }
}

#[test]
fn a_request_looks_as_it_is_asked_to() {
    let place = place();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asked = std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut room = [0; 4096];
            let length = connection.read(&mut room).unwrap_or(0);
            // Whoever only knocks says nothing.
            if length > 0 {
                connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
                return String::from_utf8_lossy(&room[..length]).into_owned();
            }
        }
        String::new()
    });
    let url = format!("http://{address}/health?deep=1");
    let arguments =
        ["--method", "POST", "--header", "Host: example.org", "--header", "X-Y:z", "--user-agent", "me", &url];
    waitfor(&place, &arguments).success().stdout("").stderr("");
    let asked = asked.join().unwrap().to_lowercase();
    assert!(asked.starts_with("post /health?deep=1 http/1.1\r\n"), "{asked}");
    for header in ["host: example.org", "x-y: z", "user-agent: me"] {
        assert_eq!(asked.lines().filter(|line| *line == header).count(), 1, "{header}: {asked}");
    }
    assert_eq!(asked.matches("\r\nhost: ").count(), 1, "{asked}");
}

#[test]
fn a_redirect_is_followed_where_that_is_asked_for() {
    let place = place();
    let there = web_server("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n");
    let moved = format!("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{there}/\r\nContent-Length: 0\r\n\r\n");
    let url = format!("http://127.0.0.1:{}/", web_server(moved.leak()));
    waitfor(&place, &[&url]).success().stdout("").stderr("");
    let said = said(&place, &["-t0", "--attempt", "10s", "--follow", &url]);
    let why = format!("waitfor: {url}: it answers 503 Service Unavailable");
    assert_eq!((said.code, said.without_times()), (124, why));
    waitfor(&place, &["--follow", "--status", "503", &url]).success().stdout("").stderr("");
}

#[test]
fn no_proxy_is_taken_from_the_environment() {
    let (place, nobody) = (place(), Port::reserved());
    let fine = web_server("HTTP/1.1 204 No Content\r\n\r\n");
    let through = format!("http://127.0.0.1:{}", nobody.number());
    let url = format!("http://127.0.0.1:{fine}/");
    let script = format!("http_proxy={through} HTTP_PROXY={through} all_proxy={through} waitfor -t0 {url}");
    place.script(&script).success().stdout("").stderr("");
    waitfor(&place, &["-t0", "--proxy", &through, &url]).code(124);
    let proxy = web_server_of(vec!["HTTP/1.1 200 Connected\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"]);
    let proxy = format!("http://127.0.0.1:{proxy}");
    let said = said(&place, &["-t0", "--attempt", "10s", "--proxy", &proxy, "http://elsewhere.invalid/"]);
    assert_eq!(said, Said::SILENT_SUCCESS);
}

#[test]
fn a_web_server_that_accepts_and_never_answers_is_not_ready() {
    let (place, port) = (place(), Port::listening());
    let url = format!("http://127.0.0.1:{}/", port.number());
    waitfor(&place, &["-t0", "--attempt", "100ms", &url])
        .code(124)
        .stderr(predicate::str::starts_with(format!("waitfor: {url}: it accepts, but does not answer ")));
}

#[test]
fn what_is_no_http_is_not_ready() {
    let place = place();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://127.0.0.1:{}/", talker(b"220 mail.example.org ESMTP\r\n", true));
        let said = said(&place, &["-t0", "--attempt", "10s", &url]);
        assert_eq!((said.code, said.stderr.lines().count()), (124, 1), "{said:?}");
    }
}

#[test]
fn a_certificate_counts_if_it_is_trusted() {
    if !tests::needs("openssl", "openssl") {
        return;
    }
    let place = place();
    let port = tests::free_port();
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
    waitfor(&place, &["--insecure", &url]).success().stdout("").stderr("");
    waitfor(&place, &["--cacert", "c", &url]).success().stdout("").stderr("");
    waitfor(&place, &["-t0", "--attempt", "10s", &url]).code(124).stderr(predicate::str::starts_with(format!(
        "waitfor: {url}: its certificate is not signed by a trusted authority "
    )));
    waitfor(&place, &["--cacert", "k", &url]).code(125).stderr("waitfor: read k: there is no PEM certificate in it\n");
    waitfor(&place, &["--cacert", "nowhere", &url])
        .code(125)
        .stderr("waitfor: open nowhere: No such file or directory\n");
    server.kill().unwrap();
    server.wait().unwrap();
}
