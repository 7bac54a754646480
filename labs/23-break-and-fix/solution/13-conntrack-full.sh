kubehop exec --lab 23 node1 -- sysctl -w net.netfilter.nf_conntrack_max=131072
