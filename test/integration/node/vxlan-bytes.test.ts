/**
 * Bytes through two routers and a tunnel, with offloads on: segments of 64 KiB in datagrams of many pieces, those of several connections and of writes of all
 * sizes beside each other. What arrives is what was sent.
 * Needs: root, for namespaces that processes can be put into by name.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { FULL } from '../../../src/bench/context.ts';
import { routerVxlan, type VxlanPlane } from '../../../src/bench/planes/vxlan.ts';
import { SERVICE_PORT, services } from '../../../src/bench/rules/services.ts';
import { inNetns } from '../../../src/bench/shell.ts';
import { SERVER_PORT } from '../../../src/bench/wires/bed.ts';

const missing = process.getuid?.() === 0 ? undefined : 'not root';
const STREAMS = 4;

/** Says the digest and the length of what came in, when the other side has ended. */
const SERVER = `
const { createHash } = require('node:crypto');
require('node:net').createServer({ allowHalfOpen: true }, socket => {
  const hash = createHash('sha256');
  let length = 0;
  socket.on('data', bytes => { hash.update(bytes); length += bytes.length; });
  socket.on('end', () => socket.end(hash.digest('hex') + ' ' + length));
}).listen(${SERVER_PORT}, () => console.log('listens'));
`;

/** Writes of all sizes; prints what it sent, and what the server says that it got. */
const CLIENT = `
const { createHash } = require('node:crypto');
const sizes = [1, 100, 1399, 5000, 70_000, 131_072, 900_001, 3_000_000];
const socket = require('node:net').connect(${SERVICE_PORT}, '${services(1)[0]!.clusterIp}');
const hash = createHash('sha256');
let seed = Number(process.argv[1]);
const next = n => { seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff; return (seed >>> 8) % n; };
const bytes = Buffer.alloc(3_000_000, 0);
for (let i = 0; i < bytes.length; i++) bytes[i] = next(256);
let length = 0;
for (let k = 0; k < 50; k++) {
  const size = sizes[next(sizes.length)];
  const at = next(bytes.length - size + 1);
  const piece = bytes.subarray(at, at + size);
  socket.write(piece);
  hash.update(piece);
  length += size;
}
socket.end();
let said = '';
socket.on('data', bytes => { said += bytes; });
socket.on('close', () => console.log(JSON.stringify({ sent: hash.digest('hex') + ' ' + length, said })));
`;

/** Frames and bytes that went out of an interface. */
function sentFrom(namespace: string, name: string): { packets: number; bytes: number } {
  const [link] = JSON.parse(execFileSync('ip', ['-j', '-n', namespace, '-s', 'link', 'show', name], { encoding: 'utf8' }));
  return link.stats64.tx;
}

describe.skipIf(missing)(`a tunnel between two routers${missing ? ` (skipped: ${missing})` : ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-vxlan-bytes-'));
  let plane: VxlanPlane | undefined;
  let server: ChildProcess | undefined;
  afterAll(async () => {
    server?.kill();
    await plane?.close();
    for (const { namespace } of plane?.bed.nodes ?? [])
      for (const kind of ['yaml', 'rules']) rmSync(`/run/${namespace}.${kind}`, { force: true });
    rmSync(folder, { recursive: true, force: true });
  });

  test('leaves the bytes of connections as they are', { timeout: 120_000 }, async () => {
    process.env.XDG_RUNTIME_DIR = folder;
    const options = { rows: [], rounds: 1, quick: true, profile: null };
    plane = await routerVxlan({ options, times: FULL, progress: () => {} }, `vb${process.pid}`, {
      services: services(1),
      transport: 'tcp',
    });
    const { bed } = plane;
    const node = (namespace: string, code: string, ...args: string[]) => {
      const [tool, ...rest] = inNetns(namespace, [process.execPath, '-e', code, ...args]);
      return spawn(tool!, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
    };
    server = node(bed.server, SERVER);
    await once(server.stdout!, 'data');
    const clients = Array.from({ length: STREAMS }, async (_, i) => {
      const child = node(bed.client, CLIENT, String(i + 1));
      let text = '';
      child.stdout!.on('data', piece => {
        text += piece;
      });
      await once(child, 'close');
      return JSON.parse(text) as { sent: string; said: string };
    });
    for (const { sent, said } of await Promise.all(clients)) {
      expect(sent).toMatch(/^[0-9a-f]{64} [0-9]{7,9}$/);
      expect(said).toBe(sent);
    }
    // It did go in datagrams of many pieces.
    const { packets, bytes } = sentFrom(bed.nodes[0]!.namespace, 'eth0');
    expect(bytes / packets).toBeGreaterThan(5000);
  });
});
