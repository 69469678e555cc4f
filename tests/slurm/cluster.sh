#!/usr/bin/env bash
# A real Slurm of two nodes, n1 and n2, on this machine alone: for root or any one user, beside
# nothing else, without systemd, cgroups, accounting or files in /etc.
# usage: cluster.sh up DIR [PORT] | kill-node DIR NODE | start-node DIR NODE | down DIR
# then:  export SLURM_CONF=DIR/etc/slurm.conf PATH=DIR/bin:$PATH
# Needs the Debian packages slurmctld, slurmd, slurm-client and munge.
set -euo pipefail
mkdir -p "$2"
base=$(cd "$2" && pwd)
export PATH=/usr/sbin:$PATH SLURM_CONF=$base/etc/slurm.conf

tree() { for pid in "$@"; do echo "$pid" && tree $(pgrep -P "$pid" || true); done; }

start_node() { mkdir -p "$base/spool/$1" && slurmd -f "$SLURM_CONF" -N "$1"; }

kill_node() { # the node's daemon, and all that its jobs run
    local steps
    steps=$(for job in $(squeue -h -t R -w "$1" -o %i); do
        pgrep -U "$(id -u)" -f "slurmstepd: \[$job\." || true
    done)
    kill -9 "$(cat "$base/run/slurmd-$1.pid")" $(tree $steps)
}

stop() { # by the pid in a file
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 0
    kill "$pid" 2>/dev/null || return 0
    for _ in $(seq 100); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -9 "$pid"
}

# FirstJobId: far from the jobs of a cluster that this machine may belong to.
# cred_expire: a job of a dead node starts again only when its credential is dead too.
configure() {
    cat <<CONF
ClusterName=local
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=$1
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=$base/run/munge.sock,cred_expire=15
StateSaveLocation=$base/state
SlurmdSpoolDir=$base/spool/%n
SlurmctldPidFile=$base/run/slurmctld.pid
SlurmdPidFile=$base/run/slurmd-%n.pid
SlurmctldLogFile=$base/log/slurmctld.log
SlurmdLogFile=$base/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=10
KillWait=2
MinJobAge=3600
FirstJobId=60000001
NodeName=n[1-2] NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=[$(($1 + 1))-$(($1 + 2))] CPUs=2 RealMemory=16000
PartitionName=main Nodes=ALL Default=YES DefaultTime=10 MaxTime=600 State=UP
CONF
}

up() {
    mkdir -p "$base"/{bin,etc,log,munge,run,spool,state}
    chmod 700 "$base/munge"
    head -c 1024 /dev/urandom >"$base/munge/key"
    chmod 400 "$base/munge/key"
    configure "$1" >"$SLURM_CONF"
    # the Slurm plugin takes SLURM_CONF away from the srun inside its jobs
    printf '#!/bin/sh\nSLURM_CONF=%s exec /usr/bin/srun "$@"\n' "$SLURM_CONF" >"$base/bin/srun"
    chmod +x "$base/bin/srun"
    # --force: the socket may lie in a folder that only this user may enter
    munged --force --key-file="$base/munge/key" --socket="$base/run/munge.sock" \
        --pid-file="$base/run/munged.pid" --log-file="$base/log/munged.log" \
        --seed-file="$base/munge/seed"
    slurmctld -c -f "$SLURM_CONF"
    start_node n1
    start_node n2
    for _ in $(seq 60); do
        [ "$(sinfo -h -N -t idle -o %N 2>/dev/null | sort -u | wc -l)" = 2 ] && return
        sleep 0.5
    done
    tail -n 20 "$base"/log/*.log >&2
    return 1
}

down() {
    scancel -u "$(id -un)" || true
    for _ in $(seq 40); do
        [ -z "$(squeue -h)" ] && break
        sleep 0.5
    done
    for name in slurmd-n1 slurmd-n2 slurmctld munged; do stop "$base/run/$name.pid"; done
}

case $1 in
up) up "${3:-17200}" ;;
kill-node) kill_node "$3" ;;
start-node) start_node "$3" ;;
down) down ;;
esac
