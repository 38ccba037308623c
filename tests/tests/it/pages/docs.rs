//! The generated pages in docs/ are what the definitions say. `UPDATE_DOCS=1 cargo test -p tests docs::` rewrites.

use crate::common::{docs, place, repository};
use std::fs;
use std::path::PathBuf;
use tests::manual::{self, Page};
use tests::sources;

fn compared(page: &Page) -> Result<(), String> {
    let path = docs(&page.path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::create_dir_all(path.parent().expect("below docs")).expect("a directory");
        fs::write(&path, &page.content).expect("a page");
    }
    match fs::read_to_string(&path) {
        Ok(there) if there == page.content => Ok(()),
        _ => Err(page.path.clone()),
    }
}

#[test]
fn manual_pages_and_completions_are_what_the_definitions_say() {
    let outdated: Vec<_> = manual::pages().iter().filter_map(|page| compared(page).err()).collect();
    assert!(outdated.is_empty(), "outdated, rewrite with UPDATE_DOCS=1: {outdated:?}");
}

#[test]
fn no_ending_stands_twice_in_a_manual_page() {
    for page in manual::pages().iter().filter(|page| page.content.contains("EXIT STATUS")) {
        let section =
            page.content.split("EXIT STATUS").nth(1).unwrap_or_default().split(".SH").next().unwrap_or_default();
        let codes: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix(".B ")).collect();
        let once: std::collections::BTreeSet<&&str> = codes.iter().collect();
        assert!(codes.len() > 3 && once.len() == codes.len(), "{}: {codes:?}", page.path);
    }
}

#[test]
fn the_page_of_exit_codes_is_what_the_endings_say() {
    let content = format!(
        "# Exit codes\n\nOne enum in the core has them all; scripts depend on them.\n\n{}",
        manual::exit_codes()
    );
    assert_eq!(compared(&Page { path: "exit-codes.md".into(), content }), Ok(()), "rewrite with UPDATE_DOCS=1");
}

#[test]
fn no_page_is_left_of_a_verb_that_is_gone() {
    let known: Vec<_> = manual::pages().into_iter().map(|page| page.path).collect();
    for folder in ["man", "completions"] {
        for entry in fs::read_dir(docs(folder)).expect("docs") {
            let name = entry.expect("an entry").file_name().into_string().expect("a name");
            assert!(known.contains(&format!("{folder}/{name}")), "docs/{folder}/{name} belongs to nothing");
        }
    }
}

#[test]
fn all_that_a_test_needs_is_installed_by_ci() {
    let root = repository("");
    let ci = fs::read_to_string(root.join(".ci/run")).expect(".ci/run");
    let listed: Vec<&str> = ci.split_ascii_whitespace().collect();
    let mut seen = 0;
    for folder in ["pidfile/tests", "withlock/tests", "waitfor/tests", "logwatch/tests", "tests/tests"] {
        for (path, source) in sources::below(folder) {
            for call in source.split("needs(\"").skip(1) {
                let debian_package = call.split('"').nth(2).unwrap_or_default();
                assert!(listed.contains(&debian_package), "{debian_package} ({})", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "only {seen}");
}

#[test]
fn each_step_of_ci_stands_in_the_table_of_what_it_proves() {
    let ci = fs::read_to_string(repository(".ci/run")).expect(".ci/run");
    let page = fs::read_to_string(docs("reliability.md")).expect("reliability.md");
    let table = page.split("## What CI proves").nth(1).expect("the part about CI");
    let listed: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let steps: Vec<&str> = ci.lines().filter_map(|line| line.trim_start().strip_prefix("step ")).collect();
    assert!(steps.len() > 5 && steps.len() == listed.len(), "{steps:?} and {listed:?}");
    for (step, listed) in steps.iter().zip(listed) {
        assert!(step.contains(listed), "`{step}` is listed as `{listed}`");
    }
}

#[test]
fn all_that_a_recipe_needs_is_installed_by_ci() {
    let root = repository("");
    let ci = fs::read_to_string(root.join(".ci/run")).expect(".ci/run");
    // Of every Debian system.
    let listed: Vec<&str> = ci.split_ascii_whitespace().chain(["dpkg"]).collect();
    let mut seen = 0;
    for page in fs::read_dir(root.join("docs")).expect("docs").flatten() {
        let Ok(text) = fs::read_to_string(page.path()) else { continue };
        for need in text.lines().filter_map(|line| line.strip_prefix("# needs ")) {
            let debian_package = need.split(['(', ')']).nth(1).unwrap_or(need);
            assert!(listed.contains(&debian_package), "{debian_package} ({})", page.path().display());
            seen += 1;
        }
    }
    assert!(seen > 5, "only {seen}");
}

/// All Rust sources that may contain a test.
fn sources_of_tests() -> Vec<(PathBuf, String)> {
    let packages = ["pidfile", "withlock", "waitfor", "logwatch", "tests", "core"];
    packages.iter().flat_map(|package| sources::below(package)).collect()
}

/// The rows of the tables of a page, without their headings, cell by cell.
fn rows(page: &str) -> Vec<Vec<String>> {
    let page = fs::read_to_string(docs(page)).expect("a page");
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        if line.starts_with("|---") {
            rows.pop();
        } else {
            // A bar in a cell is written as `\|`.
            let cells =
                line.replace("\\|", "\0").trim_matches('|').split('|').map(|c| c.trim().replace('\0', "|")).collect();
            rows.push(cells);
        }
    }
    rows
}

#[test]
fn every_row_about_daemon_controller_names_the_tests_that_show_it() {
    let sources = sources_of_tests();
    let rows = rows("daemon_controller.md");
    assert!(rows.len() > 30, "only {} rows", rows.len());
    for row in rows {
        let tests = row.last().map(String::as_str).unwrap_or_default();
        let named: Vec<&str> = tests.split('`').filter(|word| word.contains('_')).collect();
        assert!(!named.is_empty(), "{row:?}: no test");
        for name in named {
            assert!(sources::have_function(&sources, name), "{row:?}: there is no test {name}");
        }
    }
}

#[test]
fn help_tells_the_exit_codes() {
    let place = place();
    for call in ["pidfile", "pidfile claim", "withlock", "waitfor", "logwatch"] {
        assert!(place.says(&format!("{call} --help")).contains("\nExit status:\n    0  "), "{call}");
        assert!(!place.says(&format!("{call} -h")).contains("Exit status:"), "{call}");
    }
}

#[test]
fn the_pages_about_evidence_name_tests_that_are_there() {
    let sources = sources_of_tests();
    let pages = [
        ("environments.md", 8),
        ("reliability.md", 8),
        ("security.md", 8),
        ("privileges.md", 8),
        ("supervisors.md", 3),
    ];
    for (page, at_least) in pages {
        let text = fs::read_to_string(docs(page)).expect(page);
        let is_a_name = |word: &&str| word.matches('_').count() > 2 && !word.contains(['(', '/', ' ', '='].as_slice());
        let named: Vec<&str> = text.split('`').filter(is_a_name).collect();
        assert!(named.len() >= at_least, "{page} names only {named:?}");
        for name in named {
            assert!(sources::have_function(&sources, name), "{page}: there is no test {name}");
        }
    }
}
