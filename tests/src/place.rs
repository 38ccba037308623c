//! A directory of its own, with the utilities first on PATH, where a test types what a user would type.

use assert_cmd::assert::Assert;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
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

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or_default());
        Said { stdout: text(output.stdout), stderr: text(output.stderr), code }
    }
}

const MARK: &str = "RACEFREE_TEST_PLACE";

/// Longer than anything a test waits for on purpose, shorter than a person's patience.
const PATIENCE: Duration = Duration::from_secs(60);

/// The utility that `make` has installed, where the environment says `RACEFREE_SHIPPED=DIRECTORY`: then what is tested is
/// what is shipped, and not the build for tests, which has another C library and other options.
fn as_shipped(name: &str) -> Option<PathBuf> {
    let program = PathBuf::from(std::env::var_os("RACEFREE_SHIPPED")?).join(name);
    program.is_file().then_some(program)
}

impl Place {
    /// A place with the programs that the system has.
    ///
    /// # Panics
    /// There is no room for a temporary directory.
    pub fn bare() -> Place {
        Place::with::<&str>(&[])
    }

    /// A place where each `(name, program)` can be called by its name.
    ///
    /// # Panics
    /// There is no room for a temporary directory.
    pub fn with<P: AsRef<Path>>(programs: &[(&str, P)]) -> Place {
        let directory = TempDir::with_prefix("racefree-").expect("a temporary directory");
        let bin = directory.path().join(".bin");
        fs::create_dir(&bin).expect("a directory in our own");
        for (name, program) in programs {
            let program = as_shipped(name).unwrap_or_else(|| program.as_ref().to_owned());
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

    /// A program, to be started in this place.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).env("PATH", &self.path).env(MARK, self.path()).env_remove("NOTIFY_SOCKET");
        command.stdin(Stdio::null());
        command
    }

    /// A program, to be run to its end in this place, for assert_cmd's assertions. It must leave nobody behind who keeps
    /// its stdout or stderr open: their end is awaited.
    pub fn tool(&self, program: impl AsRef<OsStr>) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::from_std(self.command(program));
        command.timeout(PATIENCE);
        command
    }

    /// Runs a script under `sh`, for assert_cmd's assertions.
    ///
    /// # Panics
    /// There is no shell, or the script takes longer than a minute.
    pub fn script(&self, script: &str) -> Assert {
        Assert::new(self.output_of(script)).append_context("script", script.to_owned())
    }

    /// Runs a script under `sh` and says what came of it.
    ///
    /// # Panics
    /// There is no shell, or the script takes longer than a minute.
    pub fn sh(&self, script: &str) -> Said {
        Said::from(self.output_of(script))
    }

    /// The output goes through files: a daemon that keeps stdout open must not keep the test waiting.
    fn output_of(&self, script: &str) -> Output {
        let outputs = TempDir::new().expect("a temporary directory");
        let [stdout, stderr] = ["stdout", "stderr"].map(|name| outputs.path().join(name));
        let into_files = format!("exec </dev/null >{} 2>{}; {script}", stdout.display(), stderr.display());
        let output = finished(self.tool("sh").arg("-c").arg(into_files));
        let read = |path| fs::read(path).expect("a file that the shell has made");
        Output { status: output.status, stdout: read(stdout), stderr: read(stderr) }
    }

    /// Runs a program made by [`Place::tool`] and says what came of it.
    ///
    /// # Panics
    /// It cannot be started, or takes longer than a minute.
    pub fn run(&self, command: &mut assert_cmd::Command) -> Said {
        Said::from(finished(command))
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

/// assert_cmd kills what takes too long, and then says no more than that it was killed.
fn finished(command: &mut assert_cmd::Command) -> Output {
    let begun = Instant::now();
    let output = command.output().expect("the program");
    assert!(begun.elapsed() < PATIENCE, "it takes too long: {command:?}");
    output
}

impl Drop for Place {
    fn drop(&mut self) {
        self.kill_all();
    }
}
