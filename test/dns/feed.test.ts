import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { EndpointSlices, Namespaces, Pods, resourceTypes, Services } from '../../src/cluster/resources/index.ts';
import type { ApiObject } from '../../src/cluster/store/object.ts';
import { Store } from '../../src/cluster/store/store.ts';
import { ClusterIndex } from '../../src/dns/cluster-index.ts';
import { applyFeedLine, FeedWriter } from '../../src/dns/feed.ts';
import { followStore } from '../../src/dns/follow-store.ts';
import { Forwarder } from '../../src/dns/forwarder.ts';
import { Class, Type } from '../../src/wire/dns-record.ts';

const metadata = (name: string, labels?: Record<string, string>) => ({
  name,
  namespace: 'default',
  ...(labels === undefined ? {} : { labels }),
});

function storeWithWeb(): { store: Store; run: () => void } {
  const turns: (() => void)[] = [];
  const store = new Store({
    types: resourceTypes,
    clock: new VirtualClock(1_700_000_000_000),
    random: new SeededRandom(1),
    schedule: run => turns.push(run),
  });
  const create = (type: (typeof resourceTypes)[number], object: object) => store.create(type, object as ApiObject);
  create(Namespaces as never, { metadata: { name: 'default' } });
  create(Services as never, { metadata: metadata('web'), spec: { clusterIP: '10.96.0.11', ports: [{ name: 'http', port: 80 }] } });
  create(EndpointSlices as never, {
    metadata: metadata('web-a', { 'kubernetes.io/service-name': 'web' }),
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.244.1.2'], conditions: { ready: true }, hostname: 'first' }],
    ports: [{ name: 'http', port: 80 }],
  });
  return {
    store,
    run: () => {
      for (const turn of turns.splice(0)) turn();
    },
  };
}

describe('an index that follows the store', () => {
  /** Directly, and by lines in between: both must come to the same. */
  test.each(['directly', 'by lines'])('%s, knows at once what is there, and hears of changes', way => {
    const { store, run } = storeWithWeb();
    const index = new ClusterIndex(() => 1);
    const stop = followStore(store, way === 'directly' ? index : new FeedWriter(line => applyFeedLine(line, index)));
    expect([index.synced, index.service('default', 'web')?.clusterIps]).toEqual([true, ['10.96.0.11']]);
    expect(index.endpointsAt('10.244.1.2')[0]).toMatchObject({
      service: 'web',
      addresses: [{ hostname: 'first' }],
      ports: [{ name: 'http', port: 80 }],
    });
    run();
    store.modify(EndpointSlices, 'default', 'web-a', draft => {
      draft.endpoints![0]!.conditions = { ready: false };
    });
    store.create(Pods, { apiVersion: 'v1', kind: 'Pod', metadata: metadata('a'), spec: { containers: [{ name: 'a', image: 'a' }] } });
    store.modify(Pods, 'default', 'a', draft => Object.assign(draft.status!, { podIP: '10.244.1.7' }), { subresource: 'status' });
    run();
    expect([index.endpointsAt('10.244.1.2'), index.hasPod('default', '10.244.1.7')]).toEqual([[], true]);
    store.delete(Services, 'default', 'web');
    run();
    expect(index.service('default', 'web')).toBeUndefined();
    stop();
    store.delete(EndpointSlices, 'default', 'web-a');
    run();
    expect(index.endpoints('default', 'web')).toHaveLength(1);
  });
});

describe('the program', () => {
  const children: ReturnType<typeof spawn>[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  test('answers from what it is fed, says so, and ends with SIGTERM or with its feed', async () => {
    const { store, run } = storeWithWeb();
    const folder = mkdtempSync(join(tmpdir(), 'kubehop-dns-'));
    const corefile = join(folder, 'Corefile');
    writeFileSync(corefile, '.:0 {\n log\n cache\n kubernetes cluster.local {\n  ttl 7\n }\n}\n');
    const start = async (...words: string[]) => {
      const path = fileURLToPath(new URL('../../src/dns/program.ts', import.meta.url));
      const child = spawn(process.execPath, [path, '--address', '127.0.0.1', '--port', '0', ...words], {
        stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
      });
      children.push(child);
      const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
      const feed = child.stdio[3] as Writable;
      const stop = followStore(store, new FeedWriter(line => feed.write(line)));
      const warning = words.length > 0 ? (await lines.next()).value : '';
      const [, port] = (await lines.next()).value!.split('.:');
      const forwarder = new Forwarder({ servers: [`127.0.0.1:${port}`], random: new SeededRandom(2) });
      return {
        child,
        lines,
        feed,
        stop,
        warning,
        lookup: (name: string) => forwarder.lookup({ name, type: Type.A, class: Class.IN }, true),
      };
    };
    const first = await start();
    expect((await first.lookup('web.default.svc.cluster.local.'))!.answers).toMatchObject([{ address: '10.96.0.11' }]);
    expect((await first.lines.next()).value).toMatch(
      /^\[INFO\] 127\.0\.0\.1:\d+ - \d+ "A IN web\.default\.svc\.cluster\.local\. udp 58 false 1232" NOERROR qr,aa,rd 74 0\.\d+s$/,
    );
    first.stop();
    first.child.kill('SIGTERM');
    expect(await once(first.child, 'exit')).toEqual([0, null]);
    run();
    const second = await start('-conf', corefile);
    expect(second.warning).toBe('[WARNING] plugin "cache": not known here, left out');
    expect((await second.lookup('web.default.svc.cluster.local.'))!.answers).toMatchObject([{ ttl: 7 }]);
    rmSync(folder, { recursive: true });
    second.stop();
    second.feed.end();
    expect(await once(second.child, 'exit')).toEqual([0, null]);
  });
});
