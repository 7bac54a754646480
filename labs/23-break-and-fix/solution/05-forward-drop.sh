kubehop exec --lab 23 node2 -- iptables -A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD
