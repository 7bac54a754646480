kubehop exec --lab 23 node1 -- sysctl -w net.bridge.bridge-nf-call-iptables=1
