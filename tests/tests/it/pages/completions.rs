//! The completions, loaded by the shells they are for, and asked as by a user who presses Tab.

use crate::common::{docs, place};
use std::path::PathBuf;
use tests::{Terminal, needs};

fn completions(of: &str) -> PathBuf {
    let path = docs("completions").join(of);
    path.canonicalize().expect("a file of completions")
}

/// What a line that ends here may go on with; among others.
const CASES: [(&str, &str, &str); 6] = [
    ("pidfile", "pidfile cl", "claim"),
    ("pidfile", "pidfile claim --ba", "--background"),
    ("pidfile", "pidfile stop --kill-a", "--kill-after"),
    ("withlock", "withlock --non", "--nonblock"),
    ("waitfor", "waitfor --whi", "--while"),
    ("logwatch", "logwatch --no-f", "--no-follow"),
];

#[test]
fn bash_completes() {
    if !needs("bash", "bash") {
        return;
    }
    let place = place();
    for (tool, line, expected) in CASES {
        let script = completions(&format!("{tool}.bash"));
        // As bash does it: the words, the one under the cursor, and the one before it.
        place.write(
            "press-tab",
            format!(
                "set -eu; . {}; read -ra COMP_WORDS <<< '{line}'; COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
                 function=$(complete -p {tool} | sed 's/.*-F \\([^ ]*\\).*/\\1/')
                 $function {tool} \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD - 1]}}\" || true
                 printf '%s\\n' \"${{COMPREPLY[@]}}\"",
                script.display()
            ),
        );
        let said = place.says("bash press-tab");
        assert!(said.lines().any(|offer| offer == expected), "{line}: {said}");
    }
}

#[test]
fn fish_completes() {
    if !needs("fish", "fish") {
        return;
    }
    let place = place();
    for (tool, line, expected) in CASES {
        let script = completions(&format!("{tool}.fish"));
        let said =
            place.says(&format!("HOME=$PWD fish --no-config -c 'source {}; complete -C \"{line}\"'", script.display()));
        let offered = said.lines().any(|offer| offer.split('\t').next() == Some(expected));
        assert!(offered, "{line}: {said}");
    }
}

/// zsh completes at a terminal only.
#[test]
fn zsh_completes() {
    if !needs("zsh", "zsh") {
        return;
    }
    let place = place();
    std::fs::create_dir(place.file("functions")).expect("a directory in our own");
    for tool in ["pidfile", "withlock", "waitfor", "logwatch"] {
        let link = place.file(&format!("functions/_{tool}"));
        std::os::unix::fs::symlink(completions(&format!("{tool}.zsh")), link).expect("a link in our own directory");
    }
    let mut zsh = place.command("zsh");
    zsh.args(["-f", "-i"]).env("HOME", place.path()).env("TERM", "dumb").env("PS1", "at-the-prompt ");
    let mut terminal = Terminal::of(zsh);
    place.wait_until("zsh is there", |_| terminal.shows().contains("at-the-prompt"));
    terminal.types("fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -D; echo load''ed\n");
    place.wait_until("the completions are loaded", |_| terminal.shows().contains("loaded"));
    for (_, line, expected) in CASES {
        let before = terminal.shows().len();
        terminal.types(&format!("{line}\t"));
        // It shows what was typed, and puts the rest behind it.
        let rest = &expected[line.rsplit(' ').next().expect("a word").len()..];
        let whole = format!("{line}{rest}");
        place.wait_until(&format!("zsh completes {line}"), |_| terminal.shows()[before..].contains(&whole));
        terminal.types("\u{15}");
    }
}
