/**
 * The address plan of every lab: who has which address and MAC, from a few small numbers. Pinned, so that two runs compare byte by byte.
 *
 *     outside 203.0.113.0/24   upstream .1, clients as declared        (RFC 5737)
 *     lan0    192.168.56.0/24  upstream .1, top-of-rack routers .2 and .3, node N .1N
 *     lan1    192.168.57.0/24  the same for the nodes that a lab puts on a second network
 *     pods    10.244.N.0/24    cni0 .1, pods from .2, flannel.1 .0/32; with Calico's kinds of network the block 10.244.N.0/26, tunl0 .0/32
 */
import { parseCidr, parseIpv4 } from '../../base/address.ts';

export const CLUSTER_CIDR = '10.244.0.0/16';
export const SERVICE_CIDR = '10.96.0.0/16';
export const UPSTREAM_OUTSIDE = '203.0.113.1';
export const UPSTREAM_LAN = '192.168.56.1';
export const UPSTREAM_FAR = '192.168.57.1';
export const LAN_MTU = 1500;
/** What is left of 1500 for a pod under VXLAN: outer Ethernet 14, IPv4 20, UDP 8, VXLAN 8 (RFC 7348). */
export const POD_MTU = LAN_MTU - 50;
/** flannel's VXLAN: VNI 1 on the Linux driver's own port, not the IANA port 4789. */
export const VXLAN = { vni: 1, port: 8472, device: 'flannel.1' } as const;

/** @param far on the second network */
export const nodeAddress = (n: number, far = false): string => `192.168.${far ? 57 : 56}.${10 + n}`;
/** @param index 0 for the first top-of-rack router */
export const torAddress = (index: number, far = false): string => `192.168.${far ? 57 : 56}.${2 + index}`;
export const podCidr = (n: number): string => `10.244.${n}.0/24`;
export const gatewayAddress = (n: number): string => `10.244.${n}.1`;
export const vtepAddress = (n: number): string => `10.244.${n}.0`;
/** @param index 0 for the first pod of the node. */
export const podAddress = (n: number, index: number): string => `10.244.${n}.${2 + index}`;

/** First two bytes of a MAC, by what carries it; the other four are the IPv4 address it belongs to. All locally administered. */
const macPrefix = {
  /** Pods and gateways: what the CNI bridge plugin uses. */
  pod: '0a:58',
  host: '02:00',
  vtep: '0e:00',
  /** The end of a pod's or host's wire that is the port of a bridge. */
  port: '06:00',
  /** A bridge device under a userspace node: the gateway's MAC then belongs to the router. */
  bridge: '06:01',
  /** The two ends of a link on which things go wrong, in the middle of a wire. */
  relay: '06:03',
  /** The tap device as the kernel sees it: as a bridge port its own MAC is local to the bridge, so it cannot be the router's. */
  tap: '06:02',
} as const;

/** @param address `10.244.1.2` or `10.244.1.2/24` */
export function macFor(kind: keyof typeof macPrefix, address: string): string {
  const ip = address.includes('/') ? parseCidr(address).address : parseIpv4(address);
  const octets = [24, 16, 8, 0].map(shift => ((ip >>> shift) & 255).toString(16).padStart(2, '0'));
  return `${macPrefix[kind]}:${octets.join(':')}`;
}

/** `node3` is number 3. */
export const nodeNumber = (name: string): number => Number(name.slice('node'.length));
