//! The tutorials of docs/examples do with real daemons what they say.

use crate::common::{self, docs};
use tests::{Place, free_port, needs};

fn place() -> Place {
    let place = common::place();
    place.says(&format!("cp -p {}/* .", docs("examples").display()));
    place
}

#[test]
fn a_site_is_tested_under_apache_in_each_of_several_configurations() {
    if !needs("apache2", "apache2") || !needs("curl", "curl") {
        return;
    }
    let place = place();
    let said =
        place.sh(&format!("mkdir scratch; TMPDIR=$PWD/scratch PORT={} sh ./apache; echo $?; ls scratch", free_port()));
    let configurations =
        ["plain, event", "plain, worker", "plain, prefork", "with a header", "with a password", "redirected"];
    let told: String = configurations.iter().map(|configuration| format!("{configuration}: ok\n")).collect();
    let expected = told + "a wrong configuration: refused, and the error is shown\n0\n";
    assert_eq!(said.stdout, expected, "{said:?}");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn apache_tested_on_a_port_that_another_has_is_an_error_and_leaves_nothing() {
    if !needs("apache2", "apache2") || !needs("curl", "curl") {
        return;
    }
    let place = place();
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = stranger.local_addr().expect("its number").port();
    let said = place.sh(&format!("mkdir scratch; TMPDIR=$PWD/scratch PORT={port} sh ./apache; echo $?; ls scratch"));
    assert!(["1\n", "3\n"].contains(&said.stdout.as_str()), "{said:?}");
    assert!(said.stderr.contains("Address already in use"), "{said:?}");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

fn sphinx() -> Option<Place> {
    if !needs("searchd", "sphinxsearch") || !needs("mysql", "mariadb-client-core") {
        return None;
    }
    let place = place();
    place.write("texts.tsv", "1\tthe quick brown fox\n2\tjumps over\n3\tthe lazy dog\n");
    place.write("env", format!("export DIR=$PWD PORT={}\n", free_port()));
    Some(place)
}

#[test]
fn whoever_searches_first_makes_the_index_and_starts_searchd_and_all_find() {
    let Some(place) = sphinx() else { return };
    let said = place.sh(". ./env; for i in 1 2 3 4 5 6 7 8 9 10; do (./search the | tr '\\n' ' ' >found.$i; echo $? >>codes) & done; wait; cat found.*");
    assert_eq!(said.stdout, "1 3 ".repeat(10), "{said:?}");
    for made in ["/sphinx.conf\n", "making the index\n"] {
        assert_eq!(said.stderr.matches(made).count(), 1, "{said:?}");
    }
    assert_eq!(place.still_running().iter().filter(|line| line.starts_with("searchd ")).count(), 1);
    assert_eq!(place.says(". ./env; ./search dog; ./search cat; ./searchd stop"), "3\n");
    assert_eq!(place.still_running(), Vec::<String>::new());
}

#[test]
fn a_searchd_that_was_killed_is_started_again_by_the_next_search() {
    let Some(place) = sphinx() else { return };
    let said = place.sh(". ./env; ./search the; pidfile signal KILL searchd.pid; waitfor --down pidfile:searchd.pid; ./searchd status >/dev/null; echo $?; ./search fox; ./searchd stop");
    assert_eq!(said.stdout, "1\n3\n1\n1\n", "{said:?}");
    assert_eq!(said.stderr.matches("making the index").count(), 1, "{said:?}");
}

#[test]
fn an_index_that_cannot_be_made_is_told_to_the_one_who_searches() {
    let Some(place) = sphinx() else { return };
    let said = place
        .sh(". ./env; echo nonsense >sphinx.conf; ./search the; echo $?; rm sphinx.conf; ./search the; ./searchd stop");
    assert_eq!(said.stdout, "1\n1\n3\n", "{said:?}");
    assert!(
        said.stderr.contains("FATAL: no indexes found in config file")
            && said.stderr.contains("searchd: before_start failed"),
        "{said:?}"
    );
}
