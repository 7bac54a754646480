import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readCaptureFile } from '../../src/capture/pcapng/reader.ts';
import { Kubehop, lacking, title } from './support.ts';

const labs = { KUBEHOP_LABS: fileURLToPath(new URL('../fixtures/journey-labs', import.meta.url)) };
const hasTshark = spawnSync('sh', ['-c', 'command -v tshark']).status === 0;
/** TC_ACT_SHOT. */
const SHOT = '2';

describe.skipIf(lacking !== '')(title('a packet that a rule drops'), () => {
  const kubehop = new Kubehop();
  const out = join(kubehop.home, 'out');
  let said = '';
  beforeAll(async () => {
    const { code, stdout } = await kubehop.with(labs).run('lab', 'run', '96', '--out', out);
    expect(code).toBe(0);
    said = stdout;
  }, 60_000);
  afterAll(() => kubehop.close());

  test('ends in the report where it went into the node, with the rule', () => {
    expect(said).toMatch(/node1\/eth0 .*\n +filter INPUT #1: DROP\n +dropped: NETFILTER_DROP\n/);
  });

  test.each([
    ['userspace', 'node1/prerouting'],
    ['kernel', 'node1/eth0'],
  ])('is in the capture of the %s run with verdict and reason', (plane, hop) => {
    const file = readCaptureFile(join(out, plane, 'journey.pcapng'));
    const dropped = file.packets.filter(p => p.verdict === 'drop');
    expect(dropped.map(p => file.interfaces[p.interfaceId]!.name)).toEqual([hop]);
    expect(dropped[0]!.comments[0]).toMatch(/filter drops it by INPUT #1; dropped: NETFILTER_DROP\nfilter INPUT #1 DROP$/);
    if (!hasTshark) return;
    const rows = execFileSync(
      'tshark',
      ['-r', join(out, plane, 'journey.pcapng'), '-Y', 'frame.verdict', '-T', 'fields', '-e', 'frame.verdict.ebpf_tc'],
      {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    );
    expect(rows.trim()).toBe(SHOT);
  });
});
