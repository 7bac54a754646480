/** The labs of pure routing, with what is tried in them; `scripts/calico` and `pure-routing.test.ts` and `calico-matrix.test.ts` look at them. */
import { execFileSync } from 'node:child_process';
import { type LookOptions, look, type Seen } from './look.ts';
import type { Kubehop } from './support.ts';

export interface CalicoLab {
  readonly name: string;
  readonly ipip: boolean;
  readonly look: Omit<LookOptions, 'on' | 'mebibytes' | 'quick'>;
}

const WEB = { service: '10.96.0.50', nodePort: '192.168.56.11:30080' } as const;

export const calicoLabs: readonly CalicoLab[] = [
  {
    name: 'calico-ipip, always',
    ipip: true,
    look: { lab: '98', nodes: ['node1', 'node2'], targets: ['pod-b', 'pod-c'], mtu: 1480, ...WEB },
  },
  {
    name: 'calico-ipip, cross-subnet',
    ipip: true,
    look: { lab: '99', nodes: ['node1', 'node2', 'node3'], targets: ['pod-b', 'pod-c'], mtu: 1480, ...WEB },
  },
  { name: 'calico-bgp', ipip: false, look: { lab: '96', nodes: ['node1', 'node2'], targets: ['pod-b'], mtu: 1500, ...WEB } },
];

/** All of one kind, and the two mixtures in which node1, where pod-a and the node port are, is another than the others. */
export function placements(nodes: readonly string[]): string[] {
  const others = (plane: string) =>
    nodes
      .slice(1)
      .map(node => `${plane}:${node}`)
      .join();
  return ['kernel', 'userspace', `userspace:node1,${others('kernel')}`, `kernel:node1,${others('userspace')}`];
}

/** Can the kernel carry a node of calico-ipip? */
export function kernelHasIpip(): boolean {
  try {
    execFileSync('unshare', ['--net', 'ip', 'link', 'add', 'probe', 'type', 'ipip', 'local', '127.0.0.1', 'remote', '127.0.0.2'], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

/** @returns why not, in words; '' when the lab can be brought up that way */
export const cannot = ({ ipip }: CalicoLab, on: string, hasIpip: boolean): string =>
  ipip && on.includes('kernel') && !hasIpip ? 'this kernel has no module ipip' : '';

export const lookAt = (
  kubehop: Kubehop,
  lab: CalicoLab,
  on: string,
  how: Pick<LookOptions, 'mebibytes' | 'quick'>,
): Promise<Map<string, Seen>> => look(kubehop, { ...lab.look, on, ...how });

export const texts = (seen: ReadonlyMap<string, Seen>): Record<string, string> =>
  Object.fromEntries([...seen].map(([name, { text }]) => [name, text]));

/** What has to be so whatever carries the packets, and is not so by being equal. @returns what is wrong */
export function wrong(lab: CalicoLab, seen: ReadonlyMap<string, Seen>): string[] {
  return [...seen].flatMap(([name, { text }]) => {
    if (name.startsWith('TCP ') && text !== 'equal checksum') return [`${name}: ${text}`];
    if (name.startsWith('UDP ') && text.match(/^\d+ True$/gm)?.length !== text.trim().split('\n').length) return [`${name}: ${text}`];
    if (name.startsWith('tracepath pod') && !text.includes(`pmtu ${lab.look.mtu}`)) return [`${name}: no pmtu ${lab.look.mtu}: ${text}`];
    if (/^ping 56 /.test(name) && !text.includes('1 received')) return [`${name}: ${text}`];
    return [];
  });
}
