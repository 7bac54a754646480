/** Packet counters of an interface, read from outside its namespace at a known moment. */
import { readFileSync } from 'node:fs';
import { LabError } from '../../base/errors.ts';
import { insideNetns } from '../../os/netns.ts';
import { netnsPath } from '../shell.ts';

export interface Reading {
  /** Milliseconds, as `performance.now`. */
  readonly atMs: number;
  readonly packets: number;
}

/** Packets that `eth0` of a namespace has received so far. A veth counts what was really put into its queue, not what was tried. */
export function received(namespace: string): Reading {
  const { atMs, text } = insideNetns(netnsPath(namespace), () => ({
    atMs: performance.now(),
    text: readFileSync('/proc/thread-self/net/dev', 'utf8'),
  }));
  const line = text.split('\n').find(l => l.trimStart().startsWith('eth0:'));
  if (line === undefined) throw new LabError('DEVICE', `"eth0" of namespace "${namespace}": it is not there`);
  return { atMs, packets: Number(line.split(':')[1]!.trim().split(/\s+/)[1]) };
}

export const perSecond = (from: Reading, to: Reading): number => ((to.packets - from.packets) * 1000) / (to.atMs - from.atMs);
