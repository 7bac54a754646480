import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Execution } from '../../../src/netfilter/execute/execution.ts';
import { passes, tests } from '../../../src/netfilter/execute/matches/table.ts';
import { NOT } from '../../../src/netfilter/execute/program.ts';
import type { Packet } from '../../../src/packet/packet.ts';

/** Tests that `passes` calls by name; what the others ask for is theirs. */
const BY_NAME = 10;

test('a test that is called by name is the one with this number', () => {
  const few = fc.nat(3);
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      fc.nat(BY_NAME - 1),
      fc.boolean(),
      fc.array(few, { minLength: 8, maxLength: 8 }),
      few,
      few,
      (op, not, [a, b, ...of], ct, mark) => {
        const [protocol, src, dst, dstPort, ctinfo, short] = of;
        const header = (): boolean => short !== 0;
        const x = {
          protocol,
          src,
          dst,
          dstPort,
          srcPort: 9,
          fragment: 0,
          transport: short === 0 ? 4 : 100,
          header,
        } as unknown as Execution;
        const p = { ct: ct - 1, ctinfo, mark, untracked: false } as unknown as Packet;
        const code = Int32Array.of(op | (not ? NOT : 0), a!, b!);
        const answer = tests[op]!(x, p, code, 0);
        seen.add(`${op} ${answer}`);
        expect(passes(op, x, p, code, 0)).toBe(answer);
      },
    ),
    { numRuns: 3000 },
  );
  expect(seen.size).toBe(2 * BY_NAME);
});
