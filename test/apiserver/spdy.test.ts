import { constants, deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SpdySession, type SpdyStream } from '../../src/apiserver/streams/spdy.ts';
import { controlFrame, dataFrame, dictionary, readFrame, readHeaders, synReply, TYPE } from '../../src/apiserver/streams/spdy-frames.ts';

/** Adler-32 of the dictionary, as a zlib stream that uses it names it: SPDY's is known by it. */
test('the dictionary is that of SPDY/3', () => {
  expect(dictionary.length).toBe(1423);
  expect(deflateSync(Buffer.from('x'), { dictionary }).readUInt32BE(2)).toBe(0xe3c6a7c2);
});

const text = (value: string): Buffer => Buffer.concat([Buffer.from([0, 0, 0, value.length]), Buffer.from(value)]);
const block = (headers: Record<string, string>): Buffer =>
  Buffer.concat([
    Buffer.from([0, 0, 0, Object.keys(headers).length]),
    ...Object.entries(headers).flatMap(([name, value]) => [text(name), text(value)]),
  ]);
const synStream = (id: number, headers: Record<string, string>): Buffer =>
  controlFrame(
    TYPE.synStream,
    Buffer.concat([
      Buffer.from([0, 0, 0, id, 0, 0, 0, 0, 0, 0]),
      deflateSync(block(headers), { dictionary, finishFlush: constants.Z_SYNC_FLUSH }),
    ]),
  );

function session() {
  const sent: Buffer[] = [];
  const streams: SpdyStream[] = [];
  let closed = 0;
  const it = new SpdySession({ send: bytes => sent.push(bytes) > 0, close: () => closed++ }, stream => void streams.push(stream));
  return { it, sent, streams, closed: () => closed };
}

test('a stream is opened by its headers, in whatever pieces they come, and carries data both ways', async () => {
  const { it, sent, streams } = session();
  const bytes = Buffer.concat([
    synStream(1, { streamtype: 'data', port: '80' }),
    dataFrame(1, Buffer.from('hello')),
    dataFrame(1, Buffer.alloc(0), true),
    controlFrame(TYPE.ping, Buffer.from([0, 0, 0, 1])),
  ]);
  for (const byte of bytes) it.receive(Buffer.from([byte]));
  await expect.poll(() => streams.length).toBe(1); // headers are inflated by another thread
  const [stream] = streams;
  expect(Object.fromEntries(stream!.headers)).toEqual({ streamtype: 'data', port: '80' });
  const got: Buffer[] = [];
  for await (const chunk of stream!) got.push(chunk as Buffer);
  expect(Buffer.concat(got).toString()).toBe('hello');
  stream!.end('bye');
  await expect.poll(() => sent.length).toBe(4);
  expect(sent).toEqual([
    synReply(1, true),
    controlFrame(TYPE.ping, Buffer.from([0, 0, 0, 1])),
    dataFrame(1, Buffer.from('bye')),
    dataFrame(1, Buffer.alloc(0), true),
  ]);
});

test('answers without headers are one zlib stream', () => {
  const blocks = [synReply(1, true), synReply(3, false)].map(frame => readFrame(frame, 100)!.frame.payload.subarray(4));
  expect(inflateSync(Buffer.concat(blocks), { dictionary, finishFlush: constants.Z_SYNC_FLUSH })).toEqual(Buffer.alloc(8));
});

test('rubbish ends the connection or is ignored, and never throws', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ maxLength: 60 }), async (a, b) => {
      const { it } = session();
      it.receive(Buffer.from(a));
      it.receive(Buffer.concat([controlFrame(TYPE.synStream, b), dataFrame(9, b)]));
      await new Promise(resolve => setImmediate(resolve));
      it.close();
    }),
    { numRuns: 100 },
  );
  const { it, closed } = session();
  it.receive(Buffer.from([0, 0, 0, 1, 0, 0xff, 0xff, 0xff]));
  await expect.poll(closed).toBe(1);
  expect([...readHeaders(Buffer.from([0, 0, 0, 9, 0, 0, 0, 1]))]).toEqual([]);
});
