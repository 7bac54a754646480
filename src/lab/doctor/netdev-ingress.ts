/**
 * nft's netdev family: the kernel of a userspace node is silenced with it on each interface that the router owns, and what pods of one bridge
 * say to each other is taken to the router.
 */
import { sandboxCheck } from './check.ts';

export const netdevIngress = sandboxCheck(
  'nft-ingress',
  'the kernel silenced on the interfaces that the router owns; frames between pods taken to it',
  true,
  `ip link add v0 type veth peer name v1
nft 'add table netdev kubehop'
nft 'add chain netdev kubehop v0 { type filter hook ingress device v0 priority 0; policy drop; }'
nft 'add rule netdev kubehop v0 ether daddr & 01:00:00:00:00:00 == 00:00:00:00:00:00 fwd to "v1"'`,
);
