kubehop exec --lab 23 node2 -- ip link set dev eth0 mtu 1500
