//! docs/examples/cluster, with three members of etcd on three hosts: network namespaces, joined by a bridge. A daemon that ran
//! on two hosts at once would not get the lock `overlap`, and end.

use crate::common::{docs, place};
use tests::{Place, needs};

/// `host A 1` runs the script on host 1 in the directory A; `runs A` waits until its daemon runs, and says its number; `fence A`
/// says the number that the daemon was given.
const HOSTS: &str = r#"
set -eu
mount -t tmpfs none /run; ip link set lo up; ip link add bridge type bridge; ip link set bridge up
export ETCDCTL_API=3 ETCDCTL_ENDPOINTS= TTL=10
members=
for n in 1 2 3; do
    ip netns add host$n; ip link add at$n type veth peer name eth0 netns host$n; ip link set at$n master bridge up
    ip -n host$n address add 10.0.0.$n/24 dev eth0; ip -n host$n link set eth0 up; ip -n host$n link set lo up
    members=$members${members:+,}m$n=http://10.0.0.$n:2380
    ETCDCTL_ENDPOINTS=$ETCDCTL_ENDPOINTS${ETCDCTL_ENDPOINTS:+,}http://10.0.0.$n:2379
done
for n in 1 2 3; do
    pidfile claim --background --log log$n etcd$n ip netns exec host$n etcd --name m$n --data-dir data$n \
        --listen-client-urls http://10.0.0.$n:2379 --advertise-client-urls http://10.0.0.$n:2379 \
        --listen-peer-urls http://10.0.0.$n:2380 --initial-advertise-peer-urls http://10.0.0.$n:2380 --initial-cluster $members
done
waitfor --timeout 50s 'exec:ip netns exec host1 etcdctl endpoint health >/dev/null 2>&1'
alone='withlock -n -F overlap'
host() { mkdir $1; TMPDIR=$PWD/$1 ip netns exec host$2 cluster one $1/d.pid \
    $alone sh -c "echo \$FENCE >$1/fence; exec sleep 1000" >$1/log 2>&1 & }
runs() { waitfor --timeout 50s nonempty:$1/fence pidfile:$1/d.pid; pidfile read $1/d.pid; }
"#;

fn hosts() -> Option<Place> {
    let programs = [
        ("etcd", "etcd-server"),
        ("etcdctl", "etcd-client"),
        ("nft", "nftables"),
        ("ip", "iproute2"),
        ("unshare", "util-linux"),
    ];
    if !programs.iter().all(|(program, package)| needs(program, package)) {
        return None;
    }
    let place = place();
    place.write("hosts", HOSTS);
    place.says(&format!("ln -s {} .bin/cluster", docs("examples/cluster").display()));
    Some(place)
}

fn says(place: &Place, script: &str) -> String {
    place.write("script", format!(". ./hosts\n{script}"));
    place.says("exec unshare -Urnmpf --mount-proc --kill-child sh script")
}

#[test]
fn a_host_that_is_cut_off_stops_its_daemon_before_another_may_start_it() {
    let Some(place) = hosts() else { return };
    let said = says(
        &place,
        "host a 1; runs a >was; host b 2
         ip netns exec host1 nft 'table inet cut { chain i { type filter hook input priority 0; policy drop; }
                                                   chain o { type filter hook output priority 0; policy drop; }; }'
         runs b >now; pidfile -q read a/d.pid 2>&1 || echo a has stopped
         [ $(cat a/fence) -lt $(cat b/fence) ] && echo b has the higher number; grep -c 'is lost' a/log",
    );
    assert_eq!(said, "a has stopped\nb has the higher number\n1\n", "{}", place.content("b/log"));
}

#[test]
fn a_member_that_is_killed_stops_nothing() {
    let Some(place) = hosts() else { return };
    let said = says(
        &place,
        "host a 1; runs a >was; pidfile signal KILL etcd2; begun=$(cat a/*/renewed | wc -l)
         waitfor --timeout 50s 'exec:[ $(cat a/*/renewed | wc -l) -ge '$((begun + 6))' ]'; [ $(pidfile read a/d.pid) = $(cat was) ] && echo still",
    );
    assert_eq!(said, "still\n", "{}", place.content("a/log"));
}

/// What remains, and how the storage tells the old daemon from the new.
#[test]
fn a_host_that_was_frozen_has_the_lower_number_and_stops_when_it_thaws() {
    let Some(place) = hosts() else { return };
    let said = says(
        &place,
        "write() { [ $1 -ge $(cat highest) ] && echo $1 >highest || echo refused; }; echo 0 >highest; alone=
         host a 1; runs a >was; write $(cat a/fence); host b 2; frozen=$(ip netns pids host1); kill -STOP $frozen
         runs b >now; write $(cat b/fence); kill -CONT $frozen; write $(cat a/fence)
         waitfor --timeout 50s --down pidfile:a/d.pid; pidfile -q read b/d.pid && echo b goes on",
    );
    assert_eq!(said, "refused\nb goes on\n", "{}", place.content("a/log"));
}

#[test]
fn a_daemon_that_ends_frees_the_key_at_once_and_its_status_is_the_scripts() {
    let Some(place) = hosts() else { return };
    let said = says(
        &place,
        "host a 1; script=$!; runs a >was; pidfile stop a/d.pid; status=0; wait $script || status=$?; echo $status
         ip netns exec host1 etcdctl get --keys-only one | grep . || echo free",
    );
    assert_eq!(said, "143\nfree\n", "{}", place.content("a/log"));
}
