import { createSocket } from 'node:dgram';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { Forwarder, serverOf } from '../../src/dns/forwarder.ts';
import { Responder } from '../../src/dns/responder.ts';
import { DnsServer } from '../../src/dns/server.ts';
import { FrameReader, framed } from '../../src/dns/tcp-frames.ts';
import { decode, encode, type Message, Rcode } from '../../src/wire/dns.ts';
import { Class, Type } from '../../src/wire/dns-record.ts';
import { cluster, resolverOf, slice } from './support/cluster.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

const query = (name: string, id = 1): Message => ({
  ...{ id, opcode: 0, rcode: 0, response: false, authoritative: false, truncated: false },
  ...{ recursionDesired: true, recursionAvailable: false, authenticData: false, checkingDisabled: false },
  questions: [{ name, type: Type.A, class: Class.IN }],
  ...{ answers: [], authorities: [], additionals: [] },
});
const WEB = 'web.default.svc.cluster.local.';
const MANY = 'db.default.svc.cluster.local.';

/** `db` has 200 endpoints: more than fit into a datagram. */
async function serve(options: { forwarder?: Forwarder; idleMs?: number; mostConnections?: number } = {}): Promise<DnsServer> {
  const index = cluster();
  index.set(
    'EndpointSlice',
    slice(
      'db',
      Array.from({ length: 200 }, (_, i) => ({ addresses: [`10.244.3.${i}`] })),
    ),
  );
  const { forwarder, ...rest } = options;
  const lookup = forwarder === undefined ? {} : { lookup: forwarder.lookup.bind(forwarder) };
  const responder = new Responder({ resolver: resolverOf(index), ...lookup });
  const server = await DnsServer.listen({ responder, address: '127.0.0.1', port: 0, ...rest });
  open.push(server);
  return server;
}

const forwarderTo = (servers: readonly string[], timeoutMs = 2000): Forwarder =>
  new Forwarder({ servers, random: new SeededRandom(3), timeoutMs });
const question = (name: string) => ({ name, type: Type.A, class: Class.IN });

function tcp(port: number): Promise<{ socket: Socket; messages: Message[]; answered(n: number): Promise<void>; closed: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1');
  open.push({ close: () => socket.destroy() });
  const messages: Message[] = [];
  const waiting: { n: number; resolve(): void }[] = [];
  const frames = new FrameReader(b => {
    messages.push(decode(b) as Message);
    for (const { n, resolve } of waiting) if (messages.length >= n) resolve();
  });
  socket.on('data', chunk => frames.push(chunk));
  socket.on('error', () => undefined);
  const closed = new Promise(resolve => socket.once('close', resolve));
  const answered = (n: number) => new Promise<void>(resolve => (messages.length >= n ? resolve() : waiting.push({ n, resolve })));
  return new Promise(resolve => socket.once('connect', () => resolve({ socket, messages, answered, closed })));
}

describe('the server', () => {
  test('answers over UDP, and over TCP on the same port', async () => {
    const server = await serve();
    const answer = await forwarderTo([`127.0.0.1:${server.port}`]).lookup(question(WEB), true);
    expect(answer!.answers).toMatchObject([{ type: 'A', address: '10.96.0.11' }]);
    const { socket, messages, answered } = await tcp(server.port);
    socket.write(framed(encode(query(WEB, 77))));
    await answered(1);
    expect(messages[0]).toMatchObject({ id: 77, answers: [{ address: '10.96.0.11' }] });
  });

  test('takes many questions on one connection, cut anywhere', async () => {
    const { socket, messages, answered } = await tcp((await serve()).port);
    const all = Buffer.concat(Array.from({ length: 300 }, (_, id) => framed(encode(query(id % 2 ? MANY : WEB, id)))));
    for (let at = 0; at < all.length; at += 7) socket.write(all.subarray(at, at + 7));
    await answered(300);
    expect(messages.map(m => m.id)).toEqual(Array.from({ length: 300 }, (_, id) => id));
    expect(messages[1]!.answers).toHaveLength(200);
  });

  test('bears rubbish, half a message and a reset', async () => {
    const server = await serve();
    const bad = await tcp(server.port);
    bad.socket.write(Buffer.from([0, 0, 0, 3, 1, 2, 3, 255, 255, 1]));
    bad.socket.resetAndDestroy();
    const udp = createSocket('udp4');
    open.push({ close: () => udp.close() });
    await new Promise(resolve => udp.send(Buffer.from('rubbish, longer than a header'), server.port, '127.0.0.1', resolve));
    const good = await tcp(server.port);
    good.socket.write(framed(encode(query(WEB))));
    await good.answered(1);
    expect(good.messages[0]!.answers).toHaveLength(1);
  });

  test('closes a silent connection, and takes only so many', async () => {
    const server = await serve({ idleMs: 20, mostConnections: 1 });
    const first = await tcp(server.port);
    const second = await tcp(server.port);
    await Promise.all([first.closed, second.closed]);
    expect(server.responder.counters.of('dropped connection')).toBe(1);
  });

  test('gives its port back', async () => {
    const server = await serve();
    const { port } = server;
    const { closed } = await tcp(port);
    await server.close();
    await closed;
    open.pop();
    const again = await DnsServer.listen({ responder: new Responder({ resolver: resolverOf() }), address: '127.0.0.1', port });
    open.push(again);
    expect(again.port).toBe(port);
    await expect(DnsServer.listen({ responder: again.responder, address: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});

describe('the forwarder', () => {
  test('asks over TCP when the answer was cut', async () => {
    const server = await serve();
    const answer = await forwarderTo([`127.0.0.1:${server.port}`]).lookup(question(MANY), true);
    expect([answer!.truncated, answer!.answers.length]).toEqual([false, 200]);
    expect(server.responder.counters.all()).toMatchObject({ 'query A': 2, truncated: 1 });
  });

  test('goes on to the next server when one is silent or not there', async () => {
    const silent = createSocket('udp4');
    open.push({ close: () => silent.close() });
    await new Promise<void>(resolve => silent.bind(0, '127.0.0.1', resolve));
    const free = createServer();
    await new Promise<void>(resolve => free.listen(0, '127.0.0.1', resolve));
    const { port } = free.address() as { port: number };
    await new Promise(resolve => free.close(resolve));
    const { port: good } = await serve();
    const servers = [`127.0.0.1:${port}`, `127.0.0.1:${silent.address().port}`];
    expect((await forwarderTo([...servers, `127.0.0.1:${good}`], 50).lookup(question(WEB), true))!.answers).toHaveLength(1);
    expect(await forwarderTo(servers, 20).lookup(question(WEB), true)).toBeUndefined();
    expect(await forwarderTo([]).lookup(question(WEB), true)).toBeUndefined();
  });

  test('leaves alone what does not answer its question', async () => {
    const liar = createSocket('udp4');
    open.push({ close: () => liar.close() });
    liar.on('message', (b, { port }) => {
      const asked = decode(b) as Message;
      const right: Message = { ...asked, response: true, rcode: Rcode.NXDomain };
      const wrong = [
        { ...right, id: asked.id ^ 1 },
        { ...right, response: false },
        { ...right, questions: [question('other.test.')] },
        { ...right, questions: [] },
      ];
      for (const each of [...wrong, right]) liar.send(encode({ ...each, authoritative: each === right }), port, '127.0.0.1');
      liar.send('rubbish', port, '127.0.0.1');
    });
    await new Promise<void>(resolve => liar.bind(0, '127.0.0.1', resolve));
    const answer = await forwarderTo([`127.0.0.1:${liar.address().port}`]).lookup(question('MiXed.test.'), false);
    expect(answer).toMatchObject({ authoritative: true, rcode: Rcode.NXDomain, recursionDesired: false });
  });

  test('has only so many questions under way', async () => {
    const silent = createSocket('udp4');
    open.push({ close: () => silent.close() });
    await new Promise<void>(resolve => silent.bind(0, '127.0.0.1', resolve));
    const forwarder = new Forwarder({
      servers: [`127.0.0.1:${silent.address().port}`],
      random: new SeededRandom(1),
      timeoutMs: 100,
      most: 1,
    });
    const first = forwarder.lookup(question(WEB), true);
    const order: string[] = [];
    await Promise.all([first.then(() => order.push('first')), forwarder.lookup(question(WEB), true).then(() => order.push('second'))]);
    expect(order).toEqual(['second', 'first']);
  });

  test('is one server to another', async () => {
    const upstream = await serve();
    const server = await serve({ forwarder: forwarderTo([`127.0.0.1:${upstream.port}`]) });
    const { socket, messages, answered } = await tcp(server.port);
    socket.write(framed(encode(query('www.example.com.'))));
    await answered(1);
    expect(messages[0]!.rcode).toBe(Rcode.Refused);
    expect(upstream.responder.counters.of('response REFUSED')).toBe(1);
  });

  test('reads addresses with and without a port', () => {
    expect(['203.0.113.53', '203.0.113.53:5353', '[2001:db8::53]:5353', '[2001:db8::53]', '2001:db8::53'].map(serverOf)).toEqual([
      { address: '203.0.113.53', port: 53 },
      { address: '203.0.113.53', port: 5353 },
      { address: '2001:db8::53', port: 5353 },
      { address: '2001:db8::53', port: 53 },
      { address: '2001:db8::53', port: 53 },
    ]);
    expect(['', 'dns.example', '203.0.113.53:0', '203.0.113.53:70000'].map(serverOf)).toEqual([undefined, undefined, undefined, undefined]);
  });
});

test('frames come whole, however they are cut', () => {
  const messages = [new Uint8Array(0), Uint8Array.of(1), new Uint8Array(300).fill(7), new Uint8Array(65_535).fill(9)];
  const all = Buffer.concat(messages.map(framed));
  for (const step of [1, 2, 3, 299, 70_000]) {
    const got: Uint8Array[] = [];
    const frames = new FrameReader(b => got.push(Uint8Array.from(b)));
    for (let at = 0; at < all.length; at += step) frames.push(all.subarray(at, at + step));
    expect(got.map(b => [b.length, b[0]])).toEqual([
      [0, undefined],
      [1, 1],
      [300, 7],
      [65_535, 9],
    ]);
  }
});
