kubehop exec --lab 23 node1 -- conntrack -D -p udp --orig-dst 10.96.1.20
