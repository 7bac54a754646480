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

/** As text of one character for each byte: a buffer of its own for each name costs more than the hash. */
const hash = (text: string): string => base32(digest('sha256', text, 'binary'));

const ALPHABET = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', letter => letter.charCodeAt(0));
const codes = new Uint8Array(HASH_LEN);

/** The first 16 characters of the base32 form (RFC 4648, section 6). @param bytes at least ten */
function base32(bytes: string): string {
  let bits = 0;
  let held = 0;
  for (let at = 0, made = 0; made < HASH_LEN; at++) {
    held = ((held << 8) | bytes.charCodeAt(at)) & 0xfff;
    for (bits += 8; bits >= 5 && made < HASH_LEN; bits -= 5) codes[made++] = ALPHABET[(held >> (bits - 5)) & 31]!;
  }
  return String.fromCharCode(...codes);
}
