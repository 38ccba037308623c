//! Each option that names a file or a time, against each thing that a stranger, or bad luck, can put in its way: the tool
//! ends within its deadline and a second, within a second of TERM, and takes no more than 16 MB. docs/reliability.md has
//! the table.

use crate::common;
use clap::{Arg, Command, CommandFactory};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tests::{Place, needs};

/// An option that leads to a file, and a command line in which `X` is the file, and `D` the deadline.
type Line = (&'static str, &'static str);

/// Every option and operand that names a file.
const FILES: &[Line] = &[
    ("pidfile claim pidfile", "pidfile claim --wait D X true"),
    ("pidfile claim pidfile", "pidfile claim -b --replace --timeout D X sleep 1000"),
    ("pidfile claim log", "pidfile claim -b --timeout D --log X p sleep 1000"),
    (
        "pidfile claim pid_from",
        "pidfile claim --forking --timeout D --kill-after 0 --pid-from X p sh -c 'sleep 1000 &'",
    ),
    ("pidfile claim chdir", "pidfile claim -b --timeout D --chdir X p true"),
    ("pidfile claim env_file", "pidfile claim -b --timeout D --env-file X p true"),
    ("pidfile read pidfiles", "pidfile read X"),
    ("pidfile read pidfiles", "pidfile read --unlocked --json X"),
    ("pidfile read exe", "pidfile read --unlocked --exe X plain"),
    ("pidfile signal pidfile", "pidfile signal --unlocked URG X"),
    ("pidfile signal exe", "pidfile signal --unlocked --exe X URG plain"),
    ("pidfile stop pidfiles", "pidfile stop --timeout D X"),
    ("pidfile stop pidfiles", "pidfile stop --unlocked --timeout D X"),
    ("pidfile stop exe", "pidfile stop --timeout D --unlocked --exe X plain"),
    ("withlock lockfile", "withlock -w D X true"),
    ("withlock lock", "withlock -w D --lock X l true"),
    ("waitfor targets", "waitfor -t D file:X/never"),
    ("waitfor targets", "waitfor -t D nonempty:X"),
    ("waitfor targets", "waitfor -t D pidfile:X"),
    ("waitfor targets", "waitfor -t D lock:X"),
    ("waitfor targets", "waitfor -t D unix:X"),
    ("waitfor targets", "waitfor -t D listen:unix:X"),
    ("waitfor process", "waitfor -t D --while pidfile:X file:never"),
    ("waitfor by", "waitfor -t D --by pidfile:X tcp:127.0.0.1:1"),
    ("waitfor cacert", "waitfor -t D --cacert X https://127.0.0.1:1"),
    ("waitfor cert", "waitfor -t D --cert X https://127.0.0.1:1"),
    ("waitfor key", "waitfor -t D --cert pem --key X https://127.0.0.1:1"),
    ("logwatch logs", "logwatch -e ERROR --timeout D X"),
    ("logwatch logs", "logwatch -e ERROR --no-follow --timeout D X"),
    ("logwatch cursor_file", "logwatch -e ERROR --timeout D --cursor-file X log"),
    ("logwatch archives", "logwatch -e ERROR --from start --timeout D --archives X --archives X/* log"),
    ("logwatch process", "logwatch -e ERROR --timeout D --while pidfile:X log"),
];

/// Every option that names a time, in a wait that would go on without it; what must be there before it; whether it ends a
/// wait. Where it does not, `D` is in `--timeout`.
const TIMES: &[(&str, &str, &str)] = &[
    ("pidfile claim wait", STUBBORN, "pidfile claim --wait D p true"),
    ("pidfile claim timeout", "", "pidfile claim -b --timeout D --kill-after 0 --ready 'exec sleep 1000' q sleep 1000"),
    ("pidfile claim timeout", "", "pidfile claim -b --timeout D --kill-after 0 --notify q sleep 1000"),
    ("pidfile claim timeout", "", "pidfile claim --forking --timeout D --kill-after 0 q sleep 1000"),
    ("pidfile claim timeout", STUBBORN, "pidfile claim --replace --timeout D --kill-after 0 p sleep 1000"),
    ("pidfile claim timeout", STUBBORN, "pidfile claim -b --ensure --timeout D --ready 'exec sleep 1000' p true"),
    (
        "pidfile claim kill_after",
        "",
        "pidfile claim -b --kill-after D --ready 'waitfor file:ready; false' q perl stubborn ready",
    ),
    ("pidfile stop timeout", STUBBORN, "pidfile stop --timeout D p"),
    ("pidfile stop timeout", STUBBORN, "pidfile stop --group --timeout D p"),
    ("pidfile stop kill_after", STUBBORN, "pidfile stop --timeout none --kill-after D p"),
    ("withlock timeout", "withlock -F l sleep 1000 & waitfor lock:l", "withlock -w D l true"),
    ("waitfor timeout", "", "waitfor -t D file:never"),
    ("waitfor timeout", "", "waitfor -t D 'exec:sleep 1000'"),
    ("waitfor attempt", "", "waitfor -t D --attempt 1h 'exec:sleep 1000'"),
    ("waitfor interval", "", "waitfor -t D --interval 1h tcp:127.0.0.1:1"),
    ("waitfor stable", "", "waitfor -t D --stable 1h file:log"),
    ("logwatch timeout", "", "logwatch -e ERROR --timeout D log"),
    ("logwatch within_time", "", "logwatch -e ERROR --count 9 --within 1h --timeout D log"),
    ("logwatch good_for", "", "logwatch -e ERROR --for D log"),
    ("logwatch idle", "", "logwatch -e ERROR --idle D log"),
    ("logwatch kill_after", "", "logwatch -e ERROR --from start --kill-after D errors -- perl stubborn ready"),
];

/// Every other option: it names neither.
const OTHERS: &[(&str, &[&str])] = &[
    (
        "pidfile claim",
        &[
            "background",
            "supervise",
            "ignore_int",
            "forking",
            "replace",
            "stop_signal",
            "ensure",
            "json",
            "keep_fd",
            "mode",
            "name",
            "ready",
            "notify",
            "user",
            "no_new_privs",
            "umask",
            "nice",
            "command",
            "fd",
            "pid",
        ],
    ),
    ("pidfile read", &["json", "table", "holders", "unlocked"]),
    ("pidfile signal", &["signal", "group", "json", "unlocked"]),
    ("pidfile stop", &["signal", "group", "json", "kill_holders", "unlocked"]),
    (
        "withlock",
        &[
            "shared",
            "exclusive",
            "nonblock",
            "conflict_exit_code",
            "json",
            "close",
            "no_fork",
            "script",
            "fd",
            "unlock",
            "command",
        ],
    ),
    (
        "waitfor",
        &[
            "any",
            "down",
            "json",
            "send",
            "expect",
            "status",
            "header",
            "method",
            "expected",
            "unexpected",
            "follow",
            "insecure",
            "user_agent",
            "proxy",
            "command",
        ],
    ),
    (
        "logwatch",
        &[
            "count",
            "drain",
            "must_exist",
            "plain",
            "error",
            "ready",
            "ignore",
            "ignore_case",
            "start",
            "mark",
            "from",
            "no_follow",
            "context",
            "max_lines",
            "capture",
            "json",
            "color",
            "show",
            "command",
        ],
    ),
];

/// A daemon that does not end at TERM. Its claim is `p`.
const STUBBORN: &str = "pidfile claim -b --ready 'waitfor file:there' p perl stubborn there";

/// What may lie at the path, and the script that puts it there.
const OBSTACLES: &[(&str, &str)] = &[
    ("a FIFO", "mkfifo X"),
    ("a file that turns into a FIFO and back, again and again", "perl swap X & waitfor file:X"),
    ("a file under a lease", "echo 1 >X; python3 lease X & waitfor file:leased"),
    ("a socket", "python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"X\")'"),
    ("an endless device", "ln -s /dev/zero X"),
    ("a directory", "mkdir X"),
    ("a link to itself", "ln -s X X"),
    ("a file of 2 GB", "truncate -s 2G X"),
    ("a file that others keep locked", "perl locks X & waitfor file:locked"),
    ("a file that is replaced again and again", "perl replace X & waitfor file:X"),
];

const SWAP: &str =
    "use POSIX; while (1) { select undef, undef, undef, 0.0002; open my $f, '>', \"$ARGV[0].f\"; close $f; rename \"$ARGV[0].f\", $ARGV[0];
    POSIX::mkfifo(\"$ARGV[0].p\", 0600); rename \"$ARGV[0].p\", $ARGV[0] }";
const REPLACE: &str = "while (1) { select undef, undef, undef, 0.0002; open my $f, '>', \"$ARGV[0].f\"; print $f \"1\\n\"; close $f; rename \"$ARGV[0].f\", $ARGV[0] }";
const LEASE: &str = "import fcntl, signal, sys, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
file = open(sys.argv[1], 'r+')
fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
open('leased', 'w')
time.sleep(1000)
";
/// Of one who may only read the file: the shared flock, and a read lock on each second byte.
const LOCKS: &str =
    "use Fcntl ':flock'; open my $w, '>>', $ARGV[0]; close $w; open my $f, '<', $ARGV[0]; flock $f, LOCK_SH;
    fcntl $f, 6, pack 'ssx4qqix4', 0, 0, 2 * $_, 1, 0 for 1 .. 3000; open my $l, '>', 'locked'; sleep 1000";
const PERL_STUBBORN: &str = "$SIG{TERM} = 'IGNORE'; open my $f, '>', $ARGV[0]; sleep 1 while 1";

/// A certificate and its key.
static PEM: OnceLock<String> = OnceLock::new();

/// How one run went.
struct Run {
    took: Duration,
    peak: u64,
    line: String,
}

fn place() -> Place {
    let place = common::place();
    for (name, script) in
        [("swap", SWAP), ("replace", REPLACE), ("lease", LEASE), ("locks", LOCKS), ("stubborn", PERL_STUBBORN)]
    {
        place.write(name, script);
    }
    place.write("log", "quiet\n");
    place.write("errors", "ERROR\n");
    place.write("plain", format!("{}\n", std::process::id()));
    let new = || place.says("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=x -keyout - -out - 2>/dev/null");
    place.write("pem", PEM.get_or_init(new));
    place
}

/// What it takes at this moment to start a utility and to end it: the machine may be busy.
fn overhead(place: &Place) -> Duration {
    let begun = Instant::now();
    place.sh("pidfile read -q absent");
    begun.elapsed()
}

/// Runs a line to its end, or sends it TERM when it has waited for a moment, and measures from there.
fn run(place: &Place, line: &str, term: bool) -> Run {
    let mut command = place.command("sh");
    command.arg("-c").arg(format!("exec {line}")).stdout(Stdio::null()).stderr(Stdio::null());
    let mut begun = Instant::now();
    let mut child = command.spawn().expect("sh");
    let (mut peak, mut sent) = (0, !term);
    let status = |field: &str| {
        let text = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default().trim().to_owned()
    };
    let pid = Pid::from_raw(child.id() as i32);
    let mut state = vec![];
    loop {
        let memory = status("VmHWM:");
        state.push((status("Name:"), status("State:")));
        if let Some(memory) = memory.split(' ').next().and_then(|number| number.parse().ok()) {
            // The shell before it is no utility.
            peak = if state.last().is_some_and(|(name, _)| name == "sh") { 0 } else { memory };
        }
        let asleep = state.iter().rev().take(30).all(|(name, state)| name != "sh" && state.starts_with('S'));
        if !sent && state.len() > 30 && asleep {
            kill(pid, Signal::SIGTERM).expect("our own child");
            (begun, sent) = (Instant::now(), true);
        }
        let zombie = state.last().is_some_and(|(_, state)| state.starts_with('Z'));
        if zombie || begun.elapsed() > Duration::from_secs(30) {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = begun.elapsed();
    // One that hangs is killed, so that the test ends.
    let _ = kill(pid, Signal::SIGKILL);
    child.wait().expect("our own child");
    Run { took, peak, line: line.to_owned() }
}

const DEADLINE: Duration = Duration::from_millis(200);

fn judge(place: &Place, run: &Run, within: Duration, what: &str) {
    // One second, as promised, and what this machine takes now for doing nothing.
    let bound = within + Duration::from_secs(1) + 3 * overhead(place);
    assert!(run.took <= bound, "{what}: {} took {:?}, not {bound:?}", run.line, run.took);
    assert!(run.peak <= 16_384, "{what}: {} took {} kB", run.line, run.peak);
}

/// Every line of this utility against every obstacle.
fn against_obstacles(utility: &str) {
    if !needs("python3", "python3") || !needs("perl", "perl") || !needs("openssl", "openssl") {
        return;
    }
    for (obstacle, make) in OBSTACLES {
        for (_, line) in FILES.iter().filter(|(option, _)| option.starts_with(utility)) {
            let place = place();
            place.says(make);
            let line = line.replace(" D ", &format!(" {}ms ", DEADLINE.as_millis()));
            judge(&place, &run(&place, &line, false), DEADLINE, obstacle);
        }
    }
}

#[test]
fn nothing_in_the_way_of_pidfile_keeps_it_past_its_deadline() {
    against_obstacles("pidfile");
}

#[test]
fn nothing_in_the_way_of_withlock_keeps_it_past_its_deadline() {
    against_obstacles("withlock");
}

#[test]
fn nothing_in_the_way_of_waitfor_keeps_it_past_its_deadline() {
    against_obstacles("waitfor");
}

#[test]
fn nothing_in_the_way_of_logwatch_keeps_it_past_its_deadline() {
    against_obstacles("logwatch");
}

#[test]
fn every_wait_ends_at_its_deadline_and_at_term() {
    if !needs("perl", "perl") || !needs("openssl", "openssl") {
        return;
    }
    for (option, before, line) in TIMES {
        let short = place();
        short.says(before);
        judge(&short, &run(&short, &line.replace(" D ", " 200ms "), false), DEADLINE, option);
        let long = place();
        long.says(before);
        judge(&long, &run(&long, &line.replace(" D ", " 1h "), true), Duration::ZERO, &format!("{option}, TERM"));
    }
}

/// A new option is in none of the lists: then say there what it names, and with which line it is tried.
#[test]
fn no_option_is_forgotten() {
    let mut utilities =
        [pidfile::Cli::command(), withlock::Cli::command(), waitfor::Cli::command(), logwatch::Cli::command()];
    let mut defined = BTreeSet::new();
    for utility in &mut utilities {
        utility.build();
        options(utility, utility.get_name().to_owned(), &mut defined);
    }
    let files = FILES.iter().map(|(option, _)| (*option).to_owned());
    let times = TIMES.iter().map(|(option, ..)| (*option).to_owned());
    let others = OTHERS.iter().flat_map(|(verb, ids)| ids.iter().map(move |id| format!("{verb} {id}")));
    let known: BTreeSet<String> = files.chain(times).chain(others).collect();
    let forgotten: Vec<_> = defined.symmetric_difference(&known).collect();
    assert!(forgotten.is_empty(), "{forgotten:?}");
}

fn options(command: &Command, name: String, found: &mut BTreeSet<String>) {
    let general = ["help", "version", "quiet", "verbose"];
    let verbs = || command.get_subcommands().filter(|verb| verb.get_name() != "help");
    if verbs().next().is_none() {
        let ids = command.get_arguments().map(Arg::get_id).filter(|id| !general.contains(&id.as_str()));
        found.extend(ids.map(|id| format!("{name} {id}")));
    }
    verbs().for_each(|verb| options(verb, format!("{name} {}", verb.get_name()), found));
}
