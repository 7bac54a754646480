import { describe, expect, test } from 'vitest';
import { expectOutput, lab } from '../../src/lab/definition.ts';
import { checkSteps, overNetwork, stepsFor } from '../../src/lab/networks.ts';

const step = expectOutput('node1', 'ip route', /./);
const other = expectOutput('node1', 'ip link', /./);
const exercise = lab({
  title: 'one',
  nodes: ['node1'],
  podNetwork: 'calico-bgp',
  topOfRack: 1,
  steps: [step],
  networks: { 'calico-ipip': { title: 'another', ipip: 'cross-subnet', steps: [other] } },
});

describe('an exercise over another network', () => {
  test('is what it says of it, without what was for its own', () => {
    const over = overNetwork(exercise, 'calico-ipip');
    expect(over).toMatchObject({ title: 'another', podNetwork: 'calico-ipip', ipip: 'cross-subnet', steps: [other], nodes: ['node1'] });
    expect(over).not.toHaveProperty('topOfRack');
  });

  test('has no steps where it says nothing of it', () => {
    const over = overNetwork(exercise, 'flannel-vxlan');
    expect(over).toMatchObject({ title: 'one', podNetwork: 'flannel-vxlan', steps: [] });
    expect(over).not.toHaveProperty('topOfRack');
    expect(() => checkSteps('15', exercise, 'flannel-vxlan')).toThrow(
      '--network flannel-vxlan: exercise 15 has steps for calico-bgp, calico-ipip: `lab up 15 --network flannel-vxlan` builds it without',
    );
  });

  test('is itself over its own', () => {
    expect(overNetwork(exercise, undefined)).toBe(exercise);
    expect(overNetwork(exercise, 'calico-bgp')).toBe(exercise);
    expect(stepsFor(exercise)).toEqual(['calico-bgp', 'calico-ipip']);
    expect(stepsFor({ ...exercise, podNetwork: 'flannel-vxlan', networks: {} })).toEqual(['flannel-vxlan']);
    expect(() => checkSteps('15', exercise, 'calico-ipip')).not.toThrow();
  });
});
