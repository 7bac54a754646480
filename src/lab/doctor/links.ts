/** The links a topology is made of, and routing by rule for the node's own sockets. */
import { sandboxCheck } from './check.ts';

export const namedNamespaces = sandboxCheck(
  'netns',
  'one network namespace per pod, node and client',
  true,
  'ip netns add a\nip -n a link set lo up',
);

export const veth = sandboxCheck(
  'veth',
  'the wires between namespaces',
  true,
  'ip netns add a\nip link add v0 mtu 1450 type veth peer name v1 netns a\nip link set v0 up',
);

export const bridge = sandboxCheck(
  'bridge',
  'cni0 and lan0, with hairpin, isolation and learning set per port',
  true,
  `ip link add cni0 type bridge
ip link add v0 type veth peer name v1
ip link set v0 master cni0
bridge link set dev v0 hairpin on isolated on learning off
bridge fdb show br cni0 >/dev/null`,
);

export const vxlan = sandboxCheck(
  'vxlan',
  'flannel.1 of a kernel node',
  true,
  `ip link add v0 type veth peer name v1
ip link add flannel.1 mtu 1450 type vxlan id 1 dev v0 dstport 8472 nolearning
bridge fdb append 02:00:00:00:00:02 dev flannel.1 dst 192.168.56.12`,
);

export const policyRouting = sandboxCheck(
  'ip-rule',
  "the node's own sockets through the router",
  true,
  'ip rule add priority 10 iif lo table 100\nip rule add priority 100 table local\nip rule del priority 0',
);

export const offload = sandboxCheck(
  'ethtool',
  'veth offload switched off, so that captures show whole checksums',
  true,
  'ip link add v0 type veth peer name v1\nethtool -K v0 tx off tso off gso off gro off >/dev/null',
);
