//! stub
use racefree_core::{error::Result, exit::Exit, voice::Loudness};
/// stub
#[derive(Debug, clap::Parser)]
pub struct Cli {
    #[command(flatten)]
    loudness: Loudness,
}
impl racefree_core::cli::Cli for Cli {
    fn loudness(&self) -> Loudness {
        self.loudness
    }
}
/// stub
pub fn run(_: Cli) -> Result<Exit> {
    Ok(Exit::Done)
}
