//! `--from` and `--cursor-file`: where reading starts.

use clap::Args;
use std::path::PathBuf;

pub(super) const START: &str = "Where to start";

/// Where to start.
#[derive(Debug, Args)]
pub(crate) struct StartAt {
    /// Start at the `start` of LOG, at its `end`, or at a cursor that --mark printed
    ///
    /// Give one cursor per LOG, separated by blanks or newlines: `--from "$(logwatch --mark a b)"`. logwatch finds the place
    /// again after a rotation, in an archive too, and reads everything that was written since.
    #[arg(long, help_heading = START, value_name = "start|end|CURSOR")]
    pub(crate) from: Option<String>,
    /// Start where the last run with FILE ended, and save in FILE where this run ends
    ///
    /// Each line is judged once, whatever rotation does between two runs. The first run starts at the start of LOG, or where
    /// --from says. A last line without its newline in which nothing was found is left to the next run. FILE is replaced
    /// atomically, after the output was written.
    #[arg(long, help_heading = START, value_name = "FILE", conflicts_with = "command")]
    pub(crate) cursor_file: Option<PathBuf>,
    /// Files that match GLOB are archives of LOG, wherever they are and whatever their names are (repeatable)
    ///
    /// `--archives '/var/log/old/app.log*'` for the olddir of logrotate. Without it the archives are the files beside LOG
    /// whose names are those of a known rotation scheme, such as `LOG.1`, `LOG-20261121.gz` or `app-2026-11-21.log`. With
    /// several LOGs an archive belongs to the LOG with whose name, less the extension, its own name begins. An archive that
    /// ends in .gz is unpacked; one that ends in .xz, .lzma, .zst, .bz2, .lz4, .zip or .Z is unpacked by xz(1), zstd(1),
    /// bzip2(1), lz4(1) or gzip(1). One that cannot be unpacked is reported as a gap.
    #[arg(long, help_heading = START, value_name = "GLOB")]
    pub(crate) archives: Vec<String>,
    /// Fail with exit code 125 if a LOG does not exist at the start, or a glob matches no file
    #[arg(long, help_heading = START)]
    pub(crate) must_exist: bool,
}
