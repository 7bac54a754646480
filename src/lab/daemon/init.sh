#!/bin/sh
# PID 1 of a lab. It ends with the daemon, and the kernel then kills every process of the PID namespace; with the last of them go the
# network namespaces, interfaces and mounts. While it waits it reaps whatever was orphaned.
set -eu
# ip netns keeps its names in /run/netns, iptables-legacy its lock in /run: a private /run makes both possible without root.
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/netns
"$@" &
daemon=$!
code=0
wait "$daemon" || code=$?
exit "$code"
