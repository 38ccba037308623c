//! A program under way in the background, as after a shell's `&`.

use crate::Place;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A program under way. What it says on stderr is kept in its place, as `said`.
#[derive(Debug)]
pub struct Background<'a> {
    place: &'a Place,
    child: Child,
}

impl Background<'_> {
    /// Starts it.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn of<'a>(place: &'a Place, program: &str, arguments: &[&str]) -> Background<'a> {
        let said = File::create(place.file("said")).expect("a file in our own directory");
        let mut command = place.command(program);
        let child = command.args(arguments).stdout(Stdio::null()).stderr(said).spawn().expect("the program");
        Background { place, child }
    }

    /// Its number.
    pub fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(self.child.id() as i32)
    }

    /// Waits until it has said this.
    ///
    /// # Panics
    /// It does not say so within a minute.
    #[must_use]
    pub fn until_it_says(self, what: &str) -> Self {
        self.place.wait_until(what, |place| place.content("said").contains(what));
        self
    }

    /// How it ended, as `$?` would show it, within a time that no wait to its timeout would take.
    ///
    /// # Panics
    /// It has not ended by then.
    pub fn ended(mut self) -> i32 {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("our own child") {
                return status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default());
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "still under way: {}", self.place.content("said"));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
