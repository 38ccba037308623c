//! A directory of its own, with the utilities first on PATH, where a test types what a user would type.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A fresh directory; everything started in it is killed when it is dropped.
#[derive(Debug)]
pub struct Place {
    directory: TempDir,
    path: String,
}

/// What a script said and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    /// Its stdout.
    pub stdout: String,
    /// Its stderr.
    pub stderr: String,
    /// `$?` as a shell would show it: 128+N for a signal.
    pub code: i32,
}

impl Said {
    /// Success, and not a word.
    pub const SILENT_SUCCESS: Said = Said { stdout: String::new(), stderr: String::new(), code: 0 };

    /// What it says on stderr, each line without the last thing in parentheses: the times, which no two runs share.
    pub fn without_times(&self) -> String {
        let lines = self.stderr.lines().map(|line| line.rsplit_once(" (").map_or(line, |(before, _)| before));
        lines.collect::<Vec<_>>().join("\n")
    }
}

const MARK: &str = "RACEFREE_TEST_PLACE";

/// Longer than anything a test waits for on purpose, shorter than a person's patience.
const PATIENCE: Duration = Duration::from_secs(60);

impl Place {
    /// A place where each `(name, program)` can be called by its name.
    ///
    /// # Panics
    /// There is no room for a temporary directory.
    pub fn with(programs: &[(&str, &str)]) -> Place {
        let directory = TempDir::with_prefix("racefree-").expect("a temporary directory");
        let bin = directory.path().join(".bin");
        fs::create_dir(&bin).expect("a directory in our own");
        for (name, program) in programs {
            symlink(program, bin.join(name)).expect("a link in our own directory");
        }
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
        Place { directory, path }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file in it.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.file(name), content).expect("a file in our own directory");
    }

    /// The content of a file in it.
    ///
    /// # Panics
    /// It cannot be read.
    pub fn content(&self, name: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.file(name)).expect("a file in our own directory")).into_owned()
    }

    /// A program, to be run in this place.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).env("PATH", &self.path).env(MARK, self.path()).env_remove("NOTIFY_SOCKET");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a script under `sh` and says what came of it.
    ///
    /// The output goes through files: a daemon that keeps stdout open must not keep the test waiting.
    ///
    /// # Panics
    /// There is no shell, or the script takes longer than a minute.
    pub fn sh(&self, script: &str) -> Said {
        self.run(self.command("sh").arg("-c").arg(script))
    }

    /// Runs a program made by [`Place::command`] and says what came of it.
    ///
    /// # Panics
    /// It cannot be started, or takes longer than a minute.
    pub fn run(&self, command: &mut Command) -> Said {
        let outputs = TempDir::new().expect("a temporary directory");
        let open = |name: &str| fs::File::create(outputs.path().join(name)).expect("a file in our own directory");
        let mut child = command.stdout(open("out")).stderr(open("err")).spawn().expect("the program");
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("our own child") {
                break status;
            }
            if begun.elapsed() > PATIENCE {
                let _ = child.kill();
                panic!("it takes too long: {command:?}");
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let read =
            |name: &str| String::from_utf8_lossy(&fs::read(outputs.path().join(name)).unwrap_or_default()).into();
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
        Said { stdout: read("out"), stderr: read("err"), code }
    }

    /// What a script said on stdout.
    ///
    /// # Panics
    /// It did not exit 0.
    pub fn says(&self, script: &str) -> String {
        let said = self.sh(script);
        assert_eq!(said.code, 0, "{script}\n{said:?}");
        said.stdout
    }

    /// The command lines of all that was started here and still runs; zombies do not.
    pub fn still_running(&self) -> Vec<String> {
        self.processes().map(|(_, line)| line).collect()
    }

    /// Kills all that was started here and still runs.
    pub fn kill_all(&self) {
        // Twice: what was forked while we looked is seen at the second look.
        for _ in 0..2 {
            for (pid, _) in self.processes() {
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGKILL);
            }
        }
    }

    /// Waits until the condition holds.
    ///
    /// # Panics
    /// It does not hold within a minute.
    pub fn wait_until(&self, what: &str, mut condition: impl FnMut(&Place) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ours are those that work in the directory, or have it in their environment: redis overwrites the latter, a daemon
    /// may leave the former. Of a zombie neither can be read.
    fn processes(&self) -> impl Iterator<Item = (i32, String)> {
        let mark = format!("{MARK}={}", self.path().display());
        let directory = self.path().to_owned();
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        processes.filter_map(move |entry| {
            let pid = entry.file_name().to_str()?.parse::<i32>().ok()?;
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let marked = environment.split(|&b| b == 0).any(|variable| variable == mark.as_bytes());
            let works_here = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&directory));
            (marked || works_here).then_some(())?;
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            Some((pid, String::from_utf8_lossy(&line).trim_end_matches('\0').replace('\0', " ")))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kill_all();
    }
}
