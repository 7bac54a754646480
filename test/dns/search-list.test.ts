import { describe, expect, test } from 'vitest';
import { candidates, readResolvConf } from '../../src/dns/search-list.ts';

const POD = 'search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n';

describe('the search list', () => {
  test('is read from resolv.conf', () => {
    expect(readResolvConf(POD)).toEqual({
      servers: ['10.96.0.10'],
      search: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local'],
      ndots: 5,
    });
    expect(
      readResolvConf('# none\ndomain lan ; the last one counts\nsearch a b\nnameserver 1.1.1.1\nnameserver 2.2.2.2\noptions edns0'),
    ).toEqual({
      servers: ['1.1.1.1', '2.2.2.2'],
      search: ['a', 'b'],
      ndots: 1,
    });
  });

  test.each<[string, string, string[]]>([
    ['web', POD, ['web.default.svc.cluster.local.', 'web.svc.cluster.local.', 'web.cluster.local.', 'web.']],
    [
      'www.example.com',
      POD,
      [
        'www.example.com.default.svc.cluster.local.',
        'www.example.com.svc.cluster.local.',
        'www.example.com.cluster.local.',
        'www.example.com.',
      ],
    ],
    ['www.example.com.', POD, ['www.example.com.']],
    ['www.example.com', 'search lan\n', ['www.example.com.', 'www.example.com.lan.']],
    [
      'a.b.c.d.e.f',
      POD,
      ['a.b.c.d.e.f.', 'a.b.c.d.e.f.default.svc.cluster.local.', 'a.b.c.d.e.f.svc.cluster.local.', 'a.b.c.d.e.f.cluster.local.'],
    ],
  ])('makes of %s', (name, conf, expected) => expect(candidates(name, readResolvConf(conf))).toEqual(expected));
});
