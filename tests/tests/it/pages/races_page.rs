//! docs/races.md: each race has an id of its own, a test that exists, and a `Reproduce` line that prints what it says.

use std::collections::BTreeSet;
use std::fs;
use tests::{Place, sources};

struct Race {
    title: String,
    entry: String,
}

impl Race {
    /// The text of one field, in one line.
    fn field(&self, name: &str) -> Option<String> {
        let after = self.entry.split(&format!("\n- **{name}**: ")).nth(1)?;
        let text = after.split("\n- **").next().unwrap_or(after).split("\n\n").next().unwrap_or(after);
        Some(text.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
    }

    fn id(&self) -> String {
        let field = self.field("Id").unwrap_or_default();
        field.trim_matches('`').to_owned()
    }
}

fn races() -> Vec<Race> {
    let page = fs::read_to_string(sources::root().join("docs/races.md")).expect("races.md");
    let entries = page.split("\n### ").skip(1);
    let races: Vec<Race> = entries
        .map(|entry| Race { title: entry.lines().next().unwrap_or_default().into(), entry: entry.into() })
        .collect();
    assert!(races.len() > 20, "only {} races", races.len());
    races
}

/// The text of each source of the product.
fn product() -> Vec<String> {
    let packages = ["core", "pidfile", "withlock", "waitfor", "logwatch"];
    packages.iter().flat_map(|package| sources::below(&format!("{package}/src"))).map(|(_, text)| text).collect()
}

/// The ids in comments of the form `Race: ID (docs/races.md)`. A comment of another form gives a text that is no id.
fn ids_in_comments() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for text in product() {
        // A comment may be broken within the form.
        let lines = text.lines().map(|line| line.trim_start().trim_start_matches(['/', '!']));
        let text = lines.collect::<Vec<_>>().join(" ").split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        for rest in text.split("Race: ").skip(1) {
            let words: Vec<&str> = rest.split(' ').take(2).collect();
            let id = if words[1..].iter().any(|word| word.starts_with("(docs/races.md)")) { words[0] } else { rest };
            ids.insert(id.chars().take(60).collect());
        }
    }
    ids
}

/// The first arguments of the calls of `listener::decision`, which make the trace.
fn ids_in_the_trace() -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for text in product() {
        // A call may be broken between its parenthesis and its argument.
        let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ").replace("( \"", "(\"");
        let arguments = text.split("decision(\"").skip(1).filter_map(|rest| rest.split('"').next());
        ids.extend(arguments.map(String::from));
    }
    ids
}

#[test]
fn every_race_has_an_id_of_its_own_in_kebab_case() {
    let mut seen = BTreeSet::new();
    for race in races() {
        let id = race.id();
        let kebab = id.split('-').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase()));
        assert!(kebab, "{}: `{id}` is no id", race.title);
        assert!(seen.insert(id.clone()), "{id} stands for two races");
    }
}

#[test]
fn the_ids_in_comments_and_in_the_trace_are_those_of_the_page() {
    let known: BTreeSet<String> = races().iter().map(Race::id).collect();
    let (in_comments, in_the_trace) = (ids_in_comments(), ids_in_the_trace());
    let unknown: Vec<_> = in_comments.union(&in_the_trace).filter(|&id| !known.contains(id)).collect();
    assert!(unknown.is_empty(), "docs/races.md has no {unknown:?}");
    // Every part of the product closes the first, and the kernel alone decides the second.
    let elsewhere = ["killed-anywhere", "listener-queue"];
    let closed = known.iter().filter(|id| !elsewhere.contains(&id.as_str()));
    let nowhere: Vec<_> = closed.filter(|&id| !in_comments.contains(id)).collect();
    assert!(nowhere.is_empty(), "no comment says where these are closed: {nowhere:?}");
}

#[test]
fn every_race_says_what_happens_what_is_done_and_which_existing_test_shows_it() {
    let tests = ["core", "pidfile", "withlock", "waitfor", "logwatch", "tests"];
    let sources: Vec<_> = tests.iter().flat_map(|package| sources::below(package)).collect();
    let races = races();
    assert!(races.len() > 20, "only {} races", races.len());
    for race in races {
        for field in ["Interleaving", "Breaks", "We", "Remains", "Test"] {
            assert!(race.field(field).is_some(), "{}: no {field}", race.title);
        }
        let tests = race.field("Test").unwrap_or_default();
        let named: Vec<&str> = tests.split('`').filter(|word| word.matches('_').count() > 2).collect();
        assert!(!named.is_empty(), "{}: no test", race.title);
        for name in named {
            assert!(sources::have_function(&sources, name), "{}: there is no test {name}", race.title);
        }
    }
}

#[test]
fn every_line_that_reproduces_a_race_prints_what_the_page_says() {
    if !tests::needs("flock", "util-linux") {
        return;
    }
    let mut tried = 0;
    for race in races() {
        let Some(line) = race.field("Reproduce") else { continue };
        let words: Vec<&str> = line.split('`').collect();
        let [_, script, " prints ", printed, ""] = words[..] else { panic!("{}: {line}", race.title) };
        let place = Place::bare();
        let said = place.sh(script);
        assert_eq!(said.stdout, format!("{printed}\n"), "{}: {}", race.title, said.stderr);
        place.wait_until(&format!("{} leaves nothing running", race.title), |place| place.still_running().is_empty());
        tried += 1;
    }
    assert!(tried >= 5, "only {tried}");
}
