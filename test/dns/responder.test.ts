import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { type Lookup, Responder, type ResponderOptions } from '../../src/dns/responder.ts';
import { decode, encode, HEADER_LEN, type Message, Opcode, Rcode } from '../../src/wire/dns.ts';
import { Class, Type } from '../../src/wire/dns-record.ts';
import { cluster, resolverOf, slice } from './support/cluster.ts';

const query = (name: string, type: keyof typeof Type = 'A', more: Partial<Message> = {}): Message => ({
  ...{ id: 4711, opcode: Opcode.Query, rcode: 0, response: false, authoritative: false, truncated: false },
  ...{ recursionDesired: true, recursionAvailable: false, authenticData: false, checkingDisabled: false },
  questions: [{ name, type: Type[type], class: Class.IN }],
  ...{ answers: [], authorities: [], additionals: [] },
  ...more,
});
const edns = { udpSize: 1232, version: 0, dnssecOk: false, options: new Uint8Array(0) };
const WEB = 'web.default.svc.cluster.local.';

const responderOf = (options: Partial<ResponderOptions> = {}): Responder => new Responder({ resolver: resolverOf(), ...options });

async function answerTo(
  message: Message | Uint8Array,
  options: Partial<ResponderOptions> | Responder = {},
  transport: 'udp' | 'tcp' = 'udp',
) {
  const responder = options instanceof Responder ? options : responderOf(options);
  const bytes = await responder.answer(message instanceof Uint8Array ? message : encode(message), transport);
  const decoded = bytes === undefined ? undefined : decode(bytes);
  if (typeof decoded === 'string') throw new Error(`our own answer is bad: ${decoded}`);
  return { responder, bytes, message: decoded };
}

describe('an answer', () => {
  test('repeats number, question and RD, and has authority', async () => {
    const { message } = await answerTo(query(WEB));
    expect(message).toMatchObject({
      id: 4711,
      response: true,
      authoritative: true,
      recursionDesired: true,
      recursionAvailable: false,
      rcode: 0,
    });
    expect(message!.questions).toEqual(query(WEB).questions);
    expect(message!.edns).toBeUndefined();
    expect((await answerTo(query(WEB, 'A', { recursionDesired: false, checkingDisabled: true }))).message).toMatchObject({
      recursionDesired: false,
      checkingDisabled: true,
    });
  });

  test('speaks EDNS with who speaks it', async () => {
    const asked = { ...edns, udpSize: 4096, dnssecOk: true, options: Uint8Array.of(0, 10, 0, 1, 1) };
    expect((await answerTo(query(WEB, 'A', { edns: asked }))).message!.edns).toEqual({ ...asked, options: new Uint8Array(0) });
    const { message } = await answerTo(query(WEB, 'A', { edns: { ...edns, version: 1 } }));
    expect(message).toMatchObject({ rcode: Rcode.BadVers, answers: [], edns: { version: 0 } });
  });

  test('that does not fit into UDP is cut and says so; over TCP it is whole', async () => {
    const index = cluster();
    const endpoints = Array.from({ length: 200 }, (_, i) => ({ addresses: [`10.244.3.${i}`] }));
    index.set('EndpointSlice', slice('db', endpoints));
    const responder = responderOf({ resolver: resolverOf(index) });
    const name = 'db.default.svc.cluster.local.';
    const sizes = [];
    for (const udpSize of [undefined, 100, 512, 1232, 4096]) {
      const { bytes, message } = await answerTo(query(name, 'A', udpSize === undefined ? {} : { edns: { ...edns, udpSize } }), responder);
      sizes.push({
        udpSize,
        fits: bytes!.length <= Math.max(udpSize ?? 512, 512),
        truncated: message!.truncated,
        all: message!.answers.length === 200,
      });
    }
    expect(sizes).toEqual([
      { udpSize: undefined, fits: true, truncated: true, all: false },
      { udpSize: 100, fits: true, truncated: true, all: false },
      { udpSize: 512, fits: true, truncated: true, all: false },
      { udpSize: 1232, fits: true, truncated: true, all: false },
      { udpSize: 4096, fits: true, truncated: false, all: true },
    ]);
    const { message } = await answerTo(query(name), responder, 'tcp');
    expect([message!.truncated, message!.answers.length]).toEqual([false, 200]);
    expect(responder.counters.of('truncated')).toBe(4);
  });

  test('has its addresses in any order where that is wished, behind CNAMEs', async () => {
    const random = new SeededRandom(1);
    const orders = new Set<string>();
    for (let i = 0; i < 100; i++) {
      const { message } = await answerTo(query('db.default.svc.cluster.local.'), { random });
      orders.add(message!.answers.map(r => (r.type === 'A' ? r.address : '')).join());
    }
    expect(orders.size).toBe(6);
    const { message } = await answerTo(query('to-web.default.svc.cluster.local.'), { random });
    expect(message!.answers.map(r => r.type)).toEqual(['CNAME', 'A']);
  });

  test('refuses other classes and whole zones', async () => {
    expect(
      (await answerTo(query(WEB, 'A', { questions: [{ name: 'version.bind.', type: Type.TXT, class: Class.CH }] }))).message!.rcode,
    ).toBe(Rcode.Refused);
    expect((await answerTo(query('cluster.local.', 'AXFR'), {}, 'tcp')).message).toMatchObject({
      rcode: Rcode.Refused,
      authoritative: false,
    });
  });
});

describe('a name of somebody else', () => {
  const theirs: Message = query('www.example.com.', 'A', {
    ...{ response: true, recursionAvailable: true, rcode: Rcode.NXDomain },
    answers: [{ name: 'www.example.com.', class: Class.IN, ttl: 300, type: 'A', address: '203.0.113.80' }],
  });
  const lookup: Lookup = question => Promise.resolve(question.name.endsWith('example.com.') ? theirs : undefined);

  test('is asked for elsewhere, and comes back as it was said there', async () => {
    const { message, responder } = await answerTo(query('www.example.com.'), { lookup });
    expect(message).toMatchObject({
      id: 4711,
      rcode: Rcode.NXDomain,
      recursionAvailable: true,
      authoritative: false,
      answers: theirs.answers,
    });
    expect(responder.counters.of('forwarded')).toBe(1);
    expect((await answerTo(query('silent.test.'), { lookup })).message!.rcode).toBe(Rcode.ServFail);
  });

  test('is refused, or is said not to exist, where nobody can be asked', async () => {
    expect((await answerTo(query('www.example.com.'))).message).toMatchObject({ rcode: Rcode.Refused, authoritative: false });
    expect((await answerTo(query('www.example.com.'), { withoutUpstream: 'NXDOMAIN' })).message!.rcode).toBe(Rcode.NXDomain);
  });

  test('is found behind an ExternalName; without an answer the CNAME stands alone', async () => {
    const name = 'outside.default.svc.cluster.local.';
    const { message } = await answerTo(query(name), { lookup });
    expect(message!.answers.map(r => [r.type, r.ttl])).toEqual([
      ['CNAME', 5],
      ['A', 300],
    ]);
    expect(message!.rcode).toBe(Rcode.NoError);
    expect((await answerTo(query(name))).message!.answers.map(r => r.type)).toEqual(['CNAME']);
  });
});

describe('what is no query', () => {
  const bytes = encode(query(WEB));
  const changed = (...changes: [at: number, value: number][]): Uint8Array => {
    const b = Uint8Array.from(bytes);
    for (const [at, value] of changes) b[at] = value;
    return b;
  };

  test.each<[string, Uint8Array, string, number | undefined]>([
    ['eleven bytes', bytes.subarray(0, 11), 'dropped short', undefined],
    ['an answer', changed([2, 0x81]), 'dropped response', undefined],
    ['an update', changed([2, 0x29]), 'malformed opcode', Rcode.NotImp],
    ['no question', changed([5, 0]), 'malformed counts', Rcode.FormErr],
    ['two questions', changed([5, 2]), 'malformed counts', Rcode.FormErr],
    ['two answers', changed([7, 2]), 'malformed counts', Rcode.FormErr],
    ['a question that is cut', bytes.subarray(0, bytes.length - 1), 'malformed cut', Rcode.FormErr],
    ['a pointer to itself', changed([12, 0xc0], [13, 12]), 'malformed pointer', Rcode.FormErr],
    ['a label of 64 bytes', changed([12, 64]), 'malformed label', Rcode.FormErr],
  ])('%s is counted, and answered where that can be', async (_, b, counter, rcode) => {
    const { message, bytes: reply, responder } = await answerTo(b);
    expect(responder.counters.of(counter)).toBe(1);
    expect(message?.rcode).toBe(rcode);
    if (rcode !== undefined) {
      expect([reply!.length, message!.id, message!.questions]).toEqual([HEADER_LEN, 4711, []]);
      expect(responder.counters.all()).toEqual({ [counter]: 1, [`response ${rcode === Rcode.FormErr ? 'FORMERR' : 'NOTIMP'}`]: 1 });
    }
  });

  test('whatever the bytes, there is an answer that can be read, or none, and it is counted', async () => {
    const responder = responderOf();
    const start = fc.uint8Array({ maxLength: 100 }).map(b => Uint8Array.of(...bytes.subarray(0, 12), ...b));
    const spoiled = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 4 }).map(changes => changed(...changes));
    let asked = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 60 }), start, spoiled), fc.boolean(), async (b, tcp) => {
        asked++;
        const { bytes: reply, message } = await answerTo(b, responder, tcp ? 'tcp' : 'udp');
        if (reply !== undefined) expect([message!.response, reply[0], reply[1]]).toEqual([true, b[0], b[1]]);
      }),
      { numRuns: 1000 },
    );
    const counted = Object.entries(responder.counters.all()).filter(([what]) => /^(dropped|response)/.test(what));
    expect(counted.reduce((sum, [, n]) => sum + n, 0)).toBe(asked);
  });
});
