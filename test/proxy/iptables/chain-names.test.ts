import { describe, expect, test } from 'vitest';
import { endpointChain, serviceChain } from '../../../src/proxy/iptables/chain-names.ts';

describe('names of chains', () => {
  test.each([
    ['ns1/svc1:p80', 'tcp', 'XPGD46QRK7WJZT7O'],
    ['default/kubernetes:https', 'tcp', 'NPX46M4PTMTKRN6Y'],
    ['kube-system/kube-dns:dns', 'UDP', 'TCOU7JCQXEZGVUNU'],
    ['default/web-nodeport-svc', 'TCP', '7WM2IUBQOCTRHK5M'],
  ])('hash %s %s', (servicePort, protocol, suffix) => {
    for (const kind of ['SVC', 'SVL', 'EXT', 'FW'] as const)
      expect(serviceChain(kind, servicePort, protocol)).toBe(`KUBE-${kind}-${suffix}`);
  });
  test('take the endpoint into the hash', () => {
    expect(endpointChain('ns1/svc1:p80', 'tcp', '10.180.0.1:80')).toBe('KUBE-SEP-SXIVWICOYRO3J4NJ');
    expect(endpointChain('default/web-nodeport-svc', 'tcp', '10.244.1.16:80')).toBe('KUBE-SEP-B3ORHEA6RRRCAMQ6');
  });
});
