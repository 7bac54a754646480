import { describe, expect, test } from 'vitest';
import { readCorefile } from '../../src/dns/corefile.ts';

const read = (text: string) => readCorefile(text, 'Corefile');

describe('a Corefile', () => {
  test('as kubeadm writes it', () => {
    const text = `
.:53 {
    errors   # to the log
    health {
       lameduck 5s
    }
    ready
    kubernetes Cluster.Local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf dns://203.0.113.53 {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
`;
    expect(read(text)).toEqual({
      port: 53,
      zones: ['cluster.local.', 'in-addr.arpa.', 'ip6.arpa.'],
      fallthrough: ['in-addr.arpa.', 'ip6.arpa.'],
      pods: 'insecure',
      ttlSeconds: 30,
      forward: ['/etc/resolv.conf', '203.0.113.53'],
      loadBalance: true,
      log: false,
      ignored: ['plugin "cache"'],
    });
  });

  test('in few words', () => {
    expect(read('.:1053 {\n log\n kubernetes test {\n  fallthrough\n  endpoint_pod_names\n }\n}\nother {\n}')).toMatchObject({
      port: 1053,
      zones: ['test.'],
      fallthrough: ['test.'],
      pods: 'disabled',
      ttlSeconds: 5,
      log: true,
      ignored: ['server block "other"', 'kubernetes: "endpoint_pod_names"'],
    });
  });

  test.each([
    ['', 'Corefile:1:1: there is no server block'],
    ['. {\n log\n', 'Corefile:1:1: a "{" without its "}"'],
    ['. {\n}\n}', 'Corefile:3:1: a "}" without its "{"'],
    [
      '. {\n kubernetes a {\n  pods sometimes\n }\n}',
      'Corefile:3:1: wrong value for pods: sometimes, must be one of: disabled, insecure, verified',
    ],
    ['. {\n kubernetes a {\n  ttl -1\n }\n}', 'Corefile:3:1: ttl must be in range [0, 3600]: -1'],
    ['. {\n forward .\n}', 'Corefile:2:1: forward: a zone and at least one server'],
    ['.:99999 {\n}', 'Corefile:1:1: invalid port: 99999'],
  ])('that is wrong says where: %j', (text, message) => expect(() => read(text)).toThrow(message));
});
