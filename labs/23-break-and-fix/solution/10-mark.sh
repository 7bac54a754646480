kubehop exec --lab 23 node1 -- iptables -t nat -I KUBE-POSTROUTING 2 -j MARK --xor-mark 0x4000
