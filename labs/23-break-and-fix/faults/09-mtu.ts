import { prepare } from '../../../src/lab/definition.ts';
import type { Trouble } from '../../../src/lab/trouble/trouble.ts';
import { claims } from '../claims.ts';

export const mtu: Trouble = {
  name: '09-mtu',
  symptom: 'Between the nodes small requests are answered, and large transfers hang.',
  story: 'Nobody has changed anything in the cluster. node2 has got another network card.',
  inject: [prepare('node2', 'ip link set dev eth0 mtu 1400')],
  breaks: [claims.large],
  hints: [
    'From which size on? `kubehop exec pod-a -- ping -c 1 -W 1 -M do -s 1400 10.244.2.2`, and smaller. How large is the envelope then?',
    'At which wire does it end? `tcpdump -ni` on eth0 of node1 and of node2. Nobody sends an ICMP message about it: where is no router?',
    'The envelope has 50 bytes more than what is in it, and the card of node2 takes less than the others on that network: `ip link show eth0` on both nodes.',
  ],
  happened: [
    'A pod has MTU 1450, so that its packet and an envelope of 50 bytes fill 1500. The card of node2 takes 1400: a larger frame ends there. A card is no router, it',
    'sends no ICMP message, and path MTU discovery waits for one for ever: the handshake is small and passes, the first full segment is sent again and again.',
    'All cards of one network have to have one MTU. If 1400 were right, then flannel.1, cni0 and every pod would have to have 1350, and all the other nodes too.',
  ],
  source: 'net/core/dev.c (is_skb_forwardable) and drivers/net/veth.c; RFC 2923, RFC 4821; exercise 09',
};
