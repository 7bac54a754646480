/**
 * A client behind node1's node port, served by a pod on node2: every hop of a request and of its answer, as both data planes should show
 * it. What systems choose by themselves (ids, sequence numbers, the client's port, the envelope's port) comes from `chosen`; `spoil` changes
 * a frame on its way or takes it out.
 */
import type { CapturedFrame } from '../../../src/capture/captured-frame.ts';
import type { Run } from '../../../src/capture/compare/result.ts';
import { captured, type Described, frameBytes } from './frames.ts';

export const hops = [
  'client/eth0',
  'lan0',
  'node1/eth0',
  'node1/flannel.1',
  'node2/eth0',
  'node2/flannel.1',
  'node2/cni0',
  'pod-b/eth0',
] as const;

export const macs = new Map([
  ['02:00:00:00:00:09', 'client/eth0'],
  ['02:00:00:00:00:11', 'node1/eth0'],
  ['02:00:00:00:00:12', 'node2/eth0'],
  ['0a:58:00:00:02:01', 'node2/cni0'],
  ['0a:58:00:00:02:02', 'pod-b/eth0'],
]);

export interface Chosen {
  clientPort: number;
  /** First sequence numbers of client and server. */
  clientIsn: number;
  serverIsn: number;
  id: number;
  envelopePort: number;
  /** MACs of flannel.1 on node1 and node2: chosen at random by the kernel. */
  flannel: readonly [string, string];
}

export const chosenByUserspace: Chosen = {
  clientPort: 40_000,
  clientIsn: 1000,
  serverIsn: 900_000,
  id: 0x1000,
  envelopePort: 50_001,
  flannel: ['0e:aa:00:00:00:01', '0e:aa:00:00:00:02'],
};
export const chosenByKernel: Chosen = {
  clientPort: 51_234,
  clientIsn: 4_294_967_000,
  serverIsn: 77,
  id: 0x7777,
  envelopePort: 61_000,
  flannel: ['0e:bb:00:00:00:01', '0e:bb:00:00:00:02'],
};

/** One packet that an end sends. `seq` and `ack` count from the first sequence numbers. */
export interface Sent {
  by: 'client' | 'server';
  flags?: number;
  seq?: number;
  ack?: number;
  payload?: Uint8Array;
  protocol?: Described['protocol'];
}

export interface Step {
  hop: string;
  direction: 'in' | 'out';
  frame: Described;
  /** Number of the packet, from 0. */
  packet: number;
}

/** @returns undefined to take the frame out, several to send more. */
export type Spoil = (step: Step) => Step | readonly Step[] | undefined;

const NODE_PORT = 30_080;
const POD_PORT = 8080;

function steps(sent: Sent, packet: number, c: Chosen): Step[] {
  const request = sent.by === 'client';
  const base = {
    id: (c.id + packet) & 0xffff,
    protocol: sent.protocol ?? 'tcp',
    flags: sent.flags ?? 0x18,
    seq: ((request ? c.clientIsn : c.serverIsn) + (sent.seq ?? 0)) >>> 0,
    ack: sent.ack === undefined ? 0 : ((request ? c.serverIsn : c.clientIsn) + sent.ack) >>> 0,
    payload: sent.payload ?? new Uint8Array(0),
  } as const;
  const [client, node1, node2, cni0, pod] = [...macs.keys()] as [string, string, string, string, string];
  const [flannel1, flannel2] = c.flannel;
  const outside = { src: '203.0.113.9', srcPort: c.clientPort, dst: '192.168.56.11', dstPort: NODE_PORT };
  const inside = { src: '10.244.1.0', srcPort: c.clientPort, dst: '10.244.2.2', dstPort: POD_PORT };
  const turned = (t: typeof outside) => ({ src: t.dst, srcPort: t.dstPort, dst: t.src, dstPort: t.srcPort });
  const envelope = (there: boolean) => ({
    srcMac: there ? node1 : node2,
    dstMac: there ? node2 : node1,
    src: there ? '192.168.56.11' : '192.168.56.12',
    dst: there ? '192.168.56.12' : '192.168.56.11',
    srcPort: c.envelopePort + (there ? 0 : 1),
    vni: 1,
    id: (base.id + 5000) & 0xffff,
  });
  const step = (hop: string, direction: 'in' | 'out', frame: Omit<Described, keyof typeof base>): Step => ({
    hop,
    direction,
    packet,
    frame: { ...base, ...frame },
  });
  if (request) {
    const plain = { srcMac: client, dstMac: node1, ttl: 64, ...outside };
    const tunnel = { srcMac: flannel1, dstMac: flannel2, ttl: 63, ...inside };
    const last = { srcMac: cni0, dstMac: pod, ttl: 62, ...inside };
    return [
      step('client/eth0', 'out', plain),
      step('lan0', 'in', plain),
      step('node1/eth0', 'in', plain),
      step('node1/flannel.1', 'out', tunnel),
      step('node1/eth0', 'out', { ...tunnel, envelope: envelope(true) }),
      step('lan0', 'in', { ...tunnel, envelope: envelope(true) }),
      step('node2/eth0', 'in', { ...tunnel, envelope: envelope(true) }),
      step('node2/flannel.1', 'in', tunnel),
      step('node2/cni0', 'out', last),
      step('pod-b/eth0', 'in', last),
    ];
  }
  const first = { srcMac: pod, dstMac: cni0, ttl: 64, ...turned(inside) };
  const tunnel = { srcMac: flannel2, dstMac: flannel1, ttl: 63, ...turned(inside) };
  const plain = { srcMac: node1, dstMac: client, ttl: 62, ...turned(outside) };
  return [
    step('pod-b/eth0', 'out', first),
    step('node2/cni0', 'in', first),
    step('node2/flannel.1', 'out', tunnel),
    step('node2/eth0', 'out', { ...tunnel, envelope: envelope(false) }),
    step('lan0', 'in', { ...tunnel, envelope: envelope(false) }),
    step('node1/eth0', 'in', { ...tunnel, envelope: envelope(false) }),
    step('node1/flannel.1', 'in', tunnel),
    step('node1/eth0', 'out', plain),
    step('lan0', 'in', plain),
    step('client/eth0', 'in', plain),
  ];
}

/** What the hops of one run saw. */
export function runOf(sent: readonly Sent[], chosen: Chosen, spoil: Spoil = step => step, startNs = 1_700_000_000_000_000_000n): Run {
  const frames = new Map<string, CapturedFrame[]>(hops.map(hop => [hop, []]));
  let timeNs = startNs;
  for (const [packet, one] of sent.entries()) {
    for (const step of steps(one, packet, chosen)) {
      for (const s of [spoil(step) ?? []].flat()) {
        timeNs += 1000n;
        frames.get(s.hop)!.push(captured(s.hop, s.direction, timeNs, frameBytes(s.frame)));
      }
    }
  }
  return { hops: frames, macs };
}

/** From this hop on, along the request's way. */
export const from = (hop: (typeof hops)[number], step: Step): boolean =>
  hops.indexOf(step.hop as (typeof hops)[number]) >= hops.indexOf(hop);
