import { describe, expect, test } from 'vitest';
import { planeOfOthers, planRuns } from '../../src/lab/planes.ts';

const nodes = ['node1', 'node2'];

describe('--on', () => {
  test('both makes two runs', () => {
    expect(planRuns('both', nodes).map(run => run.label)).toEqual(['userspace', 'kernel']);
  });
  test('one plane takes every node', () => {
    expect(planRuns('kernel', nodes)).toEqual([{ label: 'kernel', planes: { node1: 'kernel', node2: 'kernel' } }]);
  });
  test('a plane for one node leaves the others to the kernel', () => {
    expect(planRuns('userspace:node2', nodes)).toEqual([{ label: 'mixed', planes: { node1: 'kernel', node2: 'userspace' } }]);
  });
  test('the same plane for every node is no mixture', () => {
    expect(planRuns('userspace:node1,userspace:node2', nodes)[0]!.label).toBe('userspace');
  });
  test.each([
    ['usrspace', /--on "usrspace": write userspace, kernel, both/],
    ['userspace:node3', /there is no node "node3": this lab has node1, node2/],
    ['userspace:node1:x', /write userspace, kernel, both/],
    ['', /write userspace, kernel, both/],
  ])('refuses "%s"', (on, message) => {
    expect(() => planRuns(on, nodes)).toThrow(message);
  });
});

describe('a node that joins', () => {
  test.each([
    [{ node1: 'kernel', node2: 'kernel', client: null }, 'kernel'],
    [{ node1: 'userspace', client: null }, 'userspace'],
    [{ node1: 'kernel', node2: 'userspace' }, 'userspace'],
    [{ client: null }, 'userspace'],
  ] as const)('beside %j is on %s', (places, plane) => {
    expect(planeOfOthers(places)).toBe(plane);
  });
});
