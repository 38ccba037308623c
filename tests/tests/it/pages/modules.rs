//! The modules of the product, read from their sources: no import circle, and in the core no import of a higher layer.

use crate::common::repository;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tests::sources;

/// The rooms of the core. Each uses only itself, its neighbours in the same row and what stands in a row before.
const LAYERS: &[&[&str]] = &[
    &["error", "listener", "pid", "signal", "text"],
    &["sys"],
    &["open"],
    &["event"],
    &["process"],
    &["lock"],
    &["claim"],
    &["cli", "library"],
];

const PACKAGES: [&str; 6] = ["core", "pidfile", "withlock", "waitfor", "logwatch", "model"];

/// Each module with the modules that it names. A module is a path such as `claim::guard`; `lib.rs` is the empty path.
type Imports = BTreeMap<String, BTreeSet<String>>;

/// The code of a source: without comments, string literals and tests.
fn code(source: &str) -> String {
    let product = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = product.lines().map(|line| line.split("//").next().unwrap_or_default());
    let joined = lines.collect::<Vec<_>>().join("\n");
    joined.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

/// The module that a file holds.
fn module(folder: &Path, file: &Path) -> String {
    let inner = file.strip_prefix(folder).expect("a file below the folder").with_extension("");
    let words: Vec<_> = inner.iter().map(|word| word.to_string_lossy()).collect();
    let module = words.join("::");
    match module.as_str() {
        "lib" | "main" => String::new(),
        _ => module.trim_end_matches("::mod").to_owned(),
    }
}

/// Every path of a `use` tree: `a::{b, c::d}` gives `a::b` and `a::c::d`.
fn paths(tree: &str) -> Vec<String> {
    let Some((before, inner)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap_or_default().trim().to_owned()];
    };
    let inner = inner.trim().trim_end_matches('}');
    let (mut parts, mut depth, mut start) = (vec![], 0, 0);
    for (at, character) in inner.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inner[start..]);
    let whole = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    whole.flat_map(paths).map(|path| format!("{}{path}", before.trim())).collect()
}

/// Every path that code names and that begins at the crate's root, at the module itself or at the module above it.
fn named(code: &str, within: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (start, _) in
        code.match_indices("crate::").chain(code.match_indices("super::")).chain(code.match_indices("self::"))
    {
        let begins = code[..start].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !"_:$".contains(c));
        let statement = code[..start].rsplit([';', '{', '}']).next().unwrap_or_default();
        let is_use = statement.split_whitespace().last() == Some("use");
        let end = |c: char| if is_use { c == ';' } else { !c.is_alphanumeric() && !"_:".contains(c) };
        let path = code[start..].split(end).next().unwrap_or_default();
        if begins {
            all.extend(paths(path).iter().map(|path| absolute(path, within)));
        }
    }
    all
}

/// The path from the crate's root on.
fn absolute(path: &str, within: &str) -> String {
    if let Some(inner) = path.strip_prefix("crate::") {
        return inner.to_owned();
    }
    let mut base = within.to_owned();
    let mut rest = path.strip_prefix("self::").unwrap_or(path);
    while let Some(inner) = rest.strip_prefix("super::") {
        base = base.rsplit_once("::").map_or_else(String::new, |(above, _)| above.to_owned());
        rest = inner;
    }
    format!("{base}::{rest}").trim_start_matches("::").to_owned()
}

/// Whether code names a module that is declared in its own by that module's name alone: `child::Item`.
fn is_named_as_a_child(code: &str, within: &str, module: &str) -> bool {
    let child = match within {
        "" => module,
        _ => module.strip_prefix(within).and_then(|rest| rest.strip_prefix("::")).unwrap_or_default(),
    };
    let begins = |at: usize| code[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && !"_:".contains(c));
    !child.is_empty() && !child.contains("::") && code.match_indices(&format!("{child}::")).any(|(at, _)| begins(at))
}

fn imports(package: &str) -> Imports {
    let folder = repository(package).join("src");
    let files = sources::below(&format!("{package}/src"));
    let files = files.iter().filter(|(path, _)| {
        !path.ends_with("tests.rs") && !path.ends_with("properties.rs") && !path.ends_with("fuzzed.rs")
    });
    let codes: BTreeMap<String, String> = files
        .map(|(path, source)| (module(&folder, path), code(source)))
        .filter(|(_, code)| !code.is_empty())
        .collect();
    let module_of = |path: &str| {
        let mut path = path.to_owned();
        while !codes.contains_key(&path) {
            path = path.rsplit_once("::").map_or_else(String::new, |(above, _)| above.to_owned());
        }
        path
    };
    let mut imports = Imports::new();
    for (module, code) in &codes {
        let mut used: BTreeSet<String> = named(code, module).iter().map(|path| module_of(path)).collect();
        used.extend(codes.keys().filter(|other| is_named_as_a_child(code, module, other)).cloned());
        used.remove(module);
        imports.insert(module.clone(), used);
    }
    imports
}

/// The modules that reach themselves by their imports, each group once.
fn circles(imports: &Imports) -> Vec<BTreeSet<&str>> {
    let reach = |from: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(module) = next.pop() {
            for used in imports.get(&module).into_iter().flatten() {
                if seen.insert(used.clone()) {
                    next.push(used.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&str, BTreeSet<String>> = imports.keys().map(|m| (m.as_str(), reach(m))).collect();
    let mut circles: Vec<BTreeSet<&str>> = Vec::new();
    for (&module, from_it) in &reached {
        if from_it.contains(module) && !circles.iter().any(|circle| circle.contains(module)) {
            circles.push(
                reached.keys().copied().filter(|&m| from_it.contains(m) && reached[m].contains(module)).collect(),
            );
        }
    }
    circles
}

#[test]
fn no_module_of_the_product_reaches_itself_by_its_imports() {
    let mut found = Vec::new();
    for package in PACKAGES {
        let imports = imports(package);
        assert!(imports.len() > 2 && imports.values().any(|used| !used.is_empty()), "{package}: {imports:?}");
        found.extend(circles(&imports).into_iter().map(|circle| format!("{package}: {circle:?}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_room_of_the_core_uses_a_room_of_a_higher_layer() {
    let layer = |module: &str| {
        let room = module.split("::").next().unwrap_or_default();
        LAYERS.iter().position(|rooms| rooms.contains(&room))
    };
    let mut up = Vec::new();
    for (module, used) in imports("core") {
        if module.is_empty() {
            continue;
        }
        let from = layer(&module).unwrap_or_else(|| panic!("{module} is in no layer"));
        for used in used {
            if layer(&used).is_none_or(|to| to > from) {
                up.push(format!("{module} uses {used}"));
            }
        }
    }
    assert!(up.is_empty(), "{}", up.join("\n"));
}

#[test]
fn only_the_room_cli_of_the_core_knows_clap() {
    for (path, source) in sources::below("core/src") {
        let in_cli = path.to_string_lossy().contains("/core/src/cli/");
        assert!(in_cli || !code(&source).contains("clap"), "{} uses clap", path.display());
    }
}

#[test]
fn only_one_module_names_rustix() {
    let others = PACKAGES.into_iter().chain(["tests"]).filter(|&package| package != "core");
    let manifests = others.map(|package| (repository(package).join("Cargo.toml"), "rustix"));
    let sources = sources::below("core/src").into_iter().map(|(path, _)| (path, "rustix::"));
    let is_held = |path: &Path| !path.ends_with("core/src/sys/beyond_nix.rs");
    for (path, word) in manifests.chain(sources).filter(|(path, _)| is_held(path)) {
        let text = std::fs::read_to_string(&path).expect("a file of the workspace");
        let named = text.lines().any(|line| line.split("//").next().is_some_and(|code| code.contains(word)));
        assert!(!named, "{} names rustix", path.display());
    }
}

#[test]
fn circles_and_paths_are_found_in_any_way_of_writing_them() {
    assert_eq!(paths("crate::{a, b::{c, d as e}}"), ["crate::a", "crate::b::c", "crate::b::d"]);
    assert_eq!(named("use super::x;\nlet y = crate::z::f();\npub(crate) fn g() {}", "a::b"), ["z::f", "a::x"]);
    let imports: Imports = [("a", vec!["b"]), ("b", vec!["c"]), ("c", vec!["b"]), ("d", vec![])]
        .map(|(module, used)| (module.to_owned(), used.into_iter().map(String::from).collect()))
        .into();
    assert_eq!(circles(&imports), [BTreeSet::from(["b", "c"])]);
    assert!(!code("// crate::a\nlet s = \"crate::b\";").contains("crate::"));
}
