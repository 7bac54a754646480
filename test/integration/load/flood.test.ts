/**
 * A router whose connection table is full, for a few seconds: `scripts/flood` is the long form.
 * Needs: root, for namespaces that processes can be put into by name.
 */
import { afterAll, describe, expect, test } from 'vitest';
import { faults, flood } from '../../soak/flood.ts';
import { POD, Wires } from '../../soak/wires.ts';

const missing = process.getuid?.() === 0 ? undefined : 'not root';
const title = `a router under a flood of SYNs${missing ? ` (skipped: ${missing})` : ''}`;
const options = { rate: 20_000, seconds: 3, entries: 16_384, idle: 50, progress: () => {} };

const wires = new Wires();
const ping = (count: number) => wires.inside('client', ['ping', '-q', '-c', String(count), '-i', '0.1', '-W', '1', POD]).stdout;

describe.skipIf(missing !== undefined)(title, () => {
  afterAll(() => wires.close());

  test('keeps what is ASSURED, and lets traffic live on', async () => {
    const report = await flood(wires, options);
    expect(faults(report, options)).toEqual([]);
    expect(report.statistics.early_drop).toBeGreaterThan(20_000);
    expect(report.destroyEvents).toBeGreaterThan(0);
  });

  test('lists what is left of it, counts it, and deletes it', async () => {
    const counted = Number((await wires.kubehop(['conntrack', '-C'])).stdout);
    expect(counted).toBeGreaterThan(10_000);
    const { stdout, stderr } = await wires.kubehop(['conntrack', '-L']);
    const shown = Number(/(\d+) flow entries have been shown/.exec(stderr)![1]);
    expect(stdout.split('\n').length - 1).toBe(shown);
    expect(stdout).toMatch(
      /^tcp +6 \d+ SYN_SENT src=198\.1[89]\.\d+\.\d+ dst=10\.96\.0\.10 sport=\d+ dport=9 \[UNREPLIED\] src=10\.244\.1\.2 /m,
    );
    expect(Math.abs(shown - counted)).toBeLessThan(100);
    const { stderr: said } = await wires.kubehop(['conntrack', '-D', '--state', 'SYN_SENT', '-p', 'tcp', '-s', '198.18.0.0/15']);
    expect(said).toMatch(/\d{5} flow entries have been deleted/);
    expect(Number((await wires.kubehop(['conntrack', '-C'])).stdout)).toBeLessThan(200);
  });

  test('drops what is new when all is ASSURED, says so once, and takes it again when there is room', async () => {
    const told = (): number => wires.said.split('nf_conntrack: table full, dropping packet').length - 1;
    const { drops } = await wires.counters();
    await wires.kubehop(['sysctl', '-w', 'net.netfilter.nf_conntrack_max=1']);
    expect(ping(5)).toContain(' 100% packet loss');
    expect((await wires.counters()).drops.CONNTRACK_FULL! - (drops.CONNTRACK_FULL ?? 0)).toBeGreaterThanOrEqual(5);
    // Once for the flood, when some buckets had nothing to evict, and once more if that was long ago.
    expect([1, 2]).toContain(told());
    await wires.kubehop(['sysctl', '-w', 'net.netfilter.nf_conntrack_max=65536']);
    expect(ping(2)).toContain(' 0% packet loss');
  });
});
