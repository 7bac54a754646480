# loose: any way back will do
kubehop exec --lab 23 node2 -- sysctl -w net.ipv4.conf.all.rp_filter=2
