import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadLab } from '../../src/lab/catalog.ts';
import type { CheckResult } from '../../src/lab/result.ts';
import type { RunReport } from '../../src/lab/run.ts';
import { planes } from '../../src/lab/topology/model.ts';
import { hostState, Kubehop, lacking, title } from './support.ts';

/** Makes the symptom go away, and something else break: by name of the fault, with what does not hold then. */
const wrong: Readonly<Record<string, { commands: string[][]; broken: RegExp }>> = {
  '02-hairpin': { commands: [['exec', 'node2', '--', 'iptables', '-t', 'nat', '-F']], broken: /the node port of node2/ },
  '10-mark': { commands: [['exec', 'node2', '--', 'iptables', '-F', 'INPUT']], broken: /firewall of node2 stands/ },
  '11-stale-udp': { commands: [['exec', 'node1', '--', 'conntrack', '-F']], broken: /connection from outside that stood before/ },
  '12-source-ranges': { commands: [['lab', 'delete', '23', 'service/admin']], broken: /the office reaches/ },
};

const { troubles = [], steps } = await loadLab('23');
const inOrder = steps.flatMap(step => (step.do === 'claim' ? [step.what] : []));

describe.skipIf(lacking !== '').each(planes)(title('every fault of exercise 23 on %s nodes'), plane => {
  const kubehop = new Kubehop();
  const before = hostState();
  const seconds: string[] = [];
  beforeAll(async () => {
    expect(await kubehop.run('lab', 'up', '23', '--on', plane)).toMatchObject({ code: 0 });
  }, 120_000);
  afterAll(async () => {
    await kubehop.run('lab', 'down', '--all');
    await kubehop.empty();
    expect(hostState()).toEqual(before);
    kubehop.close();
    console.log(`seconds per fault, ${plane}: brought in, found, repaired\n${seconds.join('\n')}`);
  }, 60_000);

  const check = async (...words: string[]): Promise<{ code: number | null; failed: string[]; checks: CheckResult[] }> => {
    const { code, stdout, stderr } = await kubehop.run('lab', 'check', '23', '--json', ...words);
    expect(stdout, stderr).not.toBe('');
    const { checks } = (JSON.parse(stdout) as RunReport).runs[0]!.result;
    return { code, checks, failed: checks.filter(each => !each.ok).map(each => each.text) };
  };

  test('the cluster is well, and a check of it passes nothing', { timeout: 120_000 }, async () => {
    const { code, checks, failed } = await check();
    expect({ code, failed, all: checks.map(each => each.text) }).toEqual({ code: 0, failed: [], all: inOrder });
    const listed = JSON.parse((await kubehop.run('lab', 'list', '--json')).stdout);
    expect(listed.find((lab: { number: string }) => lab.number === '23')).toMatchObject({ passed: false });
  });

  const here = troubles.flatMap((trouble, i) =>
    trouble.only === undefined || trouble.only.plane === plane ? [[i + 1, trouble] as const] : [],
  );
  test.each(here)('fault %i', { timeout: 300_000 }, async (fault, { name, symptom, breaks, keeps = [] }) => {
    const began = performance.now();
    const said = await kubehop.run('lab', 'break', '23', String(fault));
    expect(said).toMatchObject({ code: 0, stdout: expect.stringContaining(symptom) });
    // Neither the symptom nor what is said on the way tells the name.
    expect(said.stdout + said.stderr).not.toContain(name.slice(3));
    const broken = performance.now();
    const all = [...inOrder, ...keeps.flatMap(step => (step.do === 'claim' ? [step.what] : []))];
    expect(await check()).toMatchObject({ code: 1, failed: all.filter(each => breaks.includes(each)) });
    const found = performance.now();
    if (wrong[name] !== undefined) {
      for (const words of wrong[name].commands) expect(await kubehop.run(...words)).toMatchObject({ code: 0 });
      const { code, failed } = await check();
      expect({ code, failed }).toEqual({ code: 1, failed: expect.arrayContaining([expect.stringMatching(wrong[name].broken)]) });
      expect(await kubehop.run('lab', 'break', '23', String(fault))).toMatchObject({ code: 0 });
    }
    const wronged = performance.now();
    const repaired = await check('--solution');
    expect({ code: repaired.code, failed: repaired.failed }).toEqual({ code: 0, failed: [] });
    const times = [broken - began, found - broken, performance.now() - wronged].map(ms => (ms / 1000).toFixed(1));
    seconds.push(`${name} ${times.join(' ')}`);
  });

  test('a fault for the other data plane is refused, and says why', { timeout: 60_000 }, async () => {
    for (const [i, { only }] of troubles.entries()) {
      if (only === undefined || only.plane === plane) continue;
      const { code, stderr } = await kubehop.run('lab', 'break', '23', String(i + 1));
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(only.because) });
    }
  });

  test('has a name, a solution, and three hints that lead to it, for each', () => {
    for (const { name, hints, happened, source } of troubles) {
      expect(name).toMatch(/^\d\d-[a-z-]+$/);
      for (const text of [...hints, ...happened, source]) expect(text.length).toBeGreaterThan(20);
      expect(spawnSync('sh', ['-n', `labs/23-break-and-fix/solution/${name}.sh`]).status).toBe(0);
    }
    expect(troubles.length).toBeGreaterThanOrEqual(12);
    expect(new Set(troubles.map(({ name }) => name)).size).toBe(troubles.length);
  });
});
