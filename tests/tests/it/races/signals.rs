//! docs/signals.md, cell by cell: each is done, at a real terminal where it says so.

use crate::common::{docs, place};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Stdio};
use std::str::FromStr;
use tests::{Place, Terminal};

/// COMMAND: it notes each signal in the file `got`, and ends with 7 when there is a file `go`.
const COMMAND: &str = r#"
    if (@ARGV) { fork and exit }
    for my $s (qw(INT TERM HUP QUIT USR1 PIPE CHLD WINCH)) {
        next if $SIG{$s} && $SIG{$s} eq "IGNORE" && $s eq "INT";
        $SIG{$s} = sub { open my $got, ">>", "got"; syswrite $got, "$s\n" };
    }
    open my $ready, ">", "ready"; close $ready;
    until (-e "go") { select undef, undef, undef, 0.01 }
    exit 7
"#;

/// What takes no notice of TERM until there is a file `go`.
const STUBBORN: &str = r#"
    $SIG{TERM} = "IGNORE";
    open my $trapped, ">", "trapped"; close $trapped;
    until (-e "go") { select undef, undef, undef, 0.01 }
"#;

/// A row of the tables.
struct Row {
    name: &'static str,
    /// What must be there before.
    before: &'static str,
    /// What is run.
    run: &'static str,
    /// When it has come so far that a signal means what the page says.
    so_far: SoFar,
    /// What lets it come to its end, and how that is.
    finish: &'static str,
    code: i32,
    /// Who is signalled.
    to: To,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SoFar {
    /// COMMAND runs.
    CommandRuns,
    /// The tool collects signals.
    ToolCollects,
    /// Both.
    Both,
    /// The tool sleeps, and any signal has its default action.
    ToolSleeps,
    /// The tool stands in the kernel's queue for the lock.
    ToolQueues,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum To {
    Tool,
    Daemon,
}

impl Row {
    const fn of(name: &'static str, run: &'static str) -> Row {
        Row { name, before: "", run, so_far: SoFar::CommandRuns, finish: ": >go", code: 7, to: To::Tool }
    }

    const fn waiting(name: &'static str, before: &'static str, run: &'static str, finish: &'static str) -> Row {
        Row { name, before, run, so_far: SoFar::ToolCollects, finish, code: 0, to: To::Tool }
    }

    const fn asleep(name: &'static str, before: &'static str, run: &'static str, finish: &'static str) -> Row {
        Row { so_far: SoFar::ToolSleeps, ..Row::waiting(name, before, run, finish) }
    }

    const fn daemon(name: &'static str, run: &'static str) -> Row {
        Row { name, before: "", run, so_far: SoFar::CommandRuns, finish: ": >go", code: 0, to: To::Daemon }
    }
}

const ROWS: [Row; 18] = [
    Row::of("`pidfile claim P COMMAND`", "pidfile claim p perl command"),
    Row {
        so_far: SoFar::Both,
        ..Row::of("`pidfile claim --supervise P COMMAND`", "pidfile claim --supervise p perl command")
    },
    Row {
        so_far: SoFar::Both,
        ..Row::of(
            "`pidfile claim --supervise --ignore-int P COMMAND`",
            "pidfile claim --supervise --ignore-int p perl command",
        )
    },
    Row {
        so_far: SoFar::Both,
        ..Row::waiting(
            "`pidfile claim --background`, until ready",
            "",
            "pidfile claim --background --kill-after 50ms --ready 'waitfor file:yes' p perl command",
            ": >yes",
        )
    },
    Row {
        so_far: SoFar::Both,
        ..Row::waiting(
            "`pidfile claim --replace`, until ready",
            "pidfile claim --background p sleep 1000",
            "pidfile claim --replace --kill-after 50ms --ready 'waitfor file:yes' p perl command",
            ": >yes",
        )
    },
    Row {
        so_far: SoFar::Both,
        ..Row::waiting(
            "`pidfile claim --forking`, until ready",
            "",
            "pidfile claim --forking --kill-after 50ms --ready 'waitfor file:yes' p perl command fork",
            ": >yes",
        )
    },
    Row::waiting(
        "`pidfile claim --ensure`, until the other one is ready",
        "pidfile claim --background --ready 'waitfor file:trapped' p perl stubborn",
        "pidfile claim --background --ensure --ready 'waitfor file:yes' p true",
        ": >yes",
    ),
    Row {
        so_far: SoFar::ToolQueues,
        ..Row::waiting(
            "`pidfile claim --wait DUR`, while it waits",
            "pidfile claim --background --ready 'waitfor file:trapped' p perl stubborn",
            "pidfile claim --wait 10m p true",
            ": >go",
        )
    },
    Row {
        so_far: SoFar::Both,
        ..Row::waiting(
            "`withlock F logwatch LOG -- pidfile claim --background`, until ready",
            "",
            "withlock l logwatch -e FATAL log -- pidfile claim --background --kill-after 50ms --ready 'waitfor file:yes' p perl command",
            ": >yes",
        )
    },
    Row::asleep(
        "`pidfile stop P`, while it waits",
        "pidfile claim --background --ready 'waitfor file:trapped' p perl stubborn",
        "pidfile stop p",
        ": >go",
    ),
    Row { so_far: SoFar::Both, ..Row::of("`withlock F COMMAND`", "withlock l perl command") },
    Row {
        so_far: SoFar::ToolQueues,
        ..Row::waiting(
            "`withlock F COMMAND`, while it waits",
            "pidfile claim --background --ready 'waitfor lock:l' p withlock -F l perl stubborn",
            "withlock l true",
            ": >go",
        )
    },
    Row::asleep("`waitfor TARGET`", "", "waitfor --timeout none file:go", ": >go"),
    Row::asleep("`logwatch LOG`", ": >log", "logwatch --ready go log", "echo go >>log"),
    Row { so_far: SoFar::Both, ..Row::of("`logwatch LOG -- COMMAND`", "logwatch log -- perl command") },
    Row::daemon(
        "a daemon of `pidfile claim --background`",
        "pidfile claim --background --ready 'waitfor file:ready' p perl command",
    ),
    Row::daemon(
        "a daemon of `pidfile claim --forking`",
        "pidfile claim --forking --ready 'waitfor file:ready' p perl command fork",
    ),
    Row::daemon(
        "a daemon of `pidfile claim --background --supervise`",
        "pidfile claim --background --supervise --ready 'waitfor file:ready' p perl command",
    ),
];

impl Row {
    fn named(name: &str) -> &'static Row {
        ROWS.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("nothing is known of the row {name}"))
    }

    fn place(&self) -> Place {
        let place = place();
        place.write("command", COMMAND);
        place.write("stubborn", STUBBORN);
        place.says(self.before);
        // The shell becomes the tool, so this is the tool's number.
        place.write("run", format!("echo $$ >tool; exec {}", self.run));
        place
    }

    /// What was there before, and goes on.
    fn remains(&self) -> usize {
        usize::from(self.before.contains("--background"))
    }

    fn wait_until_so_far(&self, place: &Place) {
        place.wait_until(&format!("{} runs", self.name), |place| {
            let runs = place.file("ready").exists();
            match self.so_far {
                SoFar::CommandRuns => runs,
                SoFar::ToolCollects => collects(place, "tool"),
                SoFar::Both => runs && collects(place, "tool"),
                SoFar::ToolSleeps => {
                    let tool = self.run.split(' ').next();
                    state(place, "tool") == Some('S') && status(place, "tool", "Name:").as_deref() == tool
                }
                SoFar::ToolQueues => ["l", "p"].iter().any(|file| queues(place, file)),
            }
        });
        if self.to == To::Daemon {
            place.wait_until("it has its claim, and its starter has gone", |place| {
                place.sh("pidfile -q read p").code == 0 && state(place, "tool").is_none()
            });
        }
    }

    fn victim(&self, place: &Place) -> Pid {
        let file = if self.to == To::Daemon { "p" } else { "tool" };
        Pid::from_raw(place.content(file).trim().parse().expect("a number"))
    }
}

/// A line of /proc/PID/status, for the process whose number is in the file.
fn status(place: &Place, file: &str, key: &str) -> Option<String> {
    let pid = fs::read_to_string(place.file(file)).ok()?;
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).ok()?;
    status.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim().to_owned())
}

/// Its state; none if it has gone, or is a zombie.
fn state(place: &Place, file: &str) -> Option<char> {
    status(place, file, "State:")?.chars().next().filter(|&state| state != 'Z')
}

/// Signals are blocked in a tool from when it collects them; INT may be ignored, TERM is not.
fn collects(place: &Place, file: &str) -> bool {
    let blocked = status(place, file, "SigBlk:").and_then(|mask| u64::from_str_radix(&mask, 16).ok());
    blocked.is_some_and(|mask| mask & (1 << (Signal::SIGTERM as u32 - 1)) != 0)
}

/// Somebody waits for the lock of the file.
fn queues(place: &Place, file: &str) -> bool {
    let Ok(number) = fs::metadata(place.file(file)).map(|m| m.ino()) else { return false };
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    locks.lines().any(|line| line.contains("-> FLOCK") && line.contains(&format!(":{number} ")))
}

fn got(place: &Place) -> String {
    fs::read_to_string(place.file("got")).unwrap_or_default()
}

fn tables() -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let page = fs::read_to_string(docs("signals.md")).expect("the page");
    let table = |heading: &str| {
        let part = page.split("\n## ").find(|part| part.starts_with(heading)).expect("the part of the page");
        let lines = part.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
        lines.map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
    };
    (table("From kill(1)"), table("From a terminal"))
}

/// Each cell, with its row and its column.
fn cells(table: &[Vec<String>]) -> impl Iterator<Item = (&'static Row, &str, &str)> {
    let (columns, rows) = table.split_first().expect("a heading");
    let names: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(names, ROWS.map(|row| row.name), "the rows of the page");
    rows.iter().flat_map(move |row| {
        assert_eq!(row.len(), columns.len(), "{row:?}");
        (1..row.len()).map(move |at| (Row::named(&row[0]), columns[at].as_str(), row[at].as_str()))
    })
}

#[test]
fn from_kill_each_process_does_what_the_page_says() {
    let (table, _) = tables();
    for (row, signal, cell) in cells(&table) {
        let at = format!("{}, {signal}", row.name);
        let place = row.place();
        let mut command = place.command("sh");
        command.arg("run").stdout(Stdio::null()).stderr(Stdio::null());
        let mut tool = command.spawn().expect("a shell");
        row.wait_until_so_far(&place);
        let by = Signal::from_str(&format!("SIG{signal}")).expect("a signal");
        kill(row.victim(&place), by).expect("a living process");
        let mut finish = |expected: i32| {
            place.says(row.finish);
            assert_eq!(code(&place, &mut tool), expected, "{at}");
        };
        match cell {
            "reaches COMMAND" | "COMMAND gets TERM" => {
                place.wait_until(&at, |place| !got(place).is_empty());
                finish(row.code);
                let expected = if cell == "reaches COMMAND" { signal } else { "TERM" };
                assert_eq!(got(&place), format!("{expected}\n"), "{at}");
            }
            "nothing" => {
                finish(row.code);
                assert_eq!(got(&place), "", "{at}");
            }
            "ends" => {
                assert_eq!(code(&place, &mut tool), 128 + by as i32, "{at}");
                assert_eq!(place.still_running().len(), row.remains(), "{at}: {:?}", place.still_running());
            }
            _ => panic!("{at}: nothing is known of a cell '{cell}'"),
        }
    }
}

/// How it ended, as a shell shows it.
fn code(place: &Place, tool: &mut Child) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let mut ended = None;
    place.wait_until("the tool ends", |_| {
        ended = tool.try_wait().expect("our own child");
        ended.is_some()
    });
    ended.map(|status| status.code().unwrap_or(128 + status.signal().unwrap_or_default())).unwrap_or_default()
}

/// A shell at a terminal, and a job in its foreground.
struct Job {
    place: Place,
    terminal: Terminal,
}

impl Job {
    fn begin(row: &Row) -> Job {
        let place = row.place();
        let mut command = place.command("sh");
        command.arg("-i").env("PS1", "> ").env_remove("ENV");
        let mut terminal = Terminal::of(command);
        terminal.types("sh run\n");
        row.wait_until_so_far(&place);
        Job { place, terminal }
    }

    fn shows(&mut self, text: &str) {
        let Job { place, terminal } = self;
        place.wait_until(&format!("the terminal shows '{text}'"), |_| terminal.shows().contains(text));
    }

    /// How the job has ended, when it has: what is typed before is for the shell only then.
    fn code(&mut self) -> i32 {
        self.place.wait_until("the tool ends", |place| state(place, "tool").is_none());
        self.terminal.types("echo \"status=$?.\"\n");
        let mut code = None;
        let Job { place, terminal } = self;
        place.wait_until("the shell says how it ended", |_| {
            // The line as it was typed has no number there.
            code = terminal.shows().split("status=").filter_map(|rest| rest.split_once('.')?.0.parse().ok()).last();
            code.is_some()
        });
        code.unwrap_or_default()
    }
}

#[test]
fn from_a_terminal_each_job_does_what_the_page_says() {
    let (_, table) = tables();
    for (row, key, cell) in cells(&table) {
        let at = format!("{}, {key}", row.name);
        let mut job = Job::begin(row);
        match key {
            "Ctrl-C" => key_is_pressed(&mut job, row, cell, "\x03", Signal::SIGINT, &at),
            "Ctrl-\\" => key_is_pressed(&mut job, row, cell, "\x1c", Signal::SIGQUIT, &at),
            "Ctrl-Z, then fg" => stopped(job, row, cell, &at),
            "the window is closed" => closed(job, row, cell, &at),
            _ => panic!("nothing is known of a column '{key}'"),
        }
    }
}

fn key_is_pressed(job: &mut Job, row: &Row, cell: &str, key: &str, signal: Signal, at: &str) {
    job.terminal.types(key);
    match cell {
        "reaches COMMAND" | "COMMAND gets TERM" => {
            job.place.wait_until(at, |place| !got(place).is_empty());
            job.place.says(row.finish);
            assert_eq!(job.code(), row.code, "{at}");
            let name = signal.as_str().trim_start_matches("SIG");
            let expected = if cell == "reaches COMMAND" { name } else { "TERM" };
            assert_eq!(got(&job.place), format!("{expected}\n"), "{at}");
        }
        "ends" => {
            assert_eq!(job.code(), 128 + signal as i32, "{at}");
            left(&job.place, row.remains() + 1, at);
        }
        "nothing" => nothing(job, at),
        _ => panic!("{at}: nothing is known of a cell '{cell}'"),
    }
}

/// The daemon has not noticed it when the shell, which has got the key too, is at work again.
fn nothing(job: &mut Job, at: &str) {
    job.terminal.types("\necho \"at $((6 * 7))\"\n");
    job.shows("at 42");
    assert_eq!((job.place.sh("pidfile -q read p").code, got(&job.place).as_str()), (0, ""), "{at}");
}

fn stopped(mut job: Job, row: &Row, cell: &str, at: &str) {
    job.terminal.types("\x1a");
    if cell == "nothing" {
        return nothing(&mut job, at);
    }
    assert_eq!(cell, "stops and goes on", "{at}");
    job.place.wait_until(at, |place| state(place, "tool") == Some('T'));
    job.shows("Stopped");
    job.terminal.types("fg\n");
    job.place.wait_until(at, |place| state(place, "tool") != Some('T'));
    job.place.says(row.finish);
    assert_eq!(job.code(), row.code, "{at}");
    assert_eq!(got(&job.place), "", "{at}");
}

fn closed(job: Job, row: &Row, cell: &str, at: &str) {
    let Job { place, terminal } = job;
    terminal.close();
    place.wait_until("the shell has gone", |place| !place.still_running().contains(&"sh -i".to_owned()));
    match cell {
        "reaches COMMAND" => {
            place.wait_until(at, |place| !got(place).is_empty());
            place.says(row.finish);
            left(&place, row.remains(), at);
            assert_eq!(got(&place), "HUP\n", "{at}");
        }
        "ends" => left(&place, row.remains(), at),
        "nothing" => {
            assert_eq!((place.sh("pidfile -q read p").code, got(&place).as_str()), (0, ""), "{at}");
            place.says(row.finish);
            left(&place, row.remains(), at);
        }
        _ => panic!("{at}: nothing is known of a cell '{cell}'"),
    }
}

fn left(place: &Place, count: usize, at: &str) {
    place.wait_until(&format!("{at}: {count} left"), |place| place.still_running().len() == count);
}
