import { describe, expect, test } from 'vitest';
import { noNamespaces, scenario, title } from './sandbox.ts';

const run = <T>(name: string, argument?: unknown) => scenario<T>('thread', name, argument);

describe.skipIf(noNamespaces)(title('a thread', noNamespaces), () => {
  test('moves between network namespaces alone, its children with it, and comes back after an error', async () => {
    expect(await run('moving')).toEqual({
      differs: 3,
      child: true,
      seen: [true, false], // /proc/net is that of the main thread
      inside: true,
      thrown: 'from inside',
      back: true,
      entered: true,
      refused: 'open network namespace "/run/netns/kubehop-absent": ENOENT',
    });
  });

  test('is woken out of poll by another thread, and never waits longer than a second', async () => {
    expect(await run('woken')).toEqual({ woken: true, socket: false, drained: true, again: false, waits: true });
  });
});

describe.skipIf(noNamespaces)(title('rtnetlink', noNamespaces), () => {
  test('reads links, addresses, routes and neighbours, and hears that they go', async () => {
    expect(await run('routing')).toEqual({
      link: { mtu: 1400, mac: '02:00:00:00:00:01', up: 1, master: 0 },
      addresses: ['10.9.0.1/24 10.9.0.255 true'],
      routes: [
        '10.6.0.0 16 900 6 0  ',
        '10.7.0.0 16 254 1 0   true 10.9.0.3 2 true 10.9.0.4 1',
        '10.8.0.0 16 254 1 7 10.9.0.1 1300 true 10.9.0.2 1',
        '10.9.0.0 24 254 1 0 10.9.0.1  true null 1',
      ],
      neighbours: ['10.9.0.2 02:00:00:00:00:02 128'],
      events: ['address true', 'link true near0', 'neighbour true', 'route true'],
    });
  });

  test('a bridge port that leaves is no link that is deleted', async () => {
    expect(await run('portLeaves')).toBe(0);
  });

  test('reads a dump of many messages whole', async () => {
    expect(await run('manyLinks')).toBe(60);
  });
});
