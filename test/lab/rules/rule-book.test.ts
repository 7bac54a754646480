import { describe, expect, test } from 'vitest';
import { RuleBook } from '../../../src/lab/rules/rule-book.ts';

const text = `*nat
:PREROUTING ACCEPT [0:0]
:KUBE-SVC-WEB - [0:0]
:KUBE-SEP-A - [0:0]
:KUBE-SEP-B - [0:0]
# kube-proxy field jump from a built-in chain
-A PREROUTING -j KUBE-SVC-WEB
# Service default/web field spec.clusterIP
-A KUBE-SVC-WEB ! -s 10.244.0.0/16 -j RETURN
# EndpointSlice default/web-1 field endpoints[0].addresses[0]
-A KUBE-SVC-WEB -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-A
[4:240] -A KUBE-SVC-WEB -j KUBE-SEP-B
COMMIT
`;

describe('a rule book', () => {
  const book = new RuleBook(text);
  const second = {
    table: 'nat',
    chain: 'KUBE-SVC-WEB',
    number: 2,
    text: '-m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-A',
  };
  const third = { ...second, number: 3, text: '-j KUBE-SEP-B' };

  test('knows the place of a rule by its words, as iptables-save prints them', () => {
    expect(book.number('nat', 'KUBE-SVC-WEB', second.text)).toBe(2);
    expect(book.number('nat', 'KUBE-SVC-WEB', '-j ACCEPT')).toBe(0);
    expect(book.number('filter', 'KUBE-SVC-WEB', second.text)).toBe(0);
  });

  test('knows the object behind a rule from the line above it, and none where there is none', () => {
    expect(book.origin(second)).toBe('EndpointSlice default/web-1 field endpoints[0].addresses[0]');
    expect(book.origin(third)).toBeUndefined();
  });

  test('counts the endpoints that a rule is one of', () => {
    expect([second, third].map(rule => book.endpoint(rule))).toEqual([
      { nth: 1, of: 2 },
      { nth: 2, of: 2 },
    ]);
    expect(book.endpoint({ ...second, text: '! -s 10.244.0.0/16 -j RETURN' })).toBeUndefined();
  });

  test('of a node without rules is empty', () => {
    expect(new RuleBook('').number('nat', 'PREROUTING', '-j X')).toBe(0);
  });
});
