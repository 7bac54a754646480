import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

interface Difference {
  hop: string;
  field: string;
  userspace: unknown;
  kernel: unknown;
}

interface Diff {
  schema: string;
  same: boolean;
  comparisons: {
    differences: Difference[];
    hops: { hop: string; same: boolean; first?: Omit<Difference, 'hop'> }[];
    ignored: { what: string; why: string }[];
  }[];
}

describe.skipIf(lacking !== '')(title('a router that is broken on purpose'), () => {
  const kubehop = new Kubehop();
  beforeAll(async () => {
    expect(await kubehop.run('lab', 'run', '07', '--on', 'kernel')).toMatchObject({ code: 0 });
  });
  afterAll(() => kubehop.close());

  test.each([
    ['wrong-ttl', 'different: first at node1/flannel.1, ipv4.ttl: userspace 61, kernel 62', 'ipv4.ttl'],
    ['skip-masquerade', 'different: first at node1/flannel.1, ipv4.src: userspace 203.0.113.9, kernel 10.244.1.0', 'ipv4.src'],
  ])('%s: the checks fail, and diff names hop and field', async (fault, first, field) => {
    expect(await kubehop.run('lab', 'run', '07', '--on', 'userspace', '--fault', fault)).toMatchObject({ code: 1 });
    const { code, stdout } = await kubehop.run('diff', '07');
    expect(code).toBe(1);
    expect(stdout.split('\n')[0]).toBe(first);
    // Every hop with what differs there first, and what was left out with the reason.
    expect(stdout).toMatch(/\n +lan0 +\d+ +\d+ /);
    expect(stdout).toMatch(new RegExp(`\\n +node1/flannel\\.1 +\\d+ +\\d+ +${field.replace('.', '\\.')}: userspace \\S+, kernel \\S+\\n`));
    expect(stdout).toMatch(/not compared \(userspace, kernel\):\n( +\S.* \(\d+, \d+\): \S.*\n)+/);
    const json = await kubehop.run('diff', '07', '--json');
    expect(json.code).toBe(1);
    const { schema, same, comparisons } = JSON.parse(json.stdout) as Diff;
    expect([schema, same]).toEqual(['kubehop-diff/1', false]);
    const [probe] = comparisons;
    expect(probe!.hops.find(h => h.hop === 'node1/flannel.1')).toMatchObject({ same: false, first: { field } });
    expect(probe!.ignored.every(i => i.what !== '' && i.why !== '')).toBe(true);
    expect(probe!.ignored.map(i => i.what)).toContain('time');
    expect(comparisons[0]!.differences.some(d => d.hop === 'node1/flannel.1' && d.field === field)).toBe(true);
  });

  test('mended, it is the same again', async () => {
    expect(await kubehop.run('lab', 'run', '07', '--on', 'userspace')).toMatchObject({ code: 0 });
    expect(await kubehop.run('diff', '07')).toMatchObject({ code: 0 });
  });
});
