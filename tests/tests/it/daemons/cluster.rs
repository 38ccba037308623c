//! One instance in a cluster: `etcdctl lock` around `pidfile claim`, as the cookbook has it, where things go wrong.

use crate::common::place;
use tests::{Place, free_port, needs};

/// etcd runs; `host NAME` is a host that wants to run the daemon, `queue N` waits until so many hosts have asked.
fn cluster() -> Option<Place> {
    if !needs("etcd", "etcd-server") || !needs("etcdctl", "etcd-client") || !needs("setpriv", "util-linux") {
        return None;
    }
    let place = place();
    place.write(
        "env",
        format!(
            "export ETCDCTL_API=3 ETCDCTL_ENDPOINTS=http://127.0.0.1:{} peer=http://127.0.0.1:{}
             host() {{ mkdir -p $1; (cd $1; exec etcdctl lock --ttl 2 one -- setpriv --pdeathsig KILL pidfile claim d.pid demod >>log 2>&1) & }}
             queue() {{ waitfor \"exec:test \\$(etcdctl get --prefix --keys-only one | grep -c .) = $1\"; }}
             runs() {{ waitfor -t 60 pidfile:$1/d.pid; pidfile read $1/d.pid; }}
             parent() {{ ps -o ppid= -p $1 | tr -d ' '; }}
             revision() {{ tr '\\0' '\\n' </proc/$1/environ | sed -n 's/^ETCD_LOCK_REV=//p'; }}\n",
            free_port(),
            free_port()
        ),
    );
    place.says(
        ". ./env; pidfile claim --background --log log --ready 'waitfor --match \"health.*true\" $ETCDCTL_ENDPOINTS/health' etcd.pid \
           etcd --data-dir data --listen-client-urls $ETCDCTL_ENDPOINTS --advertise-client-urls $ETCDCTL_ENDPOINTS \
           --listen-peer-urls $peer --initial-advertise-peer-urls $peer --initial-cluster default=$peer",
    );
    Some(place)
}

#[test]
fn where_etcdctl_is_killed_the_daemon_ends_before_the_other_host_takes_over() {
    let Some(place) = cluster() else { return };
    let said = place.says(
        ". ./env; host a; pid=$(runs a); host b; queue 2; pidfile -q read b/d.pid 2>/dev/null || echo b waits
         kill -9 $(parent $pid); runs b >/dev/null; pidfile -q read a/d.pid 2>/dev/null || echo a has ended
         [ $(revision $(pidfile read b/d.pid)) -gt 0 ] && echo b knows its revision",
    );
    assert_eq!(said, "b waits\na has ended\nb knows its revision\n");
}

/// What remains, and what the daemon is told so that its storage can refuse it.
#[test]
fn a_host_that_is_frozen_too_long_is_overtaken_and_has_the_lower_revision() {
    let Some(place) = cluster() else { return };
    let said = place.says(
        ". ./env; host a; old=$(runs a); host b; queue 2
         kill -STOP $(parent $old) $old; new=$(runs b); kill -CONT $(parent $old) $old
         pidfile -q read a/d.pid && echo both run; [ $(revision $old) -lt $(revision $new) ] && echo the new one has the higher revision",
    );
    assert_eq!(said, "both run\nthe new one has the higher revision\n");
}

#[test]
fn on_one_host_the_pid_file_keeps_order_whatever_the_cluster_says() {
    let Some(place) = cluster() else { return };
    let said = place.says(
        ". ./env; mkdir a; pidfile claim --background a/d.pid demod; pid=$(pidfile read a/d.pid); host a; wait $! || echo refused
         [ $pid = $(pidfile read a/d.pid) ]; grep -c 'claim d.pid: held by' a/log",
    );
    assert_eq!(said, "refused\n1\n");
}
