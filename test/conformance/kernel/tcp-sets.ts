/** The sets about TCP's connections, asked of a kernel. */
import { Ips } from '../../../src/conntrack/status.ts';
import { tcpStateNames } from '../../../src/conntrack/tcp/states.ts';
import { Hook } from '../../../src/packet/verdict.ts';
import { reverse, type Tcp, tcpPacket } from '../../conntrack/packets.ts';
import { Network } from '../net/network.ts';
import { PlainHost } from '../net/plain-host.ts';
import { ruledHost } from '../net/plane.ts';
import { expectSame, failed, passed, unsupported, type Verdict } from '../set.ts';
import { allowedStates, handshake, packetNamed, type TrackerCase, type TrackerPacket } from '../sets/gvisor-tcp-tracker.ts';
import { optionsOf, type SequenceCase } from '../sets/netfilter-tcp-sequences.ts';
import type { TransitionCase } from '../sets/netfilter-tcp-transitions.ts';
import { type BoundCase, MAX_ACK_WINDOW, WINDOW } from '../sets/netfilter-tcp-window-rules.ts';
import { BACKEND, type Judged, POD, Tracker } from './tracker.ts';

const client: Tcp = { src: POD, sport: 40_000, dst: BACKEND, dport: 80, window: WINDOW };
const server = reverse(client);
const LIBERAL = 'net.netfilter.nf_conntrack_tcp_be_liberal';

/** gvisor/tcp-tracker. */
export function trackerOnKernel(c: TrackerCase): Verdict {
  const t = new Tracker();
  const send = (s: Omit<TrackerPacket, 'expect'>): Judged => {
    const ends = s.dir === 'orig' ? client : reverse(client);
    const options = s.wscale ? [3, 3, s.wscale] : [];
    return t.send(tcpPacket({ ...ends, flags: s.flags, seq: s.seq, ack: s.ack, window: s.win, length: s.len, options }));
  };
  if (c.packets) {
    const verdicts = c.packets.map((s, n) => {
      const got = send(s);
      const linux = c.linuxExpect?.[n];
      if (linux) return expectSame(`packet ${n}`, [linux.ctinfo, linux.tcpState], [got.ctinfo, got.tcpState]);
      const allowed = allowedStates[s.expect];
      if (!allowed) return unsupported(`no expectation "${s.expect}"`);
      return got.tcpState !== null && allowed.includes(got.tcpState)
        ? passed
        : failed(`packet ${n}: expected ${s.expect}, got ${got.tcpState}`);
    });
    return verdicts.find(v => v.kind !== 'passed') ?? passed;
  }
  let now = 0;
  for (const step of c.timeline ?? []) {
    t.wait((step.atS - now) * 1000);
    now = step.atS;
    const packets = step.packet === 'handshake' ? handshake : step.packet === undefined ? [] : [packetNamed(step.packet)];
    for (const s of packets) {
      if (!s) return unsupported(`no packet "${step.packet}"`);
      send(s);
    }
    const expected = c.linuxExpect?.find(l => l.atS === step.atS)?.tracked ?? step.expectTracked;
    const tracked = t.entry() !== undefined;
    if (expected !== undefined && tracked !== expected) return failed(`at ${step.atS} s: expected tracked ${expected}, got ${tracked}`);
  }
  return passed;
}

const classes: Record<string, string> = { syn: 'S', synack: 'SA', fin: 'FA', ack: 'A', rst: 'R', none: '' };

/** netfilter/tcp-transitions: an entry is put into the state by conntrack(8), windows do not count. */
export function transitionOnKernel(c: TransitionCase): Verdict {
  if (c.from === 'NONE' && c.dir === 'reply') return unsupported('a packet of no connection has no direction');
  const t = new Tracker();
  t.host.sysctl(LIBERAL, 1);
  if (c.from !== 'NONE') {
    t.host.tool('conntrack', [
      ...['-I', '-p', 'tcp', '-s', POD, '-d', BACKEND, '--sport', '40000', '--dport', '80', '--state', c.from],
      ...['-t', '100', '-u', 'SEEN_REPLY'],
    ]);
  }
  const got = t.send(tcpPacket({ ...(c.dir === 'reply' ? server : client), flags: classes[c.packet]!, seq: 1000, ack: 5000 }));
  if (c.to === 'INVALID') return expectSame('the packet is', 'invalid', got.ctinfo);
  if (c.to === 'IGNORE') return expectSame('packet and state', ['valid', c.from], [got.ctinfo, got.tcpState]);
  return expectSame('next state', c.to, got.tcpState);
}

/** netfilter/tcp-window-rules. */
export function windowOnKernel(c: BoundCase): Verdict {
  const bounds: Record<string, (off: number, clientNext: number, serverNext: number) => Partial<Tcp>> = {
    // The server has acknowledged all and offers a window.
    'data-upper': (off, seq, ack) => ({ seq: seq + WINDOW + off, ack }),
    'data-lower': (off, seq, ack) => ({ seq: seq - WINDOW - off, ack }),
    'ack-upper': (off, seq, ack) => ({ seq, ack: ack + off }),
    'ack-lower': (off, seq, ack) => ({ seq, ack: ack - MAX_ACK_WINDOW - off }),
  };
  const make = bounds[c.bound];
  if (!make) return unsupported(`no bound "${c.bound}"`);
  const valid = [-1, 0, 1].map(off => {
    const t = new Tracker();
    t.complain();
    const send = (tcp: Tcp): Judged => t.send(tcpPacket(tcp));
    send({ ...client, flags: 'S', seq: 999 });
    send({ ...server, flags: 'SA', seq: 4999, ack: 1000 });
    send({ ...client, flags: 'A', seq: 1000, ack: 5000 });
    let [clientNext, serverNext] = [1000, 5000];
    for (let n = 0; n < 20; n++) {
      send({ ...client, flags: 'PA', seq: clientNext, ack: serverNext, length: 5000 });
      clientNext += 5000;
      send({ ...server, flags: 'PA', seq: serverNext, ack: clientNext, length: 5000 });
      serverNext += 5000;
    }
    send({ ...client, flags: 'A', seq: clientNext, ack: serverNext });
    return send({ ...client, flags: 'A', ...make(off, clientNext, serverNext) }).complaint === undefined;
  });
  return expectSame('valid before, at and past the bound', [true, true, false], valid);
}

const HOST = '192.168.56.11';
const PEER = '203.0.113.9';
const GATEWAY = '192.168.56.1';

/** netfilter/tcp-sequences: the host's own sockets, behind rules that drop what is INVALID. */
export function sequenceOnKernel(c: SequenceCase): Verdict {
  const network = new Network();
  const link = { name: 'eth0', segment: 'link' };
  const host = network.add(
    ruledHost({
      name: 'host',
      interfaces: [{ ...link, mac: '02:00:00:00:00:01', addresses: [`${HOST}/24`] }],
      routes: [{ to: 'default', via: GATEWAY }],
    }),
  );
  const spec = { name: 'peer', interfaces: [{ ...link, mac: '02:00:00:00:00:02', addresses: [`${GATEWAY}/24`] }], routes: [] };
  const peer = network.add(new PlainHost({ ...spec, everybody: true }));
  host.stack.silent = true;
  peer.stack.silent = true;
  for (const chain of ['INPUT', 'OUTPUT']) host.iptables(['-A', chain, '-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP']);
  const [hostPort, peerPort] = c.initiator === 'out' ? [40_000, c.port] : [c.port, 40_000];
  const invalid = { in: 0, out: 0 };
  for (const [n, s] of c.packets.entries()) {
    if (s.gapMs) network.advance(s.gapMs);
    const out = s.dir === 'out';
    const ends = out
      ? { src: HOST, sport: hostPort, dst: PEER, dport: peerPort }
      : { src: PEER, sport: peerPort, dst: HOST, dport: hostPort };
    const numbers = { seq: s.seq, ack: s.ack ?? 0, window: s.win ?? 65_535, length: s.len, options: optionsOf(s.opts) };
    const p = tcpPacket({ ...ends, flags: s.flags, ...numbers });
    network.begin();
    network.send({ host: out ? host : peer, bytes: p.bytes.slice(p.l3, p.end) });
    // What is let pass is seen at the end of the hook.
    const bad = !host.hooks.some(h => h.hook === (out ? Hook.Output : Hook.Input));
    if (bad) invalid[s.dir]++;
    const e = s.expect;
    const where = `packet ${n}`;
    if (e?.ctinfo !== undefined && (e.ctinfo === 'invalid') !== bad)
      return failed(`${where}: expected ${e.ctinfo}, got ${bad ? 'invalid' : 'valid'}`);
    const [src, dst, ports] = c.initiator === 'out' ? [HOST, PEER, (hostPort << 16) | peerPort] : [PEER, HOST, (peerPort << 16) | hostPort];
    const entry = host.entry(src, dst, ports, 6);
    const state = entry && tcpStateNames[entry.state];
    if (e?.tcpState !== undefined && state !== e.tcpState) return failed(`${where}: expected ${e.tcpState}, got ${state}`);
    const status = entry?.status ?? 0;
    for (const flag of e?.entryFlags ?? []) {
      const has = flag === 'ASSURED' ? (status & Ips.Assured) !== 0 : flag === 'UNREPLIED' ? (status & Ips.SeenReply) === 0 : undefined;
      if (has !== true) return failed(`${where}: expected ${flag}`);
    }
  }
  for (const dir of ['in', 'out'] as const) {
    const want = c.expectInvalidCount?.[dir];
    if (want !== undefined && want !== invalid[dir]) return failed(`invalid ${dir}: expected ${want}, got ${invalid[dir]}`);
  }
  return passed;
}
