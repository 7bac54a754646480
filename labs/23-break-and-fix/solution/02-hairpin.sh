# the ports of all pods; tap0 of a userspace node is none
kubehop exec --lab 23 node2 -- sh -c 'for port in $(bridge link show | sed -n "s/^[0-9]*: \(veth[^@:]*\).*/\1/p"); do bridge link set dev $port hairpin on; done'
