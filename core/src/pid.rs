//! The PID of one process. nix's `Pid` is any number. kill(2) and wait(2) read 0 and a negative number as a group, or as
//! all processes, so a number that comes from outside becomes a `Pid` here.

use nix::unistd::{Pid, getppid};
use std::process::Child;

/// The PID with this number; `None` if the number is 0 or negative.
pub fn numbered(number: i32) -> Option<Pid> {
    (number > 0).then_some(Pid::from_raw(number))
}

/// The parent of this process; `None` if the parent is outside of our PID namespace.
pub fn parent() -> Option<Pid> {
    numbered(getppid().as_raw())
}

/// The PID of a child that is not reaped yet.
pub fn of_child(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_names_no_single_process_is_no_pid() {
        for number in [0, -1, i32::MIN] {
            assert_eq!(numbered(number), None);
        }
        assert_eq!(numbered(1), Some(Pid::from_raw(1)));
    }
}
