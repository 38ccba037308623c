//! What holds for every page: it uses the words of docs/glossary.md, and its links lead to files. And for every doc comment:
//! it begins with a sentence that can be read alone.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use tests::sources;

/// Words for which the glossary has another one.
const OTHER_WORDS: [&str; 10] =
    ["ticket", "newcomer", "newcomers", "vouches", "vouch for", "heed", "obituary", "errand", "omen", "contender"];

fn pages() -> Vec<(PathBuf, String)> {
    let root = sources::root();
    let docs = fs::read_dir(root.join("docs")).expect("docs").flatten().map(|entry| entry.path());
    let all = docs.chain(["README.md", "CONTRIBUTING.md"].map(|name| root.join(name)));
    let pages = all.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| (path.clone(), fs::read_to_string(path).expect("a page"))).collect()
}

/// The text of a page without its code, in which the name of a test may contain any word.
fn prose(page: &str) -> String {
    let outside_blocks = page.split("```").step_by(2);
    outside_blocks.flat_map(|part| part.split('`').step_by(2)).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_glossary_defines_each_word_once() {
    let page = fs::read_to_string(sources::root().join("docs/glossary.md")).expect("the glossary");
    let words: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("**")?.split_once("**: ")).map(|w| w.0).collect();
    assert!(words.len() > 40, "only {words:?}");
    let mut seen = BTreeSet::new();
    for word in &words {
        assert!(seen.insert(word), "{word} is defined twice");
    }
    for word in ["claim", "claimant", "vouched", "stale", "orphaned", "successor", "restart lock", "byte lock", "pin"] {
        assert!(seen.contains(&word), "{word} is not defined");
    }
}

#[test]
fn the_pages_use_the_words_of_the_glossary() {
    let mut found = Vec::new();
    for (path, page) in pages() {
        let text = prose(&page).to_lowercase();
        let words: Vec<&str> = text.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
        let text = format!(" {} ", words.join(" "));
        let others = OTHER_WORDS.iter().filter(|word| text.contains(&format!(" {word} ")));
        found.extend(others.map(|word| format!("{}: {word}", path.display())));
    }
    assert!(found.is_empty(), "{found:?}");
}

/// The targets of a page's links, without those to other hosts and those within the page.
fn links(page: &str) -> Vec<&str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    files.map(|target| target.split('#').next().unwrap_or(target)).collect()
}

#[test]
fn every_link_of_a_page_leads_to_a_file() {
    let mut seen = 0;
    for (path, page) in pages() {
        for link in links(&page) {
            let target = path.parent().expect("a folder").join(link);
            assert!(target.exists(), "{}: {link} is not there", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen}");
}

/// Beginnings of a sentence that needs the line above it.
const NEEDS_THE_LINE_ABOVE: [&str; 6] = ["The same", "Neither", "And", "Likewise", "As above", "Nor"];

/// The first lines of the doc comments of a source.
fn beginnings(source: &str) -> impl Iterator<Item = &str> {
    let is_comment = |line: &str| line.starts_with("///") || line.starts_with("//!");
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    let begins = move |at: usize| is_comment(lines[at]) && (at == 0 || !is_comment(lines[at - 1]));
    source.lines().enumerate().filter(move |(at, _)| begins(*at)).map(|(_, line)| line.trim_start())
}

#[test]
fn no_doc_comment_begins_with_words_that_need_the_line_above() {
    let packages = ["core", "pidfile", "withlock", "waitfor", "logwatch", "model", "tests"];
    let (mut found, mut seen) = (Vec::new(), 0);
    for (path, source) in packages.iter().flat_map(|package| sources::below(&format!("{package}/src"))) {
        for line in beginnings(&source) {
            seen += 1;
            let text = line[3..].trim_start();
            let needs =
                |start: &str| text.strip_prefix(start).is_some_and(|rest| !rest.starts_with(char::is_alphabetic));
            if NEEDS_THE_LINE_ABOVE.iter().any(|start| needs(start)) {
                found.push(format!("{}: {text}", path.display()));
            }
        }
    }
    assert!(seen > 500, "only {seen}");
    assert!(found.is_empty(), "{found:#?}");
}
