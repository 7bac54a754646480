/**
 * The API server under load: `node test/bench/api-server.ts [SERVICES [WATCHES [CHANGES PER SECOND]]]`, each 10,000, 1,000 and 100 unless told. The server is a process of its own,
 * spoken to over TLS; this one creates, lists, and follows. A client with its own copy of each line would not keep up on two processors: lines are counted.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type RequestOptions, request } from 'node:https';
import { ApiServer } from '../../src/apiserver/server.ts';
import { Authority } from '../../src/apiserver/tls/certificate.ts';
import { wallClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { bootstrap, newClusterStore, startHousekeeping } from '../../src/cluster/bootstrap.ts';

const SECONDS = 10;
const NEWLINE = 0x0a;
const [services = 10_000, watches = 1000, rate = 100] = process.argv.slice(2).map(Number);

interface Address {
  readonly port: number;
  readonly ca: string;
}

if (process.send !== undefined) await serve();
else await load();

async function serve(): Promise<void> {
  const store = newClusterStore({ clock: wallClock, random: systemRandom() });
  bootstrap(store);
  startHousekeeping(store);
  const authority = new Authority('bench', Date.now());
  const server = new ApiServer({
    store,
    token: 'bench',
    tls: authority.server('bench', ['127.0.0.1'], Date.now()),
    report: error => console.error(error),
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  process.send!({ port: Number(server.host.split(':')[1]), ca: authority.certificate } satisfies Address);
  process.on('disconnect', () => process.exit());
}

async function load(): Promise<void> {
  const server = fork(import.meta.filename, { execArgv: process.execArgv });
  const [{ port, ca }] = (await once(server, 'message')) as [Address];
  const agent = new Agent({ keepAlive: true, ca, maxSockets: 16 });
  const options = (path: string, more: RequestOptions = {}): RequestOptions => ({
    host: '127.0.0.1',
    port,
    ca,
    path,
    agent,
    ...more,
    headers: { authorization: 'Bearer bench', ...more.headers },
  });
  const send = (method: string, path: string, type: string, body?: unknown): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = request(options(path, { method, headers: { 'content-type': type } }), response => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => void chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      });
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });

  const path = '/api/v1/namespaces/default/services';
  let start = performance.now();
  const tell = (what: string): void => {
    console.log(`${what.padEnd(46)} ${((performance.now() - start) / 1000).toFixed(2)} s`);
    start = performance.now();
  };
  const names = Array.from({ length: services }, (_, i) => `s${i}`);
  const todo = [...names];
  const create = async (): Promise<void> => {
    for (let name = todo.pop(); name !== undefined; name = todo.pop())
      await send('POST', path, 'application/json', {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name, labels: { app: name } },
        spec: { selector: { app: name }, ports: [{ port: 80 }] },
      });
  };
  await Promise.all(Array.from({ length: 16 }, create));
  tell(`${services} Services created`);
  for (const when of ['first', 'again']) {
    const { length } = await send('GET', '/api/v1/services', '');
    tell(`listed, ${when} (${(length / 2 ** 20).toFixed(1)} MiB)`);
  }

  const { metadata } = JSON.parse(await send('GET', '/api/v1/services?limit=1', '')) as { metadata: { resourceVersion: string } };
  const seen = new Uint32Array(watches);
  const delays: number[] = [];
  const open = (i: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const follow = options(`/api/v1/services?watch=1&resourceVersion=${metadata.resourceVersion}`, {
        agent: new Agent({ ca, maxCachedSessions: 0 }),
      });
      get(follow, response => {
        response.on('data', (chunk: Buffer) => {
          // A few of them look at what they get.
          if (i % 50 === 0)
            for (const m of chunk.toString('latin1').matchAll(/"sent":"([\d.]+)"/g))
              delays.push(performance.timeOrigin + performance.now() - Number(m[1]));
          for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) seen[i]!++;
        });
        resolve();
      }).on('error', reject);
    });
  await Promise.all(Array.from(seen, (_, i) => open(i)));
  tell(`${watches} watches opened`);

  const changes: Promise<string>[] = [];
  while (performance.now() - start < SECONDS * 1000) {
    for (; changes.length < ((performance.now() - start) * rate) / 1000; ) {
      const annotations = { sent: String(performance.timeOrigin + performance.now()) };
      changes.push(
        send('PATCH', `${path}/${names[changes.length % services]}`, 'application/merge-patch+json', { metadata: { annotations } }),
      );
    }
    await new Promise(resolve => setTimeout(resolve, 2));
  }
  await Promise.all(changes);
  tell(`${changes.length} changes answered`);
  while (seen.some(count => count < changes.length)) await new Promise(resolve => setTimeout(resolve, 5));
  tell('the last of them seen by all, after');
  delays.sort((a, b) => a - b);
  console.log(
    `from change to watch: half within ${delays[delays.length >> 1]?.toFixed(0)} ms, 99 of 100 within ${delays[Math.floor(delays.length * 0.99)]?.toFixed(0)} ms`,
  );
  server.disconnect();
  process.exit();
}
