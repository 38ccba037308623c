//! What people use a lock for.

use crate::common::place;
use tests::needs;

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

#[test]
fn make_in_two_shells_builds_one_tree_once() {
    if !needs("make", "make") {
        return;
    }
    let place = place();
    let parts: Vec<String> = (0..8).map(|n| format!("part{n}")).collect();
    place.write(
        "Makefile",
        format!("all: {}\npart%:\n\t@echo $@ >> built; echo begun > $@.tmp; mv $@.tmp $@\n", parts.join(" ")),
    );
    place.says("for i in 1 2 3 4; do withlock . make -s -j2 all & done; wait");
    let built = place.content("built");
    let mut built: Vec<_> = built.lines().collect();
    built.sort_unstable();
    assert_eq!(built, parts);
}

#[test]
fn a_recipe_under_make_j_starts_a_daemon_once_and_leaves_no_lock() {
    if !needs("make", "make") {
        return;
    }
    let place = place();
    place.write("start", "[ -e up ] || { sleep 60 & echo started >> log; touch up; }");
    place.write("Makefile", "all: a b c d\na b c d:\n\t@withlock start.lock sh start\n");
    place.says("make -s -j4 all & make -s -j4 all & wait");
    assert_eq!(place.content("log"), "started\n");
    assert_eq!(place.says("withlock -n start.lock echo free"), "free\n");
}
