//! What people use a lock for.

use tests::Place;

fn place() -> Place {
    Place::with(&[("withlock", env!("CARGO_BIN_EXE_withlock"))])
}

#[test]
fn a_cron_job_does_not_overlap_itself() {
    let place = place();
    place.write("job", "echo run >> runs; while ! [ -e go ]; do sleep 0.01; done");
    let line = "withlock -n -E 0 job.lock sh job";
    let script = format!(
        "{line} & until [ -e runs ]; do :; done; {line} 2> /dev/null; echo $?; {line} 2> /dev/null; echo $?; touch go; wait"
    );
    assert_eq!(place.says(&script), "0\n0\n");
    assert_eq!(place.content("runs"), "run\n");
    assert_eq!(place.says(&format!("{line}; cat runs")), "run\nrun\n");
}
