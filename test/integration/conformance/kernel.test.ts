/** Conformance cases on the kernel: what a case expects there is told from what the router does. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { noNamespaces, title } from '../device/sandbox.ts';

const home = join(import.meta.dirname, '../../..');
const drop = {
  rules: ['-A INPUT -p udp --dport 2401 -j DROP'],
  rulesAccepted: true,
  flow: { hook: 'INPUT', protocol: 'udp', dport: 2401 },
};
const masquerade = {
  rules: ['*nat', '-A POSTROUTING -o nic2 -j MASQUERADE'],
  rulesAccepted: true,
  flow: { hook: 'FORWARD', protocol: 'tcp', dport: 80 },
};
const files = {
  'gvisor/rules': [
    { id: 'dropped', ...drop, expect: { delivered: false } },
    { id: 'a-wrong-case', ...drop, expect: { delivered: true } },
    { id: 'masqueraded', ...masquerade, expect: { forwarded: true, sourceSeen: '10.2.0.1', connected: true } },
    { id: 'no-such-target', rules: ['-A INPUT -j NOTHING'], rulesAccepted: false },
  ],
  'netfilter/tcp-transitions': [{ id: 'fin', dir: 'original', packet: 'fin', from: 'ESTABLISHED', to: 'FIN_WAIT' }],
  'netfilter/constants': [{ id: 'udp-unreplied', value: 30 }],
  'kubeproxy/chain-names': [{ id: 'a-name', kind: 'SVC', servicePort: 'a/b', protocol: 'tcp', chain: 'KUBE-SVC-X' }],
};

describe.skipIf(noNamespaces)(title('conformance on the kernel', noNamespaces), () => {
  test('tells a wrong case from a right one, and what no kernel can be asked', () => {
    const directory = mkdtempSync(join(tmpdir(), 'conformance-'));
    try {
      for (const [name, cases] of Object.entries(files)) {
        mkdirSync(join(directory, name, '..'), { recursive: true });
        writeFileSync(join(directory, `${name}.json`), JSON.stringify({ schema: 'x/1', cases }));
      }
      const run = spawnSync(process.execPath, [join(home, 'test/conformance/main.ts'), directory, '--on', 'kernel'], { encoding: 'utf8' });
      expect(run.stdout.trim().split('\n')).toEqual([
        'kubeproxy/chain-names passed 0 failed 0 unsupported 1',
        '  unsupported a-name: kube-proxy works it out by itself: no kernel has a part in it',
        'gvisor/rules passed 3 failed 1 unsupported 0',
        '  failed a-wrong-case: port 2401: delivered: expected true, got false',
        'netfilter/tcp-transitions passed 1 failed 0 unsupported 0',
        'netfilter/constants passed 1 failed 0 unsupported 0',
      ]);
      expect(run.status).toBe(1);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
