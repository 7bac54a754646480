import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { Kubehop, lacking, title } from './support.ts';

const labs = { KUBEHOP_LABS: fileURLToPath(new URL('../fixtures/journey-labs', import.meta.url)) };

describe.skipIf(lacking !== '')(title('pods on one bridge, with bridge-nf-call-iptables'), () => {
  const kubehop = new Kubehop();
  afterAll(() => kubehop.close());

  test('reach each other by their own MACs, through the rules, as on the kernel', { timeout: 60_000 }, async () => {
    const { code, stdout } = await kubehop.with(labs).run('lab', 'run', '98');
    expect(stdout).toContain('\nsame: userspace and kernel did the same to every packet');
    expect(stdout).toMatch(/userspace: (\d+) of \1 checks hold\nkernel: (\d+) of \2 checks hold/);
    expect(code).toBe(0);
  });
});
