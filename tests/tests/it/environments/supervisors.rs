//! Below a service manager that starts a daemon again when it ends: docs/supervisors.md.

use crate::common::place_for_all;
use tests::{Place, needs, needs_root};

/// Kills the daemon, awaits the next one, and prints whether that is another process with a claim.
const KILLED: &str = "waitfor -q pidfile:p; first=$(pidfile read p); pidfile signal KILL p
    waitfor -q --down pid:$first; waitfor -q pidfile:p
    [ $first != $(pidfile read p) ] && echo started again";

/// A place with a service directory for s6 or runit, whose run script claims `p`.
fn service(finish: &str) -> Place {
    let place = place_for_all();
    place.says("chmod 755 . && mkdir d");
    place.write("d/run", "#!/bin/sh\nexec pidfile claim ../p sleep 1000\n");
    place.write("d/finish", finish);
    place.says("chmod +x d/run d/finish");
    place
}

#[test]
fn s6_starts_a_killed_daemon_again_and_gives_up_where_another_has_the_claim() {
    if !needs("s6-supervise", "s6") {
        return;
    }
    let place = service("#!/bin/sh\n# busy: do not try again\n[ \"$1\" != 75 ] || exit 125\n");
    let said = place.says(&format!(
        "s6-supervise d 2>log & {KILLED}
        [ $(s6-svstat -o pid d) = $(pidfile read p) ] && echo its child has the claim
        s6-svc -wD -d d; pidfile -q read p || echo read $?
        pidfile claim -b p sleep 1001; s6-svc -u d
        waitfor -q 'exec:s6-svstat -o up,wantedup d | grep -x \"false false\"' && echo given up
        pidfile stop p; s6-svc -x d; wait"
    ));
    assert_eq!(said, "started again\nits child has the claim\nread 1\ngiven up\n");
}

#[test]
fn runit_starts_a_killed_daemon_again_and_gives_up_where_another_has_the_claim() {
    if !needs("runsv", "runit") {
        return;
    }
    let place = service("#!/bin/sh\n# busy: do not try again\n[ \"$1\" != 75 ] || sv down \"$PWD\"\n");
    let said = place.says(&format!(
        "runsv d 2>log & {KILLED}
        [ $(cat d/supervise/pid) = $(pidfile read p) ] && echo its child has the claim
        sv down $PWD/d >>log; waitfor -q --down pidfile:p; pidfile -q read p || echo read $?
        pidfile claim -b p sleep 1001; sv up $PWD/d >>log
        waitfor -q 'exec:sv status $PWD/d >state; grep -q ^down state && ! grep -q want.up state' && echo given up
        pidfile stop p; sv exit $PWD/d >>log; wait"
    ));
    assert_eq!(said, "started again\nits child has the claim\nread 1\ngiven up\n");
}

#[test]
fn systemd_starts_a_killed_daemon_again_and_gives_up_where_another_has_the_claim() {
    if !needs_root() || !needs("systemctl", "systemd") || !needs("nsenter", "util-linux") {
        return;
    }
    let place = place_for_all();
    let here = place.path().display().to_string();
    place.says("chmod 755 . && mkdir units");
    place.write(
        "units/d.service",
        format!(
            "[Service]\nExecStart={here}/.bin/pidfile claim {here}/p /bin/sleep 1000\n\
             Restart=on-failure\nRestartSec=100ms\nRestartPreventExitStatus=75\n"
        ),
    );
    place.write(
        "script",
        format!(
            "systemctl start d; {KILLED}
             [ $(systemctl show -P MainPID d) = $(pidfile read p) ] && echo its child has the claim
             systemctl stop d; pidfile -q read p || echo read $?
             pidfile claim -b p sleep 1001; systemctl start d
             waitfor -q 'exec:systemctl is-failed d' && echo given up: $(systemctl show -P NRestarts d) restarts, $(systemctl show -P ExecMainStatus d)
             pidfile stop p"
        ),
    );
    let systemd = concat!(env!("CARGO_MANIFEST_DIR"), "/systemd.sh");
    let said = place.sh(&format!("{systemd} $PWD 'sh script'"));
    assert_eq!(said.stdout, "started again\nits child has the claim\nread 1\ngiven up: 0 restarts, 75\n", "{said:?}");
}
