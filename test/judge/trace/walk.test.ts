import { describe, expect, test } from 'vitest';
import { compareWalks, matched, policy, type Walk } from './walk.ts';

describe('walks through the chains', () => {
  const walk = (step: number, own: boolean, ...met: string[]): Walk => ({ step, own, met });
  const jump = matched('nat', 'PREROUTING', 2, 'JUMP:KUBE-SERVICES');
  const accept = policy('filter', 'FORWARD', 'ACCEPT');

  test('are the same when every rule is, packet by packet', () => {
    const walks = [walk(0, false, jump, accept), walk(0, true, accept), walk(1, false, accept)];
    expect(compareWalks(walks, walks, 2)).toBeUndefined();
  });
  test('of a packet and of the answer that it caused may be told in any order', () => {
    expect(compareWalks([walk(0, true, jump), walk(0, false, accept)], [walk(0, false, accept), walk(0, true, jump)], 1)).toBeUndefined();
  });
  test('differ by a rule, its number, its verdict, or a packet too many', () => {
    const differs = (a: Walk[], b: Walk[]) => compareWalks(a, b, 2);
    expect(differs([walk(1, false, jump, accept)], [walk(1, false, accept)])?.step).toBe(1);
    expect(differs([walk(0, false, jump)], [walk(0, false, matched('nat', 'PREROUTING', 3, 'JUMP:KUBE-SERVICES'))])?.at).toBe(0);
    expect(differs([walk(0, false, accept)], [walk(0, false, policy('filter', 'FORWARD', 'DROP'))])).toMatchObject({ step: 0, at: 0 });
    expect(differs([walk(0, false, accept)], [walk(0, false, accept), walk(0, true, accept)])).toEqual({
      step: 0,
      at: 0,
      kernel: ['no packet'],
      router: [accept],
    });
  });
});
