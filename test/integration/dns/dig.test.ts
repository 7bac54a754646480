/**
 * dig as an independent reader of our answers: what it asks by default (EDNS, a cookie, AD), sizes, TCP after TC, search lists, and what it says
 * when something is amiss. Needs: dig, and a mount namespace for the search list.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Responder } from '../../../src/dns/responder.ts';
import { DnsServer } from '../../../src/dns/server.ts';
import { run, runOrThrow } from '../../../src/lab/shell.ts';
import { cluster, resolverOf, SERIAL, slice } from '../../dns/support/cluster.ts';

const missing = spawnSync('dig', ['-v']).error === undefined ? undefined : 'no dig';

interface Dug {
  readonly status: string;
  readonly flags: string;
  readonly answer: string[];
  readonly authority: string[];
  readonly additional: string[];
  readonly text: string;
}

/** Sections of what dig prints, each record in one line with single blanks. */
function read(text: string): Dug {
  const section = (name: string): string[] =>
    (new RegExp(`;; ${name} SECTION:\n([^;]+?)\n\n`).exec(`${text}\n\n`)?.[1] ?? '')
      .split('\n')
      .flatMap(line => (line === '' ? [] : line.replace(/\s+/g, ' ')));
  return {
    status: /status: (\w+)/.exec(text)?.[1] ?? '',
    flags: /;; flags: ([\w ]*);/.exec(text)?.[1] ?? '',
    answer: section('ANSWER'),
    authority: section('AUTHORITY'),
    additional: section('ADDITIONAL'),
    text,
  };
}

describe.skipIf(missing !== undefined)(`what dig says of the name server${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: DnsServer;
  const dig = async (...words: string[]): Promise<Dug> => {
    const { stdout } = await run(['dig', '-p', String(server.port), '@127.0.0.1', '+tries=1', '+time=2', ...words]);
    expect(stdout).not.toMatch(/malformed|extra bytes|parse|mismatch|bad packet/i);
    return read(stdout);
  };

  beforeAll(async () => {
    const index = cluster();
    index.set(
      'EndpointSlice',
      slice(
        'empty',
        Array.from({ length: 200 }, (_, i) => ({ addresses: [`10.244.3.${i}`], hostname: `e-${i}` })),
      ),
    );
    server = await DnsServer.listen({ responder: new Responder({ resolver: resolverOf(index) }), address: '127.0.0.1', port: 0 });
  });
  afterAll(() => server?.close());

  const soa = `cluster.local. 5 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. ${SERIAL} 7200 1800 86400 5`;

  test.each<[string, string, string[]]>([
    ['web.default.svc.cluster.local', 'A', ['web.default.svc.cluster.local. 5 IN A 10.96.0.11']],
    ['WEB.default.svc.Cluster.local', 'A', ['WEB.default.svc.Cluster.local. 5 IN A 10.96.0.11']],
    ['six.default.svc.cluster.local', 'AAAA', ['six.default.svc.cluster.local. 5 IN AAAA fd00:10:96::6']],
    [
      'db.default.svc.cluster.local',
      'A',
      ['10.244.1.3', '10.244.2.3', '10.244.1.4'].map(address => `db.default.svc.cluster.local. 5 IN A ${address}`),
    ],
    ['db-0.db.default.svc.cluster.local', 'A', ['db-0.db.default.svc.cluster.local. 5 IN A 10.244.1.3']],
    ['10-244-1-4.db.default.svc.cluster.local', 'A', ['10-244-1-4.db.default.svc.cluster.local. 5 IN A 10.244.1.4']],
    ['10-244-1-2.default.pod.cluster.local', 'A', ['10-244-1-2.default.pod.cluster.local. 5 IN A 10.244.1.2']],
    ['outside.default.svc.cluster.local', 'CNAME', ['outside.default.svc.cluster.local. 5 IN CNAME www.example.com.']],
    ['outside.default.svc.cluster.local', 'A', ['outside.default.svc.cluster.local. 5 IN CNAME www.example.com.']],
    [
      'to-web.default.svc.cluster.local',
      'A',
      ['to-web.default.svc.cluster.local. 5 IN CNAME web.default.svc.cluster.local.', 'web.default.svc.cluster.local. 5 IN A 10.96.0.11'],
    ],
    ['dns-version.cluster.local', 'TXT', ['dns-version.cluster.local. 28800 IN TXT "1.1.0"']],
    ['cluster.local', 'SOA', [soa]],
    ['cluster.local', 'NS', ['cluster.local. 5 IN NS kube-dns.kube-system.svc.cluster.local.']],
  ])('%s %s', async (name, type, answer) => {
    expect(await dig(name, type)).toMatchObject({ status: 'NOERROR', flags: 'qr aa rd', answer, authority: [] });
  });

  test('SRV comes with addresses', async () => {
    expect(await dig('_http._tcp.web.default.svc.cluster.local', 'SRV')).toMatchObject({
      answer: ['_http._tcp.web.default.svc.cluster.local. 5 IN SRV 0 100 80 web.default.svc.cluster.local.'],
      additional: ['web.default.svc.cluster.local. 5 IN A 10.96.0.11'],
    });
  });

  test('-x finds the name of an address', async () => {
    expect((await dig('-x', '10.96.0.10')).answer).toEqual(['10.0.96.10.in-addr.arpa. 5 IN PTR kube-dns.kube-system.svc.cluster.local.']);
    expect((await dig('-x', '10.244.1.3')).answer).toEqual(['3.1.244.10.in-addr.arpa. 5 IN PTR db-0.db.default.svc.cluster.local.']);
    expect((await dig('-x', 'fd00:10:96::6')).answer).toEqual([expect.stringMatching(/IN PTR six\.default\.svc\.cluster\.local\.$/)]);
  });

  test('what is not there has a SOA, under either code', async () => {
    expect(await dig('nosuch.default.svc.cluster.local')).toMatchObject({
      status: 'NXDOMAIN',
      flags: 'qr aa rd',
      answer: [],
      authority: [soa],
    });
    expect(await dig('web.default.svc.cluster.local', 'AAAA')).toMatchObject({ status: 'NOERROR', answer: [], authority: [soa] });
    expect(await dig('web.default.svc.cluster.local', 'ANY', '+notcp')).toMatchObject({ status: 'NOERROR', answer: [], authority: [soa] });
  });

  test('the search list is walked until a name is there', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kubehop-dig-'));
    const file = join(folder, 'resolv.conf');
    writeFileSync(file, 'nameserver 127.0.0.1\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n');
    const asked = async (name: string): Promise<string[]> => {
      const command = `mount --bind ${file} /etc/resolv.conf; exec dig -p ${server.port} +search +showsearch +tries=1 ${name}`;
      const stdout = await runOrThrow(['unshare', '--user', '--map-root-user', '--mount', 'sh', '-ec', command]);
      return [...stdout.matchAll(/status: (\w+)[\s\S]*?\n;([^\s;]+)\s+IN\s+A/g)].map(([, status, question]) => `${question} ${status}`);
    };
    expect(await asked('web')).toEqual(['web.default.svc.cluster.local. NOERROR']);
    expect(await asked('kube-dns.kube-system')).toEqual([
      'kube-dns.kube-system.default.svc.cluster.local. NXDOMAIN',
      'kube-dns.kube-system.svc.cluster.local. NOERROR',
    ]);
    expect(await asked('www.example.com')).toEqual([
      'www.example.com.default.svc.cluster.local. NXDOMAIN',
      'www.example.com.svc.cluster.local. NXDOMAIN',
      'www.example.com.cluster.local. NXDOMAIN',
      'www.example.com. REFUSED',
    ]);
    rmSync(folder, { recursive: true });
  });

  test('what does not fit is asked for again over TCP', async () => {
    const name = 'empty.default.svc.cluster.local';
    const cut = await dig(name, '+ignore', '+noedns');
    expect(cut.flags).toBe('qr aa tc rd');
    expect(Number(/rcvd: (\d+)/.exec(cut.text)![1])).toBeLessThanOrEqual(512);
    for (const options of [['+noedns'], ['+bufsize=1232'], ['+tcp']]) {
      const whole = await dig(name, ...options);
      expect(whole.answer).toHaveLength(200);
      expect(whole.text).toContain('(TCP)');
    }
    expect((await dig(name, '+bufsize=4096')).text).toContain('(UDP)');
    const srv = await dig('_http._tcp.empty.default.svc.cluster.local', 'SRV', '+tcp');
    expect([srv.answer.length, srv.additional.length]).toEqual([200, 200]);
  });

  test('zones are not given away, other classes and versions of EDNS are refused', async () => {
    expect((await dig('cluster.local', 'AXFR')).text).toContain('Transfer failed');
    expect((await dig('version.bind', 'TXT', 'CH')).status).toBe('REFUSED');
    expect((await dig('web.default.svc.cluster.local', '+edns=1', '+noednsnegotiation')).status).toBe('BADVERS');
    expect((await dig('web.default.svc.cluster.local', '+opcode=notify')).status).toBe('NOTIMP');
  });
});
