import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { catalog, loadLab } from '../../src/lab/catalog.ts';
import type { Machine } from '../../src/lab/doctor/check.ts';
import { NeedsHere } from '../../src/lab/needs.ts';

const programs = mkdtempSync(join(tmpdir(), 'kubehop-needs-'));
afterAll(() => rmSync(programs, { recursive: true }));
writeFileSync(join(programs, 'dig'), '#!/bin/sh\n');
chmodSync(join(programs, 'dig'), 0o755);

const machine = (sandbox: Machine['sandbox']): Machine => ({
  uid: 1000,
  env: { PATH: `/nowhere:${programs}` },
  nodeVersion: '24.0.0',
  readLine: () => undefined,
  sandbox,
});
const refusing = (what: string): Machine['sandbox'] => {
  return script => (script.includes(what) ? { status: 2, output: 'Error: Unknown device type.' } : { status: 0, output: '' });
};

describe('what this machine has of what an exercise needs', () => {
  test('a program is looked for on PATH', async () => {
    const here = new NeedsHere(machine(refusing('nothing')));
    expect(await here.look('dig')).toEqual({ state: 'ok' });
    expect(await here.look('ping')).toEqual({ state: 'missing', mend: 'sudo apt-get install iputils-ping' });
  });

  test('a feature of the kernel is tried', async () => {
    const here = new NeedsHere(machine(refusing('vxlan')));
    expect(await here.look('vxlan')).toEqual({ state: 'missing', mend: 'sudo scripts/setup' });
    expect(await here.look('xt_recent')).toEqual({ state: 'ok' });
    expect(await here.anyLab()).toBe(true);
  });

  test('where no lab can run, nothing of the kernel is called missing, and programs are looked for all the same', async () => {
    const here = new NeedsHere(machine(() => ({ status: 1, output: 'unshare: Operation not permitted' })));
    expect(await here.anyLab()).toBe(false);
    expect(await here.look('vxlan')).toEqual({ state: 'untried' });
    expect(await here.look('dig')).toEqual({ state: 'ok' });
  });

  test('each is tried once', async () => {
    let tried = 0;
    const here = new NeedsHere(
      machine(script => {
        if (script.includes('vxlan')) tried++;
        return { status: 0, output: '' };
      }),
    );
    await here.look('vxlan');
    await here.look('vxlan');
    expect(tried).toBe(1);
  });
});

test.each(catalog().map(entry => [entry.number]))(
  'exercise %s says how long it takes, and needs what its nodes and its API do',
  async number => {
    const { minutes, needs = [], api, nodes, podNetwork } = await loadLab(number);
    expect(minutes).toBeGreaterThanOrEqual(5);
    expect(minutes).toBeLessThanOrEqual(120);
    expect(needs.includes('kubectl')).toBe(api === true);
    expect(needs.includes('vxlan')).toBe(nodes.length > 1 && (podNetwork ?? 'flannel-vxlan') === 'flannel-vxlan');
  },
);
