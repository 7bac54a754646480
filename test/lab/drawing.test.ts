import { describe, expect, test } from 'vitest';
import { drawPath } from '../../src/lab/drawing.ts';
import type { WalkStep } from '../../src/lab/result.ts';

const step = (hop: string, ends: string, outer?: string): WalkStep => ({
  hop,
  packet: ends,
  ends,
  ...(outer === undefined ? {} : { outer }),
  did: [],
  rules: [],
});
const walk = [
  step('client/eth0', 'client > node1:30080'),
  step('node1/eth0', 'client > node1:30080'),
  step('node1/flannel.1', 'node1 > pod-b:8080'),
  step('lan0', 'node1 > pod-b:8080', 'node1 > node2'),
  step('pod-b/eth0', 'node1 > pod-b:8080'),
];
const answer = [
  step('pod-b/eth0', 'pod-b:8080 > node1'),
  step('lan0', 'pod-b:8080 > node1', 'node2 > node1'),
  step('node1/flannel.1', 'pod-b:8080 > node1'),
  step('node1/eth0', 'node1:30080 > client'),
  step('client/eth0', 'node1:30080 > client'),
];

describe('the path of a packet, drawn', () => {
  test('goes down on the left and back up on the right, and marks what was rewritten', () => {
    expect(drawPath(walk, answer).map(line => [line.text, line.tone])).toEqual([
      ['  client/eth0      | client > node1:30080   | ^', undefined],
      ['  node1/eth0       | v                      | node1:30080 > client *', 'changed'],
      ['  node1/flannel.1  | node1 > pod-b:8080 *   | ^', 'changed'],
      ['  lan0             | [ v in node1 > node2 ] | [ ^ in node2 > node1 ]', undefined],
      ['  pod-b/eth0       | v                      | pod-b:8080 > node1', undefined],
      ['  * rewritten since the hop before; [ ] in an envelope', 'quiet'],
    ]);
  });

  test('is two drawings when the answer took another way, and one when there was none', () => {
    const other = drawPath(walk, answer.slice(0, 2)).map(line => line.text);
    expect(other.indexOf('')).toBe(walk.length);
    expect(other.length).toBe(walk.length + 1 + 2 + 1);
    expect(drawPath(walk.slice(0, 2), []).map(line => line.text)).toEqual(['  client/eth0  | client > node1:30080', '  node1/eth0   | v']);
  });
});
