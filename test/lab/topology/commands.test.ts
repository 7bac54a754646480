import { describe, expect, test } from 'vitest';
import { loadLab } from '../../../src/lab/catalog.ts';
import { clusterTopology } from '../../../src/lab/topology/cluster.ts';
import { commandLines } from '../../../src/lab/topology/command.ts';
import { buildSteps } from '../../../src/lab/topology/commands.ts';
import type { Plane } from '../../../src/lab/topology/model.ts';

/** Every command of a lab, as `--verbose` prints it. */
async function script(number: string, plane: Plane): Promise<string> {
  const steps = buildSteps(clusterTopology(await loadLab(number), () => plane));
  return steps.flatMap(step => [`# ${step.name}`, ...step.parallel.flat().flatMap(commandLines)]).join('\n');
}

describe('the commands of a topology', () => {
  for (const number of ['01', '02', '07'])
    for (const plane of ['kernel', 'userspace'] as const)
      test(`exercise ${number}, ${plane}`, async () => {
        await expect(`${await script(number, plane)}\n`).toMatchFileSnapshot(`../../fixtures/lab/${number}-${plane}.txt`);
      });

  test('quote what a shell would take apart', () => {
    const line = commandLines({ tool: 'exec', namespace: 'node1', argv: ['sh', '-c', "echo 'a b'"] });
    expect(line).toEqual([`ip netns exec node1 sh -c 'echo '\\''a b'\\'''`]);
  });

  test('name the namespace of every line of a batch', () => {
    expect(commandLines({ tool: 'ip', namespace: 'pod-a', lines: ['link set eth0 up'] })).toEqual(['ip -n pod-a link set eth0 up']);
  });
});
