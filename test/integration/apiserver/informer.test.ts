import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CoreV1Api, type Informer, KubeConfig, makeInformer, type ObjectCache, type V1Service } from '@kubernetes/client-node';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeKubeconfig } from '../../../src/apiserver/kubeconfig.ts';
import { ApiServer } from '../../../src/apiserver/server.ts';
import { Authority } from '../../../src/apiserver/tls/certificate.ts';
import { wallClock } from '../../../src/base/clock.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { bootstrap, openClusterStore } from '../../../src/cluster/bootstrap.ts';
import { Services } from '../../../src/cluster/resources/index.ts';
import type { Store } from '../../../src/cluster/store/store.ts';

/** An API server over a file, as a process that comes and goes on the same port. */
class Life {
  readonly store: Store;
  readonly #close: () => void;
  readonly server: ApiServer;
  constructor(file: string, authority: Authority, compactFrom: number) {
    const { store, close } = openClusterStore(file, { clock: wallClock, random: systemRandom() }, { compactFrom });
    bootstrap(store);
    this.store = store;
    this.#close = close;
    const tls = authority.server('kube-apiserver', ['127.0.0.1'], Date.now());
    this.server = new ApiServer({ store, token: 'sesame', tls, report: error => expect.fail(String(error)) });
  }
  async end(): Promise<void> {
    await this.server.close();
    this.#close();
  }
  make(name: string): void {
    this.store.create(Services, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: { ports: [{ port: 80 }] },
    });
  }
  change(name: string, note: string): void {
    this.store.modify(Services, 'default', name, draft => {
      draft.metadata.annotations = { note };
    });
  }
  remove(name: string): void {
    this.store.delete(Services, 'default', name);
  }
}

let folder: string;
let life: Life;
let informer: Informer<V1Service> & ObjectCache<V1Service>;
let seen: string[];
let port = 0;
const authority = new Authority('kubehop lab', Date.now());

async function begin(compactFrom = 1 << 20, before: (life: Life) => void = () => {}): Promise<void> {
  life = new Life(join(folder, 'cluster'), authority, compactFrom);
  before(life);
  await life.server.listen({ host: '127.0.0.1', port });
  port = Number(life.server.host.split(':')[1]);
}

const until = async (what: string, holds: () => boolean): Promise<void> => {
  const end = Date.now() + 15_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`${what}: it did not come; seen: ${seen.join(', ')}`);
    await new Promise(resolve => setTimeout(resolve, 20));
  }
};
const cached = (): string[] =>
  informer
    .list()
    .map(({ metadata }) => `${metadata!.name} ${metadata!.resourceVersion}`)
    .sort();
const stored = (): string[] =>
  life.store
    .list(Services)
    .items.map(({ metadata }) => `${metadata.name} ${metadata.resourceVersion}`)
    .sort();
const agrees = (): boolean => JSON.stringify(cached()) === JSON.stringify(stored());

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kubehop-informer-'));
  seen = [];
  port = 0;
  await begin();
  const config = join(folder, 'config');
  writeKubeconfig(config, { name: 'lab', server: life.server.url, ca: authority.certificate, token: 'sesame' });
  const kubeconfig = new KubeConfig();
  kubeconfig.loadFromFile(config);
  const api = kubeconfig.makeApiClient(CoreV1Api);
  informer = makeInformer(kubeconfig, '/api/v1/services', () => api.listServiceForAllNamespaces());
  for (const event of ['add', 'update', 'delete'] as const)
    informer.on(event, ({ metadata }) => void seen.push(`${event} ${metadata!.name} ${metadata!.annotations?.note ?? ''}`.trim()));
  let again: NodeJS.Timeout;
  // As its documentation says: whoever has an error starts it again.
  informer.on('error', () => {
    clearTimeout(again);
    again = setTimeout(() => void informer.start(), 50);
  });
  life.make('web');
  await informer.start();
  await until('the first list', agrees);
});
afterEach(async () => {
  await informer.stop();
  await life.end();
  rmSync(folder, { recursive: true });
});

test('an informer sees each change, in order', async () => {
  for (let i = 0; i < 50; i++) life.change('web', String(i));
  life.make('other');
  life.remove('web');
  await until('all of it', () => seen.length === 53);
  expect(seen).toEqual(['add web', ...Array.from({ length: 50 }, (_, i) => `update web ${i}`), 'add other', 'delete web 49']);
});

test('an informer goes on after restarts of the server, and misses nothing that happened meanwhile', async () => {
  for (let round = 0; round < 4; round++) {
    life.change('web', `${round} before`);
    await life.end();
    await begin(1 << 20, next => {
      next.change('web', `${round} during`);
      next.make(`s${round}`);
      if (round > 0) next.remove(`s${round - 1}`);
    });
    life.change('web', `${round} after`);
    await until(`round ${round}`, agrees);
  }
  expect(seen.filter(text => text.startsWith('update web')).map(text => text.slice('update web '.length))).toEqual(
    [0, 1, 2, 3].flatMap(round => [`${round} before`, `${round} during`, `${round} after`]),
  );
  expect(seen.filter(text => !text.startsWith('update'))).toEqual([
    'add web',
    'add s0',
    'add s1',
    'delete s0',
    'add s2',
    'delete s1',
    'add s3',
    'delete s2',
  ]);
});

test('an informer lists again when the past is gone', async () => {
  await life.end();
  await begin(500, next => {
    for (let i = 0; i < 50; i++) next.change('web', String(i));
    next.make('new');
    next.remove('web');
  });
  await until('the list', agrees);
  expect(cached()).toHaveLength(1);
  life.make('more');
  await until('what comes then', agrees);
});
