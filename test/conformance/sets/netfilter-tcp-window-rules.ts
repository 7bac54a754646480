/** netfilter/tcp-window-rules: the four bounds of a valid segment, tried at the bound, one before it and one past it. */
import { ENTRY, MAXEND } from '../../../src/conntrack/layout.ts';
import { Invalid } from '../../../src/conntrack/statistics.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import { reverse, type Tcp, tcpPacket, world } from '../../conntrack/packets.ts';
import { defineSet, expectSame, unsupported, type Verdict } from '../set.ts';

export interface BoundCase {
  readonly id: string;
  readonly bound: string;
}

export const WINDOW = 8000;
export const MAX_ACK_WINDOW = 66_000;
const client: Tcp = { src: '10.244.1.5', sport: 40_000, dst: '10.244.2.7', dport: 80, window: WINDOW };
const server = reverse(client);

/** Is the segment of an open connection valid, in which both sides have sent `sent` bytes that were acknowledged? */
function valid(make: (numbers: { clientNext: number; serverNext: number; maxEnd: number }) => Partial<Tcp>): boolean {
  const w = world();
  const send = (t: Tcp): number => {
    const p = tcpPacket(t);
    w.ct.track(p, Hook.Prerouting);
    w.ct.confirm(p);
    return p.ct;
  };
  send({ ...client, flags: 'S', seq: 999 });
  send({ ...server, flags: 'SA', seq: 4999, ack: 1000 });
  const i = send({ ...client, flags: 'A', seq: 1000, ack: 5000 });
  let [clientNext, serverNext] = [1000, 5000];
  for (let n = 0; n < 20; n++) {
    send({ ...client, flags: 'PA', seq: clientNext, ack: serverNext, length: 5000 });
    clientNext += 5000;
    send({ ...server, flags: 'PA', seq: serverNext, ack: clientNext, length: 5000 });
    serverNext += 5000;
  }
  send({ ...client, flags: 'A', seq: clientNext, ack: serverNext });
  const maxEnd = w.ct.core.table.words[i * ENTRY + MAXEND]!;
  w.ct.core.lastInvalid = Invalid.None;
  send({ ...client, flags: 'A', ...make({ clientNext, serverNext, maxEnd }) });
  return w.ct.core.lastInvalid === Invalid.None;
}

const bounds: Record<string, (off: number) => boolean> = {
  'data-upper': off => valid(n => ({ seq: n.maxEnd + off, ack: n.serverNext })),
  'data-lower': off => valid(n => ({ seq: n.clientNext - WINDOW - off, ack: n.serverNext })),
  'ack-upper': off => valid(n => ({ seq: n.clientNext, ack: n.serverNext + off })),
  'ack-lower': off => valid(n => ({ seq: n.clientNext, ack: n.serverNext - MAX_ACK_WINDOW - off })),
};

export const tcpWindowRules = defineSet<BoundCase>('netfilter/tcp-window-rules', (c): Verdict => {
  const bound = bounds[c.bound];
  if (bound === undefined) return unsupported(`no bound "${c.bound}"`);
  return expectSame('valid before, at and past the bound', [true, true, false], [bound(-1), bound(0), bound(1)]);
});
