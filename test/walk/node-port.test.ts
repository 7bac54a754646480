/**
 * The walk of a request to a NodePort, as guides to Kubernetes networking tell it: chain by chain from KUBE-NODEPORTS to the DNAT, the
 * mark, and a conntrack entry whose answers go to 10.244.0.0.
 */
import { describe, expect, test } from 'vitest';
import { chainsOf, eventsOf, fixture, tell } from './support.ts';

const rules = fixture('node-port.rules');
const around = {
  addresses: ['eth0=192.168.11.170/24', 'flannel.1=10.244.0.0/32', 'cni0=10.244.0.1/24'],
  routes: ['10.244.1.0/24 via 10.244.1.0 dev flannel.1 onlink', '10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink'],
};
const request = 'tcp 192.168.11.50:49356 > 192.168.11.170:30080';
const backends = [
  { number: 1, share: 0.5, to: 'KUBE-SEP-B3ORHEA6RRRCAMQ6' },
  { number: 2, share: 0.5, to: 'KUBE-SEP-NAHLKICCZBPYNBXJ' },
];

describe('a request from outside to a node port', () => {
  const { story, text } = tell(rules, request, around, { in: 'eth0', choose: 2 });

  test('passes the chains in their order', () => {
    expect(chainsOf(story, 'nat')).toEqual([
      'PREROUTING',
      'KUBE-SERVICES',
      'KUBE-NODEPORTS',
      'KUBE-EXT-7WM2IUBQOCTRHK5M',
      'KUBE-MARK-MASQ',
      'KUBE-EXT-7WM2IUBQOCTRHK5M',
      'KUBE-SVC-7WM2IUBQOCTRHK5M',
      'KUBE-SEP-NAHLKICCZBPYNBXJ',
      'POSTROUTING',
      'KUBE-POSTROUTING',
      'KUBE-POSTROUTING',
    ]);
  });

  test('meets the hooks in their order', () => {
    expect(eventsOf(story, 'hook').map(e => `${e.hook} ${e.in} ${e.out} ${e.mark.toString(16)}`)).toEqual([
      'PREROUTING eth0 null 0',
      'FORWARD eth0 flannel.1 4000',
      'POSTROUTING eth0 flannel.1 4000',
    ]);
  });

  test('is marked for masquerading by KUBE-MARK-MASQ, and loses the mark on the way out', () => {
    const marks = eventsOf(story, 'rule').flatMap(e => e.changes.filter(c => c.what === 'mark').map(c => `${e.chain} ${c.from} ${c.to}`));
    expect(marks).toEqual(['KUBE-MARK-MASQ 0x0 0x4000', 'KUBE-POSTROUTING 0x4000 0x0']);
    expect(story.outcome.packet.mark).toBe(0);
  });

  test('is sent to one of two pods, half of the flows to each', () => {
    expect(eventsOf(story, 'rule').flatMap(e => e.choice ?? [])).toEqual([{ kind: 'random', backends, taken: 2, forced: true }]);
  });

  test('gets the pod as its destination by one DNAT: no ClusterIP in between', () => {
    expect(eventsOf(story, 'translated').map(e => [e.side, e.to])).toEqual([
      ['destination', { address: '10.244.3.13', port: 80 }],
      ['source', { address: '10.244.0.0', port: null }],
    ]);
  });

  test('is masqueraded behind the address of flannel.1, by which it leaves, and not behind that of eth0', () => {
    const change = eventsOf(story, 'rule').flatMap(e => e.changes.filter(c => c.what === 'source'))[0];
    expect(change).toEqual({
      what: 'source',
      from: '192.168.11.50:49356',
      to: '10.244.0.0, a random port',
      because: '10.244.0.0 is the first address of flannel.1, the interface it leaves by',
    });
  });

  test('leaves a flow whose answers come to 10.244.0.0', () => {
    expect(story.flow).toEqual({
      original: { source: { address: '192.168.11.50', port: 49356 }, destination: { address: '192.168.11.170', port: 30080 } },
      reply: { source: { address: '10.244.3.13', port: 80 }, destination: { address: '10.244.0.0', port: null } },
    });
    expect(story.outcome).toMatchObject({ verdict: 'ACCEPT', fate: 'forwarded', out: 'flannel.1', nextHop: '10.244.3.0' });
  });

  test('is told with the lines of the file', () => {
    const lines = rules.split('\n');
    for (const e of eventsOf(story, 'rule')) expect(lines[e.line - 1]).toBe(e.text);
    expect(text).toBe(fixture('node-port.txt').trimEnd());
  });
});

test('the other pod is chosen by --choose 1', () => {
  const { story } = tell(rules, request, around, { in: 'eth0', choose: 1 });
  expect(story.outcome.packet.destination).toEqual({ address: '10.244.1.16', port: 80 });
});

test('without a choice the seed decides, and half of the seeds say so', () => {
  const pods = Array.from(
    { length: 100 },
    (_, seed) => tell(rules, request, around, { in: 'eth0', seed }).story.outcome.packet.destination.address,
  );
  const first = pods.filter(p => p === '10.244.1.16').length;
  expect(new Set(pods)).toEqual(new Set(['10.244.1.16', '10.244.3.13']));
  expect(first).toBeGreaterThan(30);
  expect(first).toBeLessThan(70);
});

test('a pod is not masqueraded when it asks for the ClusterIP', () => {
  const { story } = tell(rules, 'tcp 10.244.0.3:49182 > 10.104.109.9:80', around, { in: 'cni0', choose: 2 });
  expect(story.outcome.packet.source).toEqual({ address: '10.244.0.3', port: 49182 });
  expect(story.outcome.packet.destination).toEqual({ address: '10.244.3.13', port: 80 });
});

test('a hairpin is masqueraded: the pod that asks is the pod that answers', () => {
  const pods = { ...around, routes: [...around.routes, '10.244.1.16 dev veth1'] };
  const { story } = tell(rules, 'tcp 10.244.1.16:5000 > 10.104.109.9:80', pods, { in: 'veth1', choose: 1 });
  expect(chainsOf(story, 'nat')).toContain('KUBE-MARK-MASQ');
  expect(story.outcome.packet.source).toEqual({ address: null, port: null, unknown: 'the address of veth1' });
});

test('later packets of the flow ask the filter rules only', () => {
  const { story } = tell(rules, `${request} state established`, around, { in: 'eth0', choose: 2 });
  expect(chainsOf(story, 'nat')).toEqual([]);
  expect(eventsOf(story, 'not-asked').map(e => e.table)).toEqual(['nat', 'nat']);
  expect(chainsOf(story, 'filter')).toEqual(['FORWARD', 'KUBE-FORWARD']);
  expect(story.outcome.packet).toMatchObject({
    destination: { address: '10.244.3.13', port: 80 },
    source: { address: '10.244.0.0', port: null },
    flags: 'ACK',
  });
});
