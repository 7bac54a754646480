import * as packet from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as dns from '../../src/wire/dns.ts';
import { absolute, isName, isWithin, labels, lower } from '../../src/wire/dns-name.ts';
import { Class, type ResourceRecord, Type, typeName } from '../../src/wire/dns-record.ts';

/** What dig 9.18 sends for `dig web.default.svc.cluster.local`: AD, and EDNS with a cookie. */
const DIG = Buffer.from(
  '576001200001000000000001037765620764656661756c740373766307636c7573746572056c6f63616c0000010001' +
    '00002904d000000000000c000a0008daf5dfb3085e341a',
  'hex',
);
const QUERY = Buffer.from('2ea801000001000000000000037765620764656661756c740373766307636c7573746572056c6f63616c0000010001', 'hex');
/** Its answer without compression, as a server may write it. */
const ANSWER = Buffer.from(
  '2ea885000001000100000000037765620764656661756c740373766307636c7573746572056c6f63616c0000010001' +
    '037765620764656661756c740373766307636c7573746572056c6f63616c0000010001000000050004' +
    '0a60000b',
  'hex',
);

const header: dns.Header = {
  id: 7,
  response: true,
  opcode: 0,
  authoritative: true,
  truncated: false,
  recursionDesired: true,
  recursionAvailable: false,
  authenticData: false,
  checkingDisabled: false,
  rcode: 0,
};
const empty: dns.Message = { ...header, questions: [], answers: [], authorities: [], additionals: [] };
const record = (data: object, name = 'web.default.svc.cluster.local.'): ResourceRecord =>
  ({ name, class: Class.IN, ttl: 5, ...data }) as ResourceRecord;

const soa = record(
  {
    type: 'SOA',
    mname: 'ns.dns.cluster.local.',
    rname: 'hostmaster.cluster.local.',
    serial: 4_000_000_000,
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: 5,
  },
  'cluster.local.',
);

/** One of each form. */
const everyForm: ResourceRecord[] = [
  record({ type: 'A', address: '10.96.0.11' }),
  record({ type: 'AAAA', address: 'fd00:10:96::b' }),
  record({ type: 'AAAA', address: '::ffff:10.0.0.1' }),
  record({ type: 'CNAME', target: 'www.example.com.' }),
  record({ type: 'NS', target: 'kube-dns.kube-system.svc.cluster.local.' }, 'cluster.local.'),
  record({ type: 'PTR', target: 'web.default.svc.cluster.local.' }, '11.0.96.10.in-addr.arpa.'),
  record({ type: 'MX', preference: 10, exchange: 'mail.example.com.' }, 'example.com.'),
  record({ type: 'TXT', texts: ['1.1.0', '', 'caf\xe9'] }, 'dns-version.cluster.local.'),
  record(
    { type: 'SRV', priority: 0, weight: 50, port: 80, target: 'a.web.default.svc.cluster.local.' },
    '_http._tcp.web.default.svc.cluster.local.',
  ),
  soa,
  record({ type: 'OTHER', code: 13, rdata: Uint8Array.of(1, 65, 1, 66) }),
];

const decoded = (b: Uint8Array): dns.Message => {
  const message = dns.decode(b);
  if (typeof message === 'string') throw new Error(`refused: ${message}`);
  return message;
};

describe('a DNS message', () => {
  test('is read from bytes', () => {
    const question = { name: 'web.default.svc.cluster.local.', type: Type.A, class: Class.IN };
    expect(decoded(QUERY)).toEqual({ ...empty, id: 0x2ea8, response: false, authoritative: false, questions: [question] });
    expect(decoded(ANSWER)).toEqual({ ...empty, id: 0x2ea8, questions: [question], answers: [everyForm[0]] });
    const edns = { udpSize: 1232, version: 0, dnssecOk: false, options: DIG.subarray(-12) };
    const asked = { ...empty, id: 0x5760, response: false, authoritative: false, authenticData: true, questions: [question], edns };
    expect(decoded(DIG)).toEqual({ ...asked, edns: { ...edns, options: Uint8Array.from(edns.options) } });
    expect(Buffer.from(dns.encode(decoded(DIG))).equals(DIG)).toBe(true);
  });

  test('comes back from a round trip, every form of record in every section', () => {
    const edns = { udpSize: 1232, version: 0, dnssecOk: true, options: Uint8Array.of(0, 10, 0, 2, 1, 2) };
    const questions = [{ name: 'WeB.default.svc.cluster.local.', type: Type.ANY, class: Class.IN }];
    const message: dns.Message = {
      ...header,
      rcode: dns.Rcode.BadVers,
      questions,
      answers: everyForm,
      authorities: [soa],
      additionals: everyForm,
      edns,
    };
    expect(decoded(dns.encode(message))).toEqual(message);
  });

  test('says with its flags what it is, one bit each', () => {
    const flags = [
      'response',
      'authoritative',
      'truncated',
      'recursionDesired',
      'recursionAvailable',
      'authenticData',
      'checkingDisabled',
    ] as const;
    for (const flag of flags) {
      const none = Object.fromEntries(flags.map(name => [name, name === flag]));
      expect(decoded(dns.encode({ ...empty, ...none, opcode: 5, rcode: 9 }))).toEqual({ ...empty, ...none, opcode: 5, rcode: 9 });
    }
  });

  test('shares the ends of names, but never those of another case, and never in the target of SRV', () => {
    const plain = dns.encode({ ...empty, answers: [everyForm[0]!] }).length;
    expect(dns.encode({ ...empty, answers: [everyForm[0]!, everyForm[0]!] }).length - plain).toBe(2 + 10 + 4);
    const other = record({ type: 'A', address: '10.96.0.11' }, 'WEB.default.svc.cluster.local.');
    expect(dns.encode({ ...empty, answers: [everyForm[0]!, other] }).length - plain).toBe(4 + 2 + 10 + 4);
    const srv = record({ type: 'SRV', priority: 0, weight: 1, port: 1, target: 'web.default.svc.cluster.local.' });
    expect(dns.encode({ ...empty, answers: [everyForm[0]!, srv] }).length - plain).toBe(2 + 10 + 6 + 31);
  });

  test('that is too long for its receiver loses what is behind, says so, and keeps OPT', () => {
    const many = Array.from({ length: 40 }, (_, i) => record({ type: 'A', address: `10.244.1.${i}` }));
    const edns = { udpSize: 600, version: 0, dnssecOk: false, options: new Uint8Array(0) };
    const questions = [{ name: many[0]!.name, type: Type.A, class: Class.IN }];
    const whole: dns.Message = { ...header, questions, answers: many, authorities: [soa], additionals: [many[0]!], edns };
    for (let most = 100; most < 900; most += 7) {
      const b = dns.encode(whole, most);
      const m = decoded(b);
      expect(b.length).toBeLessThanOrEqual(most);
      expect(m.edns).toEqual(edns);
      expect(m.answers).toEqual(many.slice(0, m.answers.length));
      if (m.answers.length < many.length) expect([m.authorities, m.additionals]).toEqual([[], []]);
      expect(m.truncated).toBe(m.additionals.length === 0);
    }
    expect(decoded(dns.encode(whole, 900)).truncated).toBe(false);
  });

  test('beyond 64 KiB is cut as well', () => {
    const many = Array.from({ length: 5000 }, (_, i) => record({ type: 'A', address: `10.${i >> 8}.${i & 255}.1` }));
    const b = dns.encode({ ...empty, answers: many });
    expect(b.length).toBeLessThanOrEqual(dns.MOST_BYTES);
    expect(decoded(b).truncated).toBe(true);
    expect(decoded(b).answers.length).toBeGreaterThan(4000);
  });
});

describe('against dns-packet', () => {
  const short = (name: string): string => name.slice(0, -1);

  test('what we write it reads', () => {
    const message: dns.Message = {
      ...header,
      questions: [{ name: 'x.cluster.local.', type: Type.SRV, class: 1 }],
      answers: everyForm,
      authorities: [soa],
      additionals: [],
    };
    const read = packet.decode(Buffer.from(dns.encode(message)));
    expect(read.flag_aa).toBe(true);
    expect(read.questions).toEqual([{ name: 'x.cluster.local', type: 'SRV', class: 'IN' }]);
    expect(read.answers!.map(a => a.type)).toEqual(everyForm.map(r => (r.type === 'OTHER' ? 'HINFO' : r.type)));
    const [a, aaaa, , cname, , ptr, mx, txt, srv] = read.answers! as { name: string; ttl: number; data: unknown }[];
    expect(a).toMatchObject({ name: short(everyForm[0]!.name), ttl: 5, data: '10.96.0.11' });
    expect(aaaa!.data).toBe('fd00:10:96::b');
    expect(cname!.data).toBe('www.example.com');
    expect(ptr!.data).toBe('web.default.svc.cluster.local');
    expect(mx!.data).toEqual({ preference: 10, exchange: 'mail.example.com' });
    expect((txt!.data as Buffer[]).map(String)).toEqual(['1.1.0', '', Buffer.from([0x63, 0x61, 0x66, 0xe9]).toString()]);
    expect(srv!.data).toEqual({ priority: 0, weight: 50, port: 80, target: 'a.web.default.svc.cluster.local' });
    expect(read.authorities![0]).toMatchObject({ data: { serial: 4_000_000_000, minimum: 5, mname: 'ns.dns.cluster.local' } });
  });

  const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 5 }).map(parts => parts.join('.'));
  const u16 = fc.nat(65_535);
  const answer: fc.Arbitrary<packet.Answer> = fc
    .tuple(
      name,
      fc.nat(2 ** 31 - 1),
      fc.oneof(
        fc.ipV4().map(data => ({ type: 'A' as const, data })),
        name.map(data => ({ type: 'CNAME' as const, data })),
        name.map(data => ({ type: 'PTR' as const, data })),
        fc.record({ port: u16, weight: u16, priority: u16, target: name }).map(data => ({ type: 'SRV' as const, data })),
        fc
          .array(fc.uint8Array({ maxLength: 255 }), { minLength: 1, maxLength: 3 })
          .map(data => ({ type: 'TXT' as const, data: data.map(d => Buffer.from(d)) })),
      ),
    )
    .map(([name, ttl, rest]) => ({ name, ttl, class: 'IN', ...rest }) as packet.Answer);

  test('what it writes we read, and write so that it reads the same', () => {
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 8 }), u16, (answers, id) => {
        const theirs = packet.encode({
          type: 'response',
          id,
          flags: packet.AUTHORITATIVE_ANSWER,
          questions: [{ type: 'A', name: 'q.test' }],
          answers,
        });
        const again = packet.decode(Buffer.from(dns.encode(decoded(theirs))));
        expect(again.answers).toEqual(packet.decode(theirs).answers);
        expect(again.id).toBe(id);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a bad message', () => {
  const whole = dns.encode({ ...empty, questions: decoded(QUERY).questions, answers: everyForm, authorities: [soa] });

  test('is refused wherever it is cut', () => {
    for (let end = 0; end < whole.length; end++) expect(typeof dns.decode(whole.subarray(0, end)), `cut after ${end} bytes`).toBe('string');
    expect(dns.decodeHeader(whole.subarray(0, 11))).toBeUndefined();
  });

  const question = (...name: number[]): Buffer => Buffer.concat([QUERY.subarray(0, 12), Buffer.from(name), Buffer.from([0, 1, 0, 1])]);
  const answer = (code: number, ...rdata: number[]): Buffer =>
    Buffer.concat([
      Buffer.from([0, 7, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, code, 0, 1, 0, 0, 0, 5, 0, rdata.length]),
      Buffer.from(rdata),
    ]);

  test.each<[string, Uint8Array, dns.Fault]>([
    ['a pointer to itself', question(0xc0, 12), 'pointer'],
    ['a pointer ahead', question(0xc0, 20, 0, 0, 0, 0, 0), 'pointer'],
    ['two pointers at each other', question(0xc0, 14, 0xc0, 12), 'pointer'],
    ['a name that goes round', question(1, 97, 0xc0, 12), 'pointer'],
    ['a length of 64', question(64, ...new Array(64).fill(97), 0), 'label'],
    ['a length of the kind 10', question(0x80, 0), 'label'],
    ['a name of 256 bytes', question(...new Array(4).fill([63, ...new Array(63).fill(97)]).flat(), 0), 'long'],
    ['an address of three bytes', answer(1, 10, 0, 0), 'rdata'],
    ['an address of five bytes', answer(1, 10, 0, 0, 1, 1), 'rdata'],
    ['an IPv6 address of four bytes', answer(28, 10, 0, 0, 1), 'rdata'],
    ['a text beyond its record', answer(16, 9, 65), 'rdata'],
    ['a SOA without its numbers', answer(6, 0, 0, 1, 2), 'rdata'],
    ['a name beyond its record', answer(5, 3, 97, 98), 'cut'],
    ['an MX of one byte', answer(15, 1), 'rdata'],
  ])('with %s is refused', (_, b, fault) => {
    expect(dns.decode(b)).toBe(fault);
  });

  test('with two OPT, or one with a name, is refused', () => {
    const opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    const more = (...extra: number[]): Uint8Array => {
      const b = Buffer.concat([QUERY, Buffer.from(extra)]);
      b[11] = extra.length > 14 ? 2 : 1;
      return b;
    };
    expect(dns.decode(more(...opt))).toMatchObject({ edns: { udpSize: 1232, version: 0, dnssecOk: false } });
    expect(dns.decode(more(...opt, ...opt))).toBe('edns');
    expect(dns.decode(more(1, 97, ...opt))).toBe('edns');
  });

  test('of a thousand pointers in a row ends', () => {
    const b = new Uint8Array(4000);
    b.set(QUERY.subarray(0, 12));
    for (let at = 14; at < b.length; at += 2) b.set([0xc0 | ((at - 2) >> 8), (at - 2) & 255], at);
    b[5] = 255;
    expect(dns.decode(b)).toBe('pointer');
  });

  test('never throws, whatever the bytes; what is taken can be written and read again', () => {
    const spoiled = fc
      .tuple(fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 6 }), fc.nat(whole.length))
      .map(([changes, length]) => {
        const b = Uint8Array.from(whole);
        for (const [at, value] of changes) b[at] = value;
        return b.subarray(0, length + 60);
      });
    const anything = fc.uint8Array({ maxLength: 200 }).map(b => Uint8Array.of(0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, ...b));
    let taken = 0;
    fc.assert(
      fc.property(fc.oneof(anything, spoiled), b => {
        const message = dns.decode(b);
        if (typeof message === 'string') return;
        taken++;
        expect(decoded(dns.encode(message))).toEqual(message);
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(50);
  });
});

describe('a name', () => {
  test('may hold any byte, and is text that can be read', () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
    fc.assert(
      fc.property(fc.array(label, { maxLength: 3 }), parts => {
        const wire = Buffer.concat([
          QUERY.subarray(0, 12),
          ...parts.map(p => Buffer.concat([Buffer.of(p.length), p])),
          Buffer.from([0, 0, 1, 0, 1]),
        ]);
        const m = decoded(wire);
        const { name } = m.questions[0]!;
        expect(name).toMatch(/^[!-~]+$/);
        expect(isName(name)).toBe(true);
        expect(labels(name)).toHaveLength(parts.length);
        expect(Buffer.from(dns.encode(m)).equals(wire)).toBe(true);
      }),
    );
  });

  test('has labels of 1 to 63 bytes and at most 255 altogether', () => {
    expect(['.', 'a.', 'a', `${'a'.repeat(63)}.`, 'a\\.b.c.', '\\255.'].map(isName)).toEqual([true, true, true, true, true, true]);
    expect(['', '..', 'a..b.', `${'a'.repeat(64)}.`, `${'abcdefg.'.repeat(32)}`, 'a b.', 'caf\xe9.'].map(isName)).toEqual(
      new Array(7).fill(false),
    );
  });

  test('is in a zone by whole labels, whatever the case', () => {
    const zone = 'cluster.local.';
    expect(['cluster.local.', 'Web.CLUSTER.local.'].map(n => isWithin(n, zone))).toEqual([true, true]);
    expect(['mycluster.local.', 'local.', 'web\\.cluster.local.', '.'].map(n => isWithin(n, zone))).toEqual([false, false, false, false]);
    expect(isWithin('web\\\\.cluster.local.', zone)).toBe(true);
    expect(isWithin('example.com.', '.')).toBe(true);
  });

  test('is made absolute and lower', () => {
    expect([absolute('a.b'), absolute('a.b.'), lower('Aa.\\200B.')]).toEqual(['a.b.', 'a.b.', 'aa.\\200b.']);
  });
});

test('types and codes have names', () => {
  expect([typeName(1), typeName(255), typeName(64000)]).toEqual(['A', 'ANY', 'TYPE64000']);
  expect([dns.rcodeName(3), dns.rcodeName(23)]).toEqual(['NXDOMAIN', 'RCODE23']);
});
