//! Manual pages and completions, made from the utilities' definitions. `docs/` holds them as files; a test compares.

pub mod examples;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;
use racefree::cli::exit::{Ending, Exit, OF_A_COMMAND, OF_ALL};

/// A generated file: its path below `docs/`, and its content.
#[derive(Clone, Debug)]
pub struct Page {
    /// Such as `man/withlock.1`.
    pub path: String,
    /// What belongs there.
    pub content: String,
}

struct Utility {
    command: clap::Command,
    endings: &'static [Ending],
}

/// The day of the last change of substance to the interface; a page's date is not the day of its build.
const DATE: &str = "2026-11-21";

fn utilities() -> Vec<Utility> {
    vec![
        Utility { command: pidfile::Cli::command(), endings: pidfile::ENDINGS },
        Utility { command: withlock::Cli::command(), endings: withlock::ENDINGS },
        Utility { command: waitfor::Cli::command(), endings: waitfor::ENDINGS },
        Utility { command: logwatch::Cli::command(), endings: logwatch::ENDINGS },
    ]
}

/// Every page that is generated.
///
/// # Panics
/// A definition cannot be rendered.
pub fn pages() -> Vec<Page> {
    utilities().iter().flat_map(|utility| [manual_pages(utility), completions(utility)].concat()).collect()
}

fn manual_pages(utility: &Utility) -> Vec<Page> {
    let mut whole = utility.command.clone().disable_help_subcommand(true);
    whole.build();
    let name = whole.get_name().to_owned();
    let mut pages = vec![manual_page(&whole, &name, utility.endings)];
    for verb in whole.get_subcommands() {
        let title = format!("{name}-{}", verb.get_name());
        pages.push(manual_page(verb, &title, utility.endings));
    }
    pages
}

fn manual_page(command: &clap::Command, title: &str, endings: &[Ending]) -> Page {
    let man = Man::new(command.clone()).title(title.to_uppercase()).date(DATE).source("racefree").manual("racefree");
    let mut page = Vec::new();
    let mut render = |section: fn(&Man, &mut dyn std::io::Write) -> std::io::Result<()>| {
        section(&man, &mut page).expect("writing to memory");
    };
    render(Man::render_title);
    render(Man::render_name_section);
    render(Man::render_synopsis_section);
    render(Man::render_description_section);
    render(Man::render_options_section);
    if command.has_subcommands() {
        render(Man::render_subcommands_section);
    }
    if command.get_after_long_help().is_some() {
        render(Man::render_extra_section);
    }
    let page = String::from_utf8(page).expect("roff is text")
        + &exit_status(command, endings)
        + &examples_of(title)
        + &see_also(title);
    Page { path: format!("man/{title}.1"), content: tidy(&page) }
}

fn exit_status(command: &clap::Command, endings: &[Ending]) -> String {
    let runs_a_command = command.get_positionals().any(|argument| argument.get_id() == "command");
    let of_a_command = if runs_a_command || command.has_subcommands() { OF_A_COMMAND } else { &[] };
    let mut section = String::from(".SH \"EXIT STATUS\"\n");
    let mut endings: Vec<_> = endings.iter().chain(of_a_command).chain(OF_ALL).collect();
    endings.sort_by_key(|(exit, _)| exit.code());
    endings.dedup();
    for (exit, meaning) in endings {
        section += &format!(".TP\n.B {}\n{}\n", exit.code(), escaped(meaning));
    }
    section + ".TP\n.B 128+N\nCOMMAND, or the tool itself, was ended by signal N\n"
}

fn examples_of(title: &str) -> String {
    let examples = examples::of(title);
    assert!(!examples.is_empty(), "{title} has no example");
    let example = |(sentence, line): &examples::Example| {
        format!("{}\n.PP\n.RS 4\n.nf\n{}.fi\n.RE\n", escaped(sentence), literal(line))
    };
    format!(".SH EXAMPLES\n{}", examples.iter().map(example).collect::<Vec<_>>().join(".PP\n"))
}

/// Lines that are printed as they are. Each begins with a font request, so [`tidy`] does not wrap it.
fn literal(lines: &str) -> String {
    let quoted = |line: &str| escaped(line).replace('"', "\\(dq").replace('\'', "\\(aq");
    lines.lines().map(|line| format!(".B \"{}\"\n", quoted(line))).collect()
}

fn see_also(title: &str) -> String {
    let names = ["logwatch", "pidfile", "waitfor", "withlock"];
    let own = title.split('-').next().unwrap_or(title);
    let others = names.iter().filter(|&&name| name != own || own != title);
    let list: Vec<_> = others.map(|name| format!(".BR {name} (1)")).collect();
    format!(".SH \"SEE ALSO\"\n{}\n", list.join(",\n"))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-")
}

/// Changes a page to what mandoc(1) accepts: no blank at the end of a line, no text line over 80 bytes, no line break
/// beside an empty line, no empty paragraph. Makes a list of indented lines with two columns.
fn tidy(page: &str) -> String {
    let lines: Vec<&str> = page.lines().map(str::trim_end).collect();
    let beside_space = |at: usize| {
        let beside = [lines.get(at.wrapping_sub(1)), lines.get(at + 1)];
        beside.iter().flatten().any(|line| line.is_empty() || **line == ".sp")
    };
    let begins_a_list = |at: usize| lines.get(at + 1).is_some_and(|next| listed(next).is_some());
    let is_needed = |at: usize| match lines[at] {
        ".br" => !beside_space(at),
        ".PP" => !begins_a_list(at),
        _ => true,
    };
    let kept = (0..lines.len()).filter(|&at| is_needed(at)).map(|at| lines[at]);
    let written = |line: &str| match listed(line) {
        _ if line.starts_with('.') => line.to_owned() + "\n",
        Some((term, meaning)) => format!(".TP\n\\fB{term}\\fR\n{}", wrapped(meaning)),
        None => wrapped(line),
    };
    kept.map(written).collect()
}

/// The term and the meaning of an indented line with two columns.
fn listed(line: &str) -> Option<(&str, &str)> {
    let (term, meaning) = line.strip_prefix("  ")?.split_once("  ")?;
    Some((term.trim(), meaning.trim()))
}

fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut width = 0;
    for word in text.split_ascii_whitespace() {
        // A word that begins with a dot would be a request at the start of a line.
        if width > 0 && width + 1 + word.len() > 78 && !word.starts_with(['.', '\'']) {
            lines.push('\n');
            width = 0;
        } else if width > 0 {
            lines.push(' ');
            width += 1;
        }
        lines += word;
        width += word.len();
    }
    lines + "\n"
}

fn completions(utility: &Utility) -> Vec<Page> {
    let name = utility.command.get_name().to_owned();
    let shells = [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")];
    let page = |(shell, suffix): (Shell, &str)| {
        let mut content = Vec::new();
        clap_complete::generate(shell, &mut utility.command.clone(), &name, &mut content);
        let content = String::from_utf8(content).expect("a shell script is text");
        Page { path: format!("completions/{name}.{suffix}"), content }
    };
    shells.map(page).into()
}

/// The table of all endings, for the page about them.
pub fn exit_codes() -> String {
    let mut rows: Vec<(u8, String, &str)> = Vec::new();
    for utility in utilities() {
        let name = utility.command.get_name().to_owned();
        // Those of all that run a COMMAND have a row of their own.
        let own = utility.endings.iter().filter(|ending| !OF_A_COMMAND.contains(ending));
        rows.extend(own.map(|(exit, meaning)| (exit.code(), name.clone(), *meaning)));
    }
    rows.extend(OF_A_COMMAND.iter().map(|(exit, meaning)| (exit.code(), "all that run a COMMAND".into(), *meaning)));
    rows.extend(OF_ALL.iter().map(|(exit, meaning)| (exit.code(), "all".into(), *meaning)));
    rows.sort_by_key(|(code, _, _)| *code);
    let mut table = String::from("| code | utility | meaning |\n|---|---|---|\n");
    for (code, name, meaning) in rows {
        table += &format!("| {code} | {name} | {} |\n", meaning.replace('|', "\\|"));
    }
    let by_signal = Exit::Signalled(racefree::signal::Signal::TERM).code();
    table + &format!("| 128+N | all | COMMAND, or the tool itself, was ended by signal N ({by_signal}: SIGTERM) |\n")
}
