//! The utilities beside their peers, in one run: `cargo bench -p tests`. A word on the command line picks the contests
//! whose name contains it; `--write` makes docs/performance.md of what was measured.
//!
//! Every figure is a median of interleaved runs (one of each, then again), so that a busy moment of the machine hits all
//! alike. What counts is the ratio; a peer that is not installed is named as skipped.

mod contest;
mod daemons;
mod locks;
mod logs;
mod waits;

use contest::{Report, Tools};

type Contest = fn(&Tools, &mut Report);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let write = arguments.iter().any(|argument| argument == "--write");
    let wanted = arguments.iter().find(|argument| !argument.starts_with('-'));
    let tools = Tools::as_shipped();
    let mut report = Report::begin();
    let contests: [(&str, Contest); 13] = [
        ("lock start-up", locks::start_up),
        ("lock hand-off", locks::hand_off),
        ("lock queue", locks::queue),
        ("read", daemons::read),
        ("read many", daemons::read_many),
        ("stop", daemons::stop),
        ("chain", daemons::chain),
        ("ready", waits::ready),
        ("waiting", waits::cost_of_waiting),
        ("log line", logs::line_to_exit),
        ("log growth", logs::growth),
        ("log scan", logs::scan),
        ("size", waits::sizes),
    ];
    for (name, contest) in contests {
        if wanted.is_none_or(|wanted| name.contains(wanted.as_str())) {
            contest(&tools, &mut report);
        }
    }
    print!("{}", report.table());
    if write {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");
        std::fs::write(path, report.page()).expect("docs can be written");
    }
}
