import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const SERVER = fileURLToPath(new URL('../../../src/lab/pod/echo-server.ts', import.meta.url));
const start = (port: number): ChildProcess =>
  spawn(process.execPath, ['--disable-warning=ExperimentalWarning', SERVER, 'web', 'node2', '127.0.0.1', String(port)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });

/** A port that nobody has at this moment. */
async function freePort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as AddressInfo;
  holder.close();
  await once(holder, 'close');
  return port;
}

describe('the server in a pod', () => {
  let server: ChildProcess;
  let url: string;
  beforeAll(async () => {
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    server = start(port);
    await once(server.stdout!, 'data');
  });
  afterAll(() => {
    server.kill();
  });

  test('says who it is and whom it saw', async () => {
    const response = await fetch(url);
    const { port, ...rest } = (await response.json()) as { port: number };
    expect(rest).toEqual({ pod: 'web', node: 'node2', client: '127.0.0.1' });
    expect(port).toBeGreaterThan(1023);
    expect(response.headers.get('date')).toBeNull();
  });

  test('gives ten mebibytes, always the same, with their checksum', async () => {
    const body = Buffer.from(await (await fetch(`${url}/10MiB`)).arrayBuffer());
    const known = (await (await fetch(`${url}/10MiB.sha256`)).text()).trim();
    expect(body.length).toBe(10 * 1024 * 1024);
    expect(createHash('sha256').update(body).digest('hex')).toBe(known);
  });

  test('knows no other path', async () => {
    expect((await fetch(`${url}/x`)).status).toBe(404);
  });

  test('says which port is taken', async () => {
    const second = start(Number(new URL(url).port));
    let said = '';
    second.stderr!.on('data', chunk => {
      said += chunk;
    });
    const [code] = await once(second, 'close');
    expect(code).toBe(1);
    expect(said).toBe(`cannot listen on 127.0.0.1:${new URL(url).port}: EADDRINUSE\n`);
  });
});
