//! `http://` and `https://` with servers that people have: openssl, python, nginx, nghttpd.

use crate::common::{place, said, waitfor};
use predicates::prelude::predicate;
use tests::{Place, free_port};

/// Starts a server in the place. It ends with the place.
fn serve(place: &Place, line: &str) {
    place.says(&format!("{line} > server 2>&1 < /dev/null &"));
}

/// A server of python's http.server, whose handler has this body for `do_GET`; `once`: for one connection only.
fn python(place: &Place, do_get: &str, once: bool) -> u16 {
    let port = free_port();
    let (server, serve_how) =
        if once { ("HTTPServer", "handle_request") } else { ("ThreadingHTTPServer", "serve_forever") };
    let body = do_get.replace('\n', "\n        ");
    place.write(
        "server.py",
        format!(
            "import base64, http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def say(self, status, text=b'', headers=()):
        self.send_response(status)
        for name, value in headers: self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text)
    def do_GET(self):
        {body}
server = http.server.{server}(('127.0.0.1', {port}), Handler)
server.{serve_how}()
server.server_close()
"
        ),
    );
    serve(place, "python3 server.py");
    port
}

/// A certificate `c` with its key `k`, and the server that has it.
fn openssl(place: &Place, certificate: &str, server: &str) -> u16 {
    place.says(&format!("openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c {certificate} 2>/dev/null"));
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    serve(place, &format!("openssl s_server -quiet -www -key k -cert c -accept {address} {server}"));
    waitfor(place, &[&format!("listen:{port}")]).success();
    port
}

#[test]
fn a_certificate_given_as_it_is_is_trusted_for_its_name_as_curl_trusts_it() {
    if !tests::needs("openssl", "openssl") || !tests::needs("curl", "curl") {
        return;
    }
    for (certificate, name, is_ready) in [
        // As people make it: an authority's, by default.
        ("-subj /CN=localhost -addext subjectAltName=DNS:localhost", "localhost", true),
        (
            "-subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE",
            "localhost",
            true,
        ),
        // No alternative name at all.
        ("-subj /CN=localhost", "localhost", true),
        ("-subj /CN=example.org", "localhost", false),
        ("-subj /CN=localhost -addext subjectAltName=DNS:example.org", "localhost", false),
        ("-subj /CN=x -addext subjectAltName=IP:127.0.0.1", "127.0.0.1", true),
    ] {
        let place = place();
        let url = format!("https://{name}:{}/", openssl(&place, certificate, ""));
        let curl = place.sh(&format!("curl -s -o /dev/null -w '%{{http_code}}' --cacert c {url}"));
        assert_eq!(curl.stdout == "200", is_ready, "{certificate}: {curl:?}");
        let said = said(&place, &["-t0", "--attempt", "10s", "--cacert", "c", &url]);
        assert_eq!(said.code, if is_ready { 0 } else { 124 }, "{certificate}: {said:?}");
        if !is_ready {
            assert!(
                said.stderr.contains(": its certificate is for ") && said.stderr.contains(", not for "),
                "{said:?}"
            );
        }
    }
}

#[test]
fn why_a_certificate_is_not_trusted_is_said_in_words_and_once() {
    if !tests::needs("openssl", "openssl") {
        return;
    }
    let named = "-subj /CN=localhost -addext subjectAltName=DNS:localhost";
    let leaf = format!("{named} -addext basicConstraints=critical,CA:FALSE");
    let expired = "openssl req -new -key k -out r -subj /CN=localhost; printf 'basicConstraints=CA:TRUE\nsubjectAltName=DNS:localhost\n' > ext; \
         openssl x509 -req -in r -signkey k -days -1 -extfile ext -out e";
    for (certificate, server, trusted, reason) in [
        (&*leaf, "", "other", "is not signed by a trusted authority (give that authority's by --cacert)"),
        (named, "", "other", "is that of an authority (to trust it as it is, give it by --cacert)"),
        (named, "-cert e -key k.e", "e", "has expired"),
    ] {
        let place = place();
        place.says("openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out other -subj /CN=other 2>/dev/null");
        place.says(&format!("({expired}) 2>/dev/null; mv k k.e"));
        let url = format!("https://localhost:{}/", openssl(&place, certificate, server));
        let said = said(&place, &["-t", "300ms", "--cacert", trusted, &url]);
        assert_eq!((said.code, said.without_times()), (124, format!("waitfor: {url}: its certificate {reason}")));
    }
}

#[test]
fn a_server_that_wants_a_certificate_gets_it() {
    if !tests::needs("openssl", "openssl") {
        return;
    }
    let place = place();
    let named = "-subj /CN=localhost -addext subjectAltName=DNS:localhost";
    let port = openssl(&place, named, "-Verify 1 -verify_return_error -CAfile c");
    let url = format!("https://localhost:{port}/");
    waitfor(&place, &["--cacert", "c", "--cert", "c", "--key", "k", &url]).success().stderr("");
    place.says("cat k c > both.pem");
    waitfor(&place, &["--cacert", "c", "--cert", "both.pem", &url]).success().stderr("");
    waitfor(&place, &["-t0", "--attempt", "10s", "--cacert", "c", &url])
        .code(124)
        .stderr(predicate::str::contains(": it wants a client certificate that it trusts (see --cert)"));
    waitfor(&place, &["--cert", "c", &url]).code(125).stderr("waitfor: read c: there is no PEM private key in it\n");
}

#[test]
fn a_server_of_http2_only_is_ready_when_it_answers() {
    if !tests::needs("nghttpd", "nghttp2-server") || !tests::needs("openssl", "openssl") {
        return;
    }
    let place = place();
    place.says(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost 2>/dev/null; mkdir www; echo healthy > www/health",
    );
    let (clear, tls) = (free_port(), free_port());
    serve(&place, &format!("nghttpd --no-tls -a 127.0.0.1 -d www {clear}"));
    serve(&place, &format!("nghttpd -a 127.0.0.1 -d www {tls} k c"));
    for (url, trust) in
        [(format!("http://localhost:{clear}"), &[][..]), (format!("https://localhost:{tls}"), &["--cacert", "c"])]
    {
        let health = format!("{url}/health");
        waitfor(&place, &[trust, &["--match", "^healthy\n$", &health]].concat()).success().stderr("");
        waitfor(&place, &[trust, &["--stable", "300ms", &health]].concat()).success().stderr("");
        let missing = format!("{url}/nowhere");
        waitfor(&place, &[trust, &["--status", "404", &missing]].concat()).success().stderr("");
        let said = said(&place, &[trust, &["-t0", "--attempt", "10s", &missing]].concat());
        assert_eq!((said.code, said.without_times()), (124, format!("waitfor: {missing}: it answers 404 Not Found")));
    }
}

#[test]
fn the_request_is_the_first_connection_of_the_server() {
    if !tests::needs("python3", "python3") {
        return;
    }
    let place = place();
    let port = python(&place, "self.say(200, b'ok')", true);
    waitfor(&place, &[&format!("listen:{port}")]).success();
    waitfor(&place, &["-t0", "--attempt", "20s", &format!("http://127.0.0.1:{port}/")]).success().stderr("");
    waitfor(&place, &["--down", &format!("listen:{port}")]).success();
    // One request, and no line about a connection without one.
    let log = place.content("server");
    assert_eq!((log.lines().count(), log.contains("\"GET / HTTP/1.1\" 200")), (1, true), "{log}");
}

#[test]
fn a_body_is_judged_as_it_arrives() {
    if !tests::needs("python3", "python3") {
        return;
    }
    let place = place();
    let stream = "self.say(200, b'data: starting\\n\\n')\ntime.sleep(0.05)\nself.wfile.write(b'data: ready\\n\\n')\ntime.sleep(60)";
    let port = python(&place, stream, false);
    let url = format!("http://127.0.0.1:{port}/");
    waitfor(&place, &["--attempt", "30s", "--match", "ready", &url]).success().stderr("");
    let said = said(&place, &["-t0", "--attempt", "1s", "--match", "never", &url]);
    let why = format!("waitfor: {url}: it answers 200 OK, but then: no end within the attempt");
    assert_eq!((said.code, said.without_times()), (124, why));
}

#[test]
fn a_page_that_says_not_yet_with_200_is_not_ready() {
    if !tests::needs("python3", "python3") {
        return;
    }
    let place = place();
    let page = "Handler.n = getattr(Handler, 'n', 0) + 1\nself.say(200, b'{\"status\": \"%s\"}' % (b'starting' if Handler.n < 3 else b'up'))";
    let url = format!("http://127.0.0.1:{}/", python(&place, page, false));
    let said = said(&place, &["-v", "--not-match", "\"status\": *\"starting\"", &url]);
    let why = format!("{url}: it answers 200 OK, but /\"status\": *\"starting\"/ matches the body");
    assert!(said.code == 0 && said.stderr.contains(&why), "{said:?}");
    waitfor(&place, &["-t0", "--attempt", "10s", "--not-match", "up", &url]).code(124);
    waitfor(&place, &["--match", "status", "--not-match", "starting", &url]).success();
}

#[test]
fn a_password_in_a_url_reaches_the_server_and_nobody_else() {
    if !tests::needs("python3", "python3") {
        return;
    }
    let place = place();
    let page = "right = base64.b64encode(b'me:p@ss/w:rd').decode()\n\
                given = self.headers.get('Authorization')\n\
                self.say(200 if given == 'Basic ' + right else 401)";
    let port = python(&place, page, false);
    let (right, wrong) =
        (format!("http://me:p%40ss%2Fw%3Ard@127.0.0.1:{port}/"), format!("http://me:wrong@127.0.0.1:{port}/"));
    let said_of = |arguments: &[&str]| said(&place, arguments);
    let ready = said_of(&["-v", &right]);
    assert_eq!(ready.code, 0, "{ready:?}");
    let refused = said_of(&["-v", "-t0", "--attempt", "10s", &wrong]);
    assert!(
        refused.code == 124 && refused.stderr.contains(&format!("http://me:***@127.0.0.1:{port}/: it answers 401")),
        "{refused:?}"
    );
    let misspelt = said_of(&["http://me:secret@127.0.0.1:99999/"]);
    let meant = said_of(&["http://me:secret@127.0.0.1:1/", "echo"]);
    assert_eq!((misspelt.code, meant.code), (64, 64));
    for said in [ready, refused, misspelt, meant] {
        assert!(!["p%40ss", "p@ss", "wrong", "secret"].iter().any(|word| said.stderr.contains(word)), "{said:?}");
    }
}

#[test]
fn nginx_is_ready_over_http_and_https() {
    if !tests::needs("nginx", "nginx-light") || !tests::needs("openssl", "openssl") {
        return;
    }
    let place = place();
    place.says(
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=localhost \
         -addext subjectAltName=DNS:localhost 2>/dev/null",
    );
    let (clear, tls) = (free_port(), free_port());
    let here = place.path().display().to_string();
    place.write(
        "conf",
        format!(
            "daemon off; pid {here}/pid; error_log {here}/error;\nevents {{}}\nhttp {{ access_log {here}/access;\n\
             server {{ listen 127.0.0.1:{clear}; listen 127.0.0.1:{tls} ssl http2; ssl_certificate {here}/c;\n\
             ssl_certificate_key {here}/k; location / {{ return 200 'fine'; }} location /moved {{ return 301 /; }} }} }}\n"
        ),
    );
    serve(&place, &format!("nginx -c {here}/conf -e {here}/error -p {here}"));
    let (http, https) = (format!("http://localhost:{clear}/"), format!("https://localhost:{tls}/"));
    waitfor(&place, &["--cacert", "c", "--match", "^fine$", &http, &https]).success().stderr("");
    let moved = format!("{https}moved");
    waitfor(&place, &["--cacert", "c", "--status", "301", &moved]).success().stderr("");
    waitfor(&place, &["--cacert", "c", "--follow", "--status", "200", &moved]).success().stderr("");
    // No connection came without a request.
    let access = place.content("access");
    assert!(access.lines().all(|line| line.contains("\"GET ")), "{access}");
}

#[test]
fn json_says_what_came_of_each_target() {
    let place = place();
    place.write("there", "");
    let said = said(&place, &["--json", "-t", "50ms", "file:there", "file:nowhere"]);
    assert_eq!(said.code, 124);
    // How often it was tried in this time, the machine decides.
    let tries = regex::Regex::new(r#""ready":false,"tries":[1-9][0-9]*,"#).unwrap();
    let stdout = tries.replace(&said.stdout, r#""ready":false,"tries":N,"#);
    let lines: Vec<&str> = stdout.lines().collect();
    let starts = [
        r#"{"target":"file:there","ready":true,"tries":1,"reason":"it is there","ms":"#,
        r#"{"target":"file:nowhere","ready":false,"tries":N,"reason":"No such file or directory","ms":"#,
    ];
    assert_eq!(lines.len(), 2, "{said:?}");
    assert!(lines.iter().zip(starts).all(|(line, start)| line.starts_with(start) && line.ends_with('}')), "{said:?}");
    let ready = crate::common::said(&place, &["--json", "file:there"]);
    assert!(ready.code == 0 && ready.stdout.starts_with(starts[0]), "{ready:?}");
}
