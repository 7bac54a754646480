/**
 * Names of the chains that kube-proxy makes in iptables mode (kubernetes `pkg/proxy/iptables/proxier.go`): a prefix, and the first
 * 16 characters of the base32 form of a SHA-256, so that they fit in the kernel's 28 characters.
 */
import { hash as digest } from 'node:crypto';

/** SVC: every endpoint; SVL: those of the node; EXT: traffic from outside; FW: source ranges of a load balancer. */
export type ServiceChainKind = 'SVC' | 'SVL' | 'EXT' | 'FW';

const HASH_LEN = 16;

/** What the chains of one port have in common. */
export const serviceHash = (servicePort: string, protocol: string): string => hash(servicePort + protocol.toLowerCase());

/** @param servicePort `namespace/name:port`, or `namespace/name` when the port has no name. @param protocol upper or lower case */
export const serviceChain = (kind: ServiceChainKind, servicePort: string, protocol: string): string =>
  chainWithHash(kind, serviceHash(servicePort, protocol));

export const chainWithHash = (kind: ServiceChainKind, portHash: string): string => `KUBE-${kind}-${portHash}`;

/** @param endpoint `ip:port` */
export const endpointChain = (servicePort: string, protocol: string, endpoint: string): string =>
  `KUBE-SEP-${hash(servicePort + protocol.toLowerCase() + endpoint)}`;

const hash = (text: string): string => base32(digest('sha256', text, 'buffer'), HASH_LEN);

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The first `length` characters of the base32 form (RFC 4648, section 6). */
function base32(bytes: Uint8Array, length: number): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (let at = 0; text.length < length; at++) {
    held = ((held << 8) | bytes[at]!) & 0xfff;
    for (bits += 8; bits >= 5 && text.length < length; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31];
  }
  return text;
}
