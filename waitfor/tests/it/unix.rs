//! `unix:`, at the prompt.

use crate::common::{place, waitfor, waiting_for};
use std::os::unix::net::UnixListener;

#[test]
fn a_unix_socket_is_awaited_until_it_listens() {
    let place = place();
    let waiting = waiting_for(&place, &["unix:run/d/s"]).until_it_says("No such file or directory");
    std::fs::create_dir_all(place.file("run/d")).unwrap();
    let _socket = UnixListener::bind(place.file("run/d/s")).unwrap();
    assert_eq!(waiting.ended(), 0);
}

#[test]
fn a_stale_unix_socket_is_not_ready() {
    let place = place();
    drop(UnixListener::bind(place.file("s")).unwrap());
    let waiting = waiting_for(&place, &["unix:s"]).until_it_says("Connection refused");
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
    waitfor(&place, &[&format!("unix:{deep}s")]).success().stdout("").stderr("");
}

#[test]
fn an_abstract_socket_is_named_with_an_at_sign() {
    use std::os::linux::net::SocketAddrExt;
    let place = place();
    let name = format!("waitfor-{}", std::process::id());
    let target = format!("unix:@{name}");
    waitfor(&place, &["-t0", &target]).code(124);
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let _socket = UnixListener::bind_addr(&address).unwrap();
    let us = format!("pid:{}", std::process::id());
    waitfor(&place, &["--by", &us, &target]).success().stdout("").stderr("");
}
