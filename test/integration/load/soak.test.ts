/**
 * Random traffic through a router, fifteen seconds of it, or a minute where there is time (KUBEHOP_ROUNDS): `scripts/soak` is the long form.
 * Needs: root, for namespaces that processes can be put into by name.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { faults, soak } from '../../soak/soak.ts';
import { Wires } from '../../soak/wires.ts';

const missing = process.getuid?.() === 0 ? undefined : 'not root';
const title = `a router under random traffic${missing ? ` (skipped: ${missing})` : ''}`;
const options = { minutes: process.env.KUBEHOP_ROUNDS === undefined ? 0.25 : 1, seed: 1, progress: () => {} };

const wires = new Wires();

describe.skipIf(missing !== undefined)(title, () => {
  afterAll(() => wires.close());

  test('holds no more with time, and nothing when every time has run out', { timeout: 180_000 }, async () => {
    const report = await soak(wires, options);
    expect(faults(report, options)).toEqual([]);
    expect(report.events).toBeGreaterThan(0);
    expect(report.listed).toBeGreaterThan(0);
  });
});
