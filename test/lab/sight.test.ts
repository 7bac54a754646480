import { describe, expect, test } from 'vitest';
import { LinkType } from '../../src/capture/pcapng/format.ts';
import { describeSight, frameOf, mismatches, type Sight, sightOf } from '../../src/lab/sight.ts';

/** SYN from 10.244.1.0:65404 to 10.244.2.2:8080 in VXLAN 1 between two nodes: frame of a capture at lan0, exercise 07 on the kernel. */
const tunnelled = Uint8Array.from(
  Buffer.from(
    '0200c0a8380c0200c0a8380b08004500005e30660000401158c1c0a8380bc0a8380c818e2118004a3e6b08000000000001000e000af402000e000af4' +
      '010008004500002c4b4840003e06d89a0af401000af40202ff7c1f90000f4240000000006002faf022f00000020405b4',
    'hex',
  ),
);

describe('a sight', () => {
  const sight = sightOf(frameOf(tunnelled))!;

  test('is of the innermost packet, with the tunnel around it', () => {
    expect(sight).toMatchObject({
      protocol: 'tcp',
      src: '10.244.1.0:65404',
      dst: '10.244.2.2:8080',
      flags: 'SYN',
      ttl: 62,
      payload: 0,
      srcMac: '0e:00:0a:f4:01:00',
      outer: { src: '192.168.56.11', dst: '192.168.56.12', vni: 1, ttl: 64 },
    });
  });

  test('reads as one line', () => {
    expect(describeSight(sight)).toBe('VXLAN 1 192.168.56.11 > 192.168.56.12 [10.244.1.0:65404 > 10.244.2.2:8080 SYN, TTL 62]');
  });

  test('of IP in IP has no number, and on tunl0 no frame', () => {
    const inner = tunnelled.slice(64);
    // A header of 20 bytes, protocol 4, around the same packet; its checksum is nobody's business here.
    const header = Uint8Array.from(Buffer.from('4500004000004000' + '3e040000' + 'c0a8380b' + 'c0a8390d', 'hex'));
    const frame = Uint8Array.from([...tunnelled.slice(0, 14), ...header, ...inner]);
    expect(describeSight(sightOf(frameOf(frame))!)).toBe(
      'IPIP 192.168.56.11 > 192.168.57.13 [10.244.1.0:65404 > 10.244.2.2:8080 SYN, TTL 62]',
    );
    expect(sightOf(frameOf(frame))!.outer).not.toHaveProperty('vni');
    expect(sightOf(frameOf(inner, 'out', LinkType.Raw))).toMatchObject({ srcMac: '', dst: '10.244.2.2:8080', flags: 'SYN' });
  });

  test('of a frame that is cut off anywhere is nothing, or less', () => {
    for (let end = 0; end < tunnelled.length; end++) {
      const cut: Sight | undefined = sightOf(frameOf(tunnelled.slice(0, end)));
      expect(cut?.flags).toBeUndefined();
    }
  });

  test('of noise never throws', () => {
    let x = 7;
    for (let round = 0; round < 2000; round++) {
      const noise = tunnelled.slice();
      for (let i = 0; i < 6; i++) {
        x = (Math.imul(x, 1103515245) + 12345) >>> 0;
        noise[x % noise.length] = x >>> 24;
      }
      expect(() => sightOf(frameOf(noise))).not.toThrow();
    }
  });
});

describe('an expectation', () => {
  const sight: Sight = { protocol: 'tcp', srcMac: '', dstMac: '', src: '10.244.1.0:4711', dst: '10.244.2.2:8080', ttl: 62, payload: 0 };

  test('holds when every named field is so', () => {
    expect(mismatches(sight, { src: '10.244.1.0:*', ttl: 62, outer: false })).toEqual([]);
  });
  test('names the fields that are not', () => {
    expect(mismatches(sight, { src: '10.244.1.1:*', ttl: 61 })).toEqual([
      'src 10.244.1.0:4711 instead of 10.244.1.1:*',
      'ttl 62 instead of 61',
    ]);
  });
  test('tells a tunnel from none', () => {
    expect(mismatches(sight, { outer: { vni: 1 } })).toEqual(['it is not in a tunnel']);
    const inside = { ...sight, outer: { srcMac: '', dstMac: '', src: 'a', dst: 'b', ttl: 64, vni: 2 } };
    expect(mismatches(inside, { outer: false })).toEqual(['it is in a tunnel']);
    expect(mismatches(inside, { outer: { vni: 1 } })).toEqual(['outer vni 2 instead of 1']);
  });
});
