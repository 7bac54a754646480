import type { IncomingMessage } from 'node:http';
import { type Duplex, duplexPair, Writable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PodProcess } from '../../src/apiserver/streams/pod-programs.ts';
import { ProcessStream } from '../../src/apiserver/streams/remote-command.ts';
import { handshake, WebSocket } from '../../src/apiserver/streams/web-socket.ts';

const request = (protocols = 'v5.channel.k8s.io, v4.channel.k8s.io'): IncomingMessage =>
  ({
    headers: {
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'sec-websocket-protocol': protocols,
    },
  }) as unknown as IncomingMessage;

/** As a client sends it: masked. */
function frame(opcode: number, payload: Uint8Array, isFinal = true): Buffer {
  const mask = Buffer.from([1, 2, 3, 4]);
  const length =
    payload.length < 126 ? Buffer.from([0x80 | payload.length]) : Buffer.from([0xfe, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([
    Buffer.from([(isFinal ? 0x80 : 0) | opcode]),
    length,
    mask,
    Buffer.from(payload.map((byte, i) => byte ^ mask[i & 3]!)),
  ]);
}

function pair() {
  const [client, server] = duplexPair();
  const got: Buffer[] = [];
  client.on('data', (chunk: Buffer) => void got.push(chunk));
  return { client, server: server as Duplex, got: () => Buffer.concat(got) };
}
/** Streams hand on within a few turns of the loop, however long a turn takes. */
const settled = async () => {
  for (let turn = 0; turn < 30; turn++) await new Promise(resolve => setImmediate(resolve));
};

describe('a WebSocket', () => {
  test('is shaken hands on as in RFC 6455, section 1.3', () => {
    const { answer, protocol } = handshake(request(), ['v4.channel.k8s.io']);
    expect(answer).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
    expect(protocol).toBe('v4.channel.k8s.io');
    expect(() => handshake(request('other'), ['v4.channel.k8s.io'])).toThrow('none of the subprotocols');
    expect(() => handshake({ headers: {} } as IncomingMessage, ['x'])).toThrow('no WebSocket handshake');
  });

  const connected = () => {
    const { client, server, got } = pair();
    const messages: string[] = [];
    let closed = 0;
    const web = new WebSocket(server, Buffer.alloc(0), { message: data => void messages.push(data.toString()), closed: () => closed++ });
    return { client, web, got, messages, closed: () => closed };
  };
  test('takes messages in any pieces, answers a ping between them, and sends', async () => {
    const { client, web, got, messages } = connected();
    const long = 'x'.repeat(70_000);
    for (const byte of Buffer.concat([
      frame(2, Buffer.from('a')),
      frame(2, Buffer.from('b'), false),
      frame(9, Buffer.from('p')),
      frame(0, Buffer.from('c')),
    ]))
      client.write(Buffer.from([byte]));
    web.send(Buffer.from(long));
    await settled();
    expect(messages).toEqual(['a', 'bc']);
    expect(got()).toEqual(
      Buffer.concat([Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]), Buffer.from(long), Buffer.from([0x8a, 1]), Buffer.from('p')]),
    );
  });
  test.each([
    ['without a mask', Buffer.from([0x82, 1, 0x61]), 1002],
    ['with a reserved bit', Buffer.from([0xc2, 0x80, 0, 0, 0, 0]), 1002],
    ['a continuation of nothing', frame(0, Buffer.from('a')), 1002],
    ['of an unknown kind', frame(5, Buffer.from('a')), 1002],
    ['a ping in parts', frame(9, Buffer.from('a'), false), 1002],
    ['too much', Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x10, 0, 0, 0, 1, 2, 3, 4]), 1009],
    ['its end', frame(8, Buffer.from([0x03, 0xe8])), 1000],
  ])('ends at a frame %s', async (_, bytes, code) => {
    const { client, got, closed } = connected();
    client.write(bytes);
    await settled();
    expect([got()[0], got().readUInt16BE(2)]).toEqual([0x88, code]);
    client.end();
    await settled();
    expect(closed()).toBe(1);
  });
  test('does not fall over whatever comes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }), async chunks => {
        const { client, closed } = connected();
        for (const chunk of chunks) client.write(Buffer.from(chunk));
        client.end();
        client.resume();
        await new Promise(resolve => setImmediate(resolve));
        client.destroy();
        expect(closed()).toBeLessThanOrEqual(1);
      }),
      { numRuns: 100 },
    );
  });
});

describe('a process behind a WebSocket', () => {
  function started(endsWithClient: boolean) {
    const { client, server, got } = pair();
    const stream = new ProcessStream({ stdout: true, stderr: true, endsWithClient }, request(), server, Buffer.alloc(0));
    const typed: string[] = [];
    const seen: string[] = [];
    const stdin = new Writable({
      write(chunk: Buffer, _, done) {
        typed.push(chunk.toString());
        done();
      },
      final(done) {
        typed.push('<end>');
        done();
      },
    });
    let tell: Parameters<PodProcess['onOutput']>[0] = () => {};
    const exit = Promise.withResolvers<{ code: number }>();
    const process: PodProcess = {
      stdin,
      exited: exit.promise,
      onOutput: listener => {
        tell = listener;
        return () => {};
      },
      resize: (columns, rows) => void seen.push(`resize ${columns} ${rows}`),
      signal: name => void seen.push(name),
    };
    return { client, got, stream, process, typed, seen, exit, tell: (...args: Parameters<typeof tell>) => tell(...args) };
  }

  test('gets what was typed before it was there, sizes, and the end of its input', async () => {
    const { client, stream, process, typed, seen } = started(true);
    client.write(frame(2, Buffer.from('\x00early')));
    await settled();
    stream.join(process);
    client.write(
      Buffer.concat([
        frame(2, Buffer.from('\x00late')),
        frame(2, Buffer.from('\x04{"Width":80,"Height":24}')),
        frame(2, Buffer.from('\x04nonsense')),
        frame(2, Buffer.from([255, 0])),
      ]),
    );
    await settled();
    expect([typed, seen]).toEqual([['early', 'late', '<end>'], ['resize 80 24']]);
  });
  test('tells what it writes, and how it ended', async () => {
    const { got, stream, process, exit, tell } = started(true);
    stream.join(process);
    tell('stdout', Buffer.from('out'));
    tell('stderr', Buffer.from('err'));
    exit.resolve({ code: 3 });
    await settled();
    const said = got().toString('latin1');
    for (const part of ['\x01out', '\x02err', '\x03{"metadata":{},"status":"Failure","reason":"NonZeroExitCode"', '"message":"3"'])
      expect(said).toContain(part);
  });
  test.each([
    [true, ['SIGKILL']],
    [false, []],
  ])('ends with its client, or goes on: %j', async (endsWithClient, expected) => {
    const { client, stream, process, seen } = started(endsWithClient);
    stream.join(process);
    client.end();
    await settled();
    expect(seen).toEqual(expected);
  });
  test('that starts after its client went is ended too', async () => {
    const { client, stream, process, seen } = started(true);
    client.end();
    await settled();
    stream.join(process);
    expect(seen).toEqual(['SIGKILL']);
  });
});
