import { describe, expect, test } from 'vitest';
import { readCapture } from '../../src/capture/pcapng/reader.ts';
import { captureOf } from './capture.ts';
import type { Case } from './case.ts';
import { frameOf, type PacketSpec } from './packet-spec.ts';

describe('the capture of a case', () => {
  const packet: PacketSpec = { protocol: 'udp', src: '10.0.1.2', dst: '10.0.2.3', sport: 1, dport: 2 };
  const c: Case = {
    rules: ['*nat', 'COMMIT'],
    steps: [
      { kind: 'sysctl', name: 'net.ipv4.ip_forward', value: 1 },
      { kind: 'send', link: 'a', packet },
    ],
  };
  const frame = frameOf(packet, 'a', 7);
  const out = frameOf({ ...packet, ttl: 63 }, 'b', 7);
  const file = readCapture(
    captureOf(c, { frames: [undefined, frame], links: [undefined, 'a'], outputs: [[], [{ link: 'b', frame: out }]] }, 'router'),
  );

  test('has an interface for each link, under the name of the side', () => {
    expect(file.interfaces.map(i => i.name)).toEqual(['router/a', 'router/b', 'router/c']);
  });
  test('shows what went in and what came out, with its step', () => {
    expect(file.packets.map(p => [p.interfaceId, p.direction, Buffer.from(p.bytes).equals(p.interfaceId === 0 ? frame : out)])).toEqual([
      [0, 'in', true],
      [1, 'out', true],
    ]);
    expect(file.packets[0]!.comments[0]).toMatch(/^step 1: \{"kind":"send"/);
    expect(file.packets[0]!.packetId).toBe(file.packets[1]!.packetId);
  });
});
