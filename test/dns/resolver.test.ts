import { describe, expect, test } from 'vitest';
import { ClusterIndex } from '../../src/dns/cluster-index.ts';
import type { Resolution, ResolverOptions } from '../../src/dns/resolver.ts';
import { Rcode, rcodeName } from '../../src/wire/dns.ts';
import { Class, type ResourceRecord, Type } from '../../src/wire/dns-record.ts';
import { cluster, resolverOf, SERIAL } from './support/cluster.ts';

/** A record as dig prints it, in one line. */
function line(r: ResourceRecord): string {
  const rdata = (): string => {
    switch (r.type) {
      case 'A':
      case 'AAAA':
        return r.address;
      case 'SRV':
        return `${r.priority} ${r.weight} ${r.port} ${r.target}`;
      case 'TXT':
        return r.texts.join(' ');
      case 'SOA':
        return `${r.mname} ${r.rname} ${r.serial} ${r.refresh} ${r.retry} ${r.expire} ${r.minimum}`;
      case 'CNAME':
      case 'PTR':
      case 'NS':
        return r.target;
      default:
        return '?';
    }
  };
  return `${r.name} ${r.ttl} IN ${r.type} ${rdata()}`;
}

const ask = (name: string, type: keyof typeof Type, options: Partial<ResolverOptions> = {}, source = cluster()): Resolution | undefined =>
  resolverOf(source, options).resolve({ name, type: Type[type], class: Class.IN });

const soa = (zone = 'cluster.local.') => `${zone} 5 IN SOA ns.dns.${zone} hostmaster.${zone} ${SERIAL} 7200 1800 86400 5`;

function expectAnswers(name: string, type: keyof typeof Type, answers: string[], additionals: string[] = []): void {
  const found = ask(name, type)!;
  expect(rcodeName(found.rcode)).toBe('NOERROR');
  expect(found.answers.map(line)).toEqual(answers);
  expect(found.additionals.map(line)).toEqual(additionals);
  expect(found.authorities).toEqual([]);
}

function expectNegative(found: Resolution | undefined, rcode: number, zone?: string): void {
  expect(found?.answers).toEqual([]);
  expect(rcodeName(found!.rcode)).toBe(rcodeName(rcode));
  expect(found!.authorities.map(line)).toEqual([soa(zone)]);
}

describe('a Service with a cluster IP', () => {
  test.each<[string, keyof typeof Type, string[], string[]?]>([
    ['web.default.svc.cluster.local.', 'A', ['web.default.svc.cluster.local. 5 IN A 10.96.0.11']],
    ['no-endpoints.default.svc.cluster.local.', 'A', ['no-endpoints.default.svc.cluster.local. 5 IN A 10.96.0.14']],
    ['two-ports.default.svc.cluster.local.', 'A', ['two-ports.default.svc.cluster.local. 5 IN A 10.96.0.12']],
    ['_http._tcp.web.default.svc.cluster.local.', 'A', ['_http._tcp.web.default.svc.cluster.local. 5 IN A 10.96.0.11']],
    ['six.default.svc.cluster.local.', 'AAAA', ['six.default.svc.cluster.local. 5 IN AAAA fd00:10:96::6']],
    ['dual.default.svc.cluster.local.', 'A', ['dual.default.svc.cluster.local. 5 IN A 10.96.0.15']],
    ['dual.default.svc.cluster.local.', 'AAAA', ['dual.default.svc.cluster.local. 5 IN AAAA fd00:10:96::15']],
    [
      '_http._tcp.web.default.svc.cluster.local.',
      'SRV',
      ['_http._tcp.web.default.svc.cluster.local. 5 IN SRV 0 100 80 web.default.svc.cluster.local.'],
      ['web.default.svc.cluster.local. 5 IN A 10.96.0.11'],
    ],
    [
      'two-ports.default.svc.cluster.local.',
      'SRV',
      [
        'two-ports.default.svc.cluster.local. 5 IN SRV 0 50 80 two-ports.default.svc.cluster.local.',
        'two-ports.default.svc.cluster.local. 5 IN SRV 0 50 53 two-ports.default.svc.cluster.local.',
      ],
      ['two-ports.default.svc.cluster.local. 5 IN A 10.96.0.12'],
    ],
    [
      '_dns._udp.two-ports.default.svc.cluster.local.',
      'SRV',
      ['_dns._udp.two-ports.default.svc.cluster.local. 5 IN SRV 0 100 53 two-ports.default.svc.cluster.local.'],
      ['two-ports.default.svc.cluster.local. 5 IN A 10.96.0.12'],
    ],
    [
      'dual.default.svc.cluster.local.',
      'SRV',
      ['dual.default.svc.cluster.local. 5 IN SRV 0 50 80 dual.default.svc.cluster.local.'],
      ['dual.default.svc.cluster.local. 5 IN A 10.96.0.15', 'dual.default.svc.cluster.local. 5 IN AAAA fd00:10:96::15'],
    ],
    ['10-244-1-2.web.default.svc.cluster.local.', 'A', ['10-244-1-2.web.default.svc.cluster.local. 5 IN A 10.244.1.2']],
    ['second.web.default.svc.cluster.local.', 'A', ['second.web.default.svc.cluster.local. 5 IN A 10.244.2.2']],
  ])('%s %s', expectAnswers);

  test.each<[string, keyof typeof Type]>([
    ['web.default.svc.cluster.local.', 'AAAA'],
    ['six.default.svc.cluster.local.', 'A'],
    ['web.default.svc.cluster.local.', 'TXT'],
    ['web.default.svc.cluster.local.', 'MX'],
    ['web.default.svc.cluster.local.', 'CNAME'],
    ['web.default.svc.cluster.local.', 'NS'],
    ['web.default.svc.cluster.local.', 'PTR'],
    ['web.default.svc.cluster.local.', 'SOA'],
    ['web.default.svc.cluster.local.', 'HTTPS'],
    ['web.default.svc.cluster.local.', 'ANY'],
    ['no-address-yet.default.svc.cluster.local.', 'A'],
    ['default.svc.cluster.local.', 'A'],
    ['default.svc.cluster.local.', 'NS'],
    ['svc.cluster.local.', 'A'],
    ['pod.cluster.local.', 'A'],
    ['cluster.local.', 'A'],
    ['cluster.local.', 'AAAA'],
    ['cluster.local.', 'SRV'],
    ['cluster.local.', 'HINFO'],
  ])('%s %s: the name exists, the record does not', (name, type) => expectNegative(ask(name, type), Rcode.NoError));

  test.each<[string, keyof typeof Type]>([
    ['nosuch.default.svc.cluster.local.', 'A'],
    ['nosuch.default.svc.cluster.local.', 'AAAA'],
    ['nosuch.default.svc.cluster.local.', 'TXT'],
    ['web.nosuch.svc.cluster.local.', 'A'],
    ['nosuch.svc.cluster.local.', 'NS'],
    ['foo.cluster.local.', 'NS'],
    ['www.example.com.cluster.local.', 'A'],
    ['www.example.com.svc.cluster.local.', 'A'],
    ['www.example.com.default.svc.cluster.local.', 'A'],
    ['web.default.svc.cluster.local.default.svc.cluster.local.', 'A'],
    ['_nosuch._tcp.web.default.svc.cluster.local.', 'SRV'],
    ['_http._udp.web.default.svc.cluster.local.', 'SRV'],
    ['_http._tcp.unnamed.default.svc.cluster.local.', 'SRV'],
    ['nosuch.web.default.svc.cluster.local.', 'A'],
    ['10-244-9-9.web.default.svc.cluster.local.', 'A'],
    ['x.y.z.web.default.svc.cluster.local.', 'A'],
  ])('%s %s: there is no such name', (name, type) => expectNegative(ask(name, type), Rcode.NXDomain));
});

describe('a headless Service', () => {
  const four = ['10.244.1.3', '10.244.2.3', '10.244.1.4'];

  test('has the addresses of its ready endpoints', () => {
    const name = 'db.default.svc.cluster.local.';
    expectAnswers(
      name,
      'A',
      four.map(address => `${name} 5 IN A ${address}`),
    );
    expectAnswers(name, 'AAAA', [`${name} 5 IN AAAA fd00:10:244::5`]);
  });

  test('has a name for each: its hostname, or its address with dashes', () => {
    expectAnswers('db-0.db.default.svc.cluster.local.', 'A', ['db-0.db.default.svc.cluster.local. 5 IN A 10.244.1.3']);
    expectAnswers('10-244-1-4.db.default.svc.cluster.local.', 'A', ['10-244-1-4.db.default.svc.cluster.local. 5 IN A 10.244.1.4']);
    const six = 'fd00-10-244--5.db.default.svc.cluster.local.';
    expectAnswers(six, 'AAAA', [`${six} 5 IN AAAA fd00:10:244::5`]);
    expectNegative(ask(six, 'A'), Rcode.NoError);
    expectNegative(ask('10-244-1-3.db.default.svc.cluster.local.', 'A'), Rcode.NXDomain);
    expectNegative(ask('10-244-2-4.db.default.svc.cluster.local.', 'A'), Rcode.NXDomain);
  });

  test('has an SRV for each endpoint, which share the weight of 100', () => {
    const name = '_http._tcp.db.default.svc.cluster.local.';
    const of = (label: string) => `${label}.db.default.svc.cluster.local.`;
    expectAnswers(
      name,
      'SRV',
      ['db-0', 'db-1', '10-244-1-4', 'fd00-10-244--5'].map(label => `${name} 5 IN SRV 0 25 80 ${of(label)}`),
      [
        `${of('db-0')} 5 IN A 10.244.1.3`,
        `${of('db-1')} 5 IN A 10.244.2.3`,
        `${of('10-244-1-4')} 5 IN A 10.244.1.4`,
        `${of('fd00-10-244--5')} 5 IN AAAA fd00:10:244::5`,
      ],
    );
  });

  test('without ports has addresses and no SRV', () => {
    expectAnswers('portless.default.svc.cluster.local.', 'A', ['portless.default.svc.cluster.local. 5 IN A 10.244.1.6']);
    expectAnswers('10-244-1-6.portless.default.svc.cluster.local.', 'A', [
      '10-244-1-6.portless.default.svc.cluster.local. 5 IN A 10.244.1.6',
    ]);
    expectNegative(ask('portless.default.svc.cluster.local.', 'SRV'), Rcode.NoError);
  });

  test('without a ready endpoint does not exist', () => {
    expectNegative(ask('empty.default.svc.cluster.local.', 'A'), Rcode.NXDomain);
  });

  test('gives one of many at least the weight 1, and each address once', () => {
    const index = cluster();
    const endpoints = Array.from({ length: 150 }, (_, i) => ({ addresses: [`10.244.3.${i}`] }));
    const labels = { 'kubernetes.io/service-name': 'db' };
    const ports = [{ name: 'http', port: 80 }];
    index.replace('EndpointSlice', [
      { metadata: { namespace: 'default', name: 'db-1', labels }, endpoints, ports },
      { metadata: { namespace: 'default', name: 'db-2', labels }, endpoints: endpoints.slice(0, 10), ports },
    ]);
    const srv = ask('_http._tcp.db.default.svc.cluster.local.', 'SRV', {}, index)!;
    expect(srv.answers).toHaveLength(150);
    expect(srv.additionals).toHaveLength(150);
    expect(srv.answers[0]).toMatchObject({ weight: 1 });
    expect(ask('db.default.svc.cluster.local.', 'A', {}, index)!.answers).toHaveLength(150);
  });
});

describe('an ExternalName', () => {
  const name = 'outside.default.svc.cluster.local.';
  const cname = `${name} 5 IN CNAME www.example.com.`;

  test('is a CNAME, and another server knows the rest', () => {
    expectAnswers(name, 'CNAME', [cname]);
    for (const type of ['A', 'AAAA'] as const) {
      const found = ask(name, type)!;
      expect(found.answers.map(line)).toEqual([cname]);
      expect(found.chase).toEqual({ name: 'www.example.com.', type: Type[type], class: Class.IN });
    }
  });

  test('to a Service is followed at once', () => {
    expectAnswers('to-web.default.svc.cluster.local.', 'A', [
      'to-web.default.svc.cluster.local. 5 IN CNAME web.default.svc.cluster.local.',
      'web.default.svc.cluster.local. 5 IN A 10.96.0.11',
    ]);
    const twice = ask('to-outside.default.svc.cluster.local.', 'A')!;
    expect(twice.answers.map(line)).toEqual([`to-outside.default.svc.cluster.local. 5 IN CNAME ${name}`, cname]);
    expect(twice.chase?.name).toBe('www.example.com.');
  });

  test('to nowhere, round in a circle or to itself has no records', () => {
    for (const one of ['to-nowhere', 'loop-a', 'itself']) expectNegative(ask(`${one}.default.svc.cluster.local.`, 'A'), Rcode.NoError);
  });

  test('has no endpoints, no ports and no SRV; an address is no name', () => {
    expectNegative(ask('x.outside.default.svc.cluster.local.', 'CNAME'), Rcode.NXDomain);
    expectNegative(ask('_http._tcp.outside.default.svc.cluster.local.', 'SRV'), Rcode.NXDomain);
    expectNegative(ask(name, 'SRV'), Rcode.NoError);
    expectNegative(ask(name, 'MX'), Rcode.NoError);
    expectNegative(ask('address.default.svc.cluster.local.', 'A'), Rcode.NXDomain);
  });
});

describe('the name of an address', () => {
  const ptr = (name: string, ...targets: string[]) =>
    expectAnswers(
      name,
      'PTR',
      targets.map(target => `${name} 5 IN PTR ${target}`),
    );

  test('is that of the Service with this cluster IP', () => {
    ptr('11.0.96.10.in-addr.arpa.', 'web.default.svc.cluster.local.');
    ptr(`${'6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f'}.ip6.arpa.`, 'six.default.svc.cluster.local.');
    ptr(`${'5.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.9.0.0.0.1.0.0.0.0.D.F'}.IP6.arpa.`, 'dual.default.svc.cluster.local.');
  });

  test('is that of the endpoint in each Service that has it', () => {
    ptr('3.1.244.10.in-addr.arpa.', 'db-0.db.default.svc.cluster.local.');
    ptr('2.1.244.10.in-addr.arpa.', '10-244-1-2.web.default.svc.cluster.local.', '10-244-1-2.unnamed.default.svc.cluster.local.');
  });

  test.each([
    '99.0.96.10.in-addr.arpa.',
    '0.96.10.in-addr.arpa.',
    '1.11.0.96.10.in-addr.arpa.',
    '011.0.96.10.in-addr.arpa.',
    'web.in-addr.arpa.',
  ])('is not known for %s', name => expectNegative(ask(name, 'PTR'), Rcode.NXDomain, 'in-addr.arpa.'));

  test('that is not known is passed on where that is wished', () => {
    expect(ask('9.113.0.203.in-addr.arpa.', 'PTR', { fallthrough: ['in-addr.arpa.'] })).toBeUndefined();
    expect(ask('11.0.96.10.in-addr.arpa.', 'PTR', { fallthrough: ['in-addr.arpa.'] })?.answers).toHaveLength(1);
    expectNegative(ask('nosuch.default.svc.cluster.local.', 'A', { fallthrough: ['in-addr.arpa.'] }), Rcode.NXDomain);
  });

  test('has no address, and the zone of addresses itself exists', () => {
    expectNegative(ask('11.0.96.10.in-addr.arpa.', 'A'), Rcode.NXDomain, 'in-addr.arpa.');
    expectNegative(ask('in-addr.arpa.', 'PTR'), Rcode.NoError, 'in-addr.arpa.');
    expectNegative(ask('example.org.cluster.local.', 'PTR'), Rcode.NXDomain);
  });
});

describe('a pod', () => {
  const name = '10-244-1-2.default.pod.cluster.local.';

  test('insecure: every address has a name', () => {
    expectAnswers(name, 'A', [`${name} 5 IN A 10.244.1.2`]);
    expectAnswers('10-9-9-9.default.pod.cluster.local.', 'A', ['10-9-9-9.default.pod.cluster.local. 5 IN A 10.9.9.9']);
    expectAnswers('fd00--1.default.pod.cluster.local.', 'AAAA', ['fd00--1.default.pod.cluster.local. 5 IN AAAA fd00::1']);
    expectNegative(ask(name, 'AAAA'), Rcode.NoError);
    expectNegative(ask('default.pod.cluster.local.', 'A'), Rcode.NoError);
    for (const none of ['blah.default', '10-244-1.default', '10-244-1-256.default', '010-244-1-2.default', '10-244-1-2.nosuch'])
      for (const type of ['A', 'AAAA', 'HINFO'] as const) expectNegative(ask(`${none}.pod.cluster.local.`, type), Rcode.NXDomain);
  });

  test('verified: only a pod that is there', () => {
    expect(ask(name, 'A', { pods: 'verified' })!.answers.map(line)).toEqual([`${name} 5 IN A 10.244.1.2`]);
    for (const none of ['10-244-1-9.default', '10-244-1-2.kube-system'])
      expectNegative(ask(`${none}.pod.cluster.local.`, 'A', { pods: 'verified' }), Rcode.NXDomain);
    const index = cluster();
    index.set('Pod', { metadata: { namespace: 'default', name: 'pod-a', deletionTimestamp: 'now' }, status: { podIP: '10.244.1.2' } });
    expectNegative(ask(name, 'A', { pods: 'verified' }, index), Rcode.NXDomain);
  });

  test('disabled: none has a name', () => {
    expectNegative(ask(name, 'A', { pods: 'disabled' }), Rcode.NXDomain);
    expectNegative(ask('default.pod.cluster.local.', 'A', { pods: 'disabled' }), Rcode.NXDomain);
    expectNegative(ask('pod.cluster.local.', 'A', { pods: 'disabled' }), Rcode.NoError);
  });
});

describe('the zone', () => {
  test('says its schema version, its start and its name server, which is the Service of this server', () => {
    expectAnswers('dns-version.cluster.local.', 'TXT', ['dns-version.cluster.local. 28800 IN TXT 1.1.0']);
    expectAnswers('cluster.local.', 'SOA', [soa()]);
    expectAnswers(
      'cluster.local.',
      'NS',
      ['cluster.local. 5 IN NS kube-dns.kube-system.svc.cluster.local.'],
      ['kube-dns.kube-system.svc.cluster.local. 5 IN A 10.96.0.10'],
    );
    expectAnswers('ns.dns.cluster.local.', 'A', ['ns.dns.cluster.local. 5 IN A 10.96.0.10']);
  });

  test('without a Service has its own address', () => {
    const options = { ownAddresses: ['127.0.0.1', 'fd00::7'] };
    const found = ask('cluster.local.', 'NS', options)!;
    expect(found.answers.map(line)).toEqual(['cluster.local. 5 IN NS ns.dns.cluster.local.']);
    expect(found.additionals.map(line)).toEqual(['ns.dns.cluster.local. 5 IN A 127.0.0.1', 'ns.dns.cluster.local. 5 IN AAAA fd00::7']);
    expect(ask('ns.dns.cluster.local.', 'AAAA', options)!.answers.map(line)).toEqual(['ns.dns.cluster.local. 5 IN AAAA fd00::7']);
  });

  test('is not given away whole', () => {
    for (const type of ['AXFR', 'IXFR'] as const)
      expect(ask('cluster.local.', type)).toEqual({ rcode: Rcode.Refused, answers: [], authorities: [], additionals: [] });
  });

  test('other names are for others', () => {
    for (const name of ['www.example.com.', 'local.', '.', 'mycluster.local.']) expect(ask(name, 'A')).toBeUndefined();
  });

  test('keeps the case of the question', () => {
    expectAnswers('WeB.DeFaUlT.SvC.cLuStEr.LoCaL.', 'A', ['WeB.DeFaUlT.SvC.cLuStEr.LoCaL. 5 IN A 10.96.0.11']);
    expectAnswers(
      '_HtTp._TcP.WeB.default.SvC.cLuStEr.LoCaL.',
      'SRV',
      ['_HtTp._TcP.WeB.default.SvC.cLuStEr.LoCaL. 5 IN SRV 0 100 80 web.default.svc.cLuStEr.LoCaL.'],
      ['web.default.svc.cLuStEr.LoCaL. 5 IN A 10.96.0.11'],
    );
    expectNegative(ask('nosuch.default.svc.ClUsTeR.lOcAl.', 'A'), Rcode.NXDomain, 'ClUsTeR.lOcAl.');
  });

  test('takes its TTL from the options, and its serial from the last change', () => {
    expect(ask('web.default.svc.cluster.local.', 'A', { ttlSeconds: 30 })!.answers[0]!.ttl).toBe(30);
    let now = 1000;
    const index = new ClusterIndex(() => now);
    expect(ask('cluster.local.', 'SOA', {}, index)!.answers[0]).toMatchObject({ serial: 1000 });
    now = 2000;
    index.set('Namespace', { metadata: { name: 'default' } });
    now = 3000;
    expect(ask('cluster.local.', 'SOA', {}, index)!.answers[0]).toMatchObject({ serial: 2000 });
  });

  test('of which not all is known yet answers SERVFAIL in place of NXDOMAIN', () => {
    const index = new ClusterIndex(() => SERIAL);
    index.replace('Namespace', [{ metadata: { name: 'default' } }]);
    expectNegative(ask('web.default.svc.cluster.local.', 'A', {}, index), Rcode.ServFail);
    for (const kind of ['Service', 'EndpointSlice', 'Pod'] as const) index.replace(kind, []);
    expectNegative(ask('web.default.svc.cluster.local.', 'A', {}, index), Rcode.NXDomain);
  });
});
