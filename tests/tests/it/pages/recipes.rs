//! Every shell block of the documentation runs under `sh -eu` as printed, and prints what the page says.

use crate::common::{place, repository};
use clap::Parser;
use std::fs;
use tests::Place;
use tests::manual::examples;

struct Recipe {
    page: String,
    line: usize,
    script: String,
    prints: String,
}

/// Finds the blocks marked `sh`, each with the block marked `text` that follows at once, if one does.
fn recipes(page: &str) -> Vec<Recipe> {
    let text = fs::read_to_string(repository(page)).expect("a page");
    let mut recipes: Vec<Recipe> = Vec::new();
    let mut lines = text.lines().enumerate();
    let mut after_script = false;
    while let Some((number, line)) = lines.next() {
        if !line.starts_with("```") {
            after_script = false;
            continue;
        }
        let body: String =
            lines.by_ref().map(|(_, l)| l).take_while(|l| !l.starts_with("```")).map(|l| format!("{l}\n")).collect();
        match line {
            "```sh" => {
                recipes.push(Recipe { page: page.into(), line: number + 1, script: body, prints: String::new() })
            }
            "```text" if after_script => recipes.last_mut().expect("a script before").prints = body,
            _ => {}
        }
        after_script = line == "```sh";
    }
    recipes
}

fn prints_what_it_says(recipe: &Recipe) {
    let place = place();
    let needed = recipe.script.lines().filter_map(|line| line.strip_prefix("# needs "));
    for need in needed {
        let (program, package) = need.split_once(' ').unwrap_or((need, need));
        if !tests::needs(program, package.trim_matches(['(', ')'])) {
            return;
        }
    }
    let said = place.sh(&format!("set -eu\n{}", recipe.script));
    let at = format!("{}:{}\n{}", recipe.page, recipe.line, said.stderr);
    assert_eq!((said.stdout.as_str(), said.code), (recipe.prints.as_str(), 0), "{at}");
    place.wait_until(&format!("{at} leaves nothing running"), |place| place.still_running().is_empty());
}

#[test]
fn the_readme_does_what_it_says() {
    recipes("README.md").iter().for_each(prints_what_it_says);
}

#[test]
fn the_whole_controller_does_what_it_says() {
    recipes("docs/daemon_controller.md").iter().for_each(prints_what_it_says);
}

#[test]
fn a_restart_by_hand_does_what_the_page_says() {
    recipes("docs/replace.md").iter().for_each(prints_what_it_says);
}

#[test]
fn every_recipe_of_the_cookbook_does_what_it_says() {
    let recipes = recipes("docs/cookbook.md");
    assert!(recipes.len() >= 25, "only {} recipes", recipes.len());
    recipes.iter().for_each(prints_what_it_says);
}

/// The lines of ours in a page's tables: the first piece of code of a last column that calls one of the utilities.
fn lines_in_tables(page: &str) -> Vec<String> {
    let text = fs::read_to_string(repository(page)).expect("a page");
    let cells = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.rsplit(" | ").next());
    let code = cells.filter_map(|cell| cell.split('`').nth(1));
    let ours = ["pidfile ", "withlock ", "waitfor ", "logwatch "];
    code.filter(|code| ours.iter().any(|tool| code.starts_with(tool))).map(String::from).collect()
}

/// Fails unless the utility that the line calls takes the line's words.
fn is_taken(place: &Place, line: &str) {
    let words = place.says(&format!("words() {{ printf '%s\\0' \"$@\"; }}; words {line}"));
    let words: Vec<&str> = words.trim_end_matches('\0').split('\0').collect();
    let taken = match words[0] {
        "pidfile" => pidfile::Cli::try_parse_from(&words).map(drop),
        "withlock" => withlock::Cli::try_parse_from(&words).map(drop),
        "waitfor" => waitfor::Cli::try_parse_from(&words).map(drop),
        _ => logwatch::Cli::try_parse_from(&words).map(drop),
    };
    assert!(taken.is_ok(), "{line}: {taken:?}");
}

#[test]
fn every_line_in_a_table_of_the_cookbook_is_one_that_the_utilities_take() {
    let lines = lines_in_tables("docs/cookbook.md");
    assert!(lines.len() >= 25, "only {} lines", lines.len());
    let place = Place::bare();
    lines.iter().for_each(|line| is_taken(&place, line));
}

#[test]
fn every_example_of_a_manual_page_is_a_line_that_the_utilities_take() {
    let lines = examples::lines();
    assert!(lines.len() >= 25, "only {} lines", lines.len());
    let place = Place::bare();
    lines.iter().for_each(|line| is_taken(&place, line));
}
