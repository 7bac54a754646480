import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dissect } from '../../src/capture/layers.ts';
import { LinkType } from '../../src/capture/pcapng/format.ts';
import { fieldsOf, sight, tupleText } from '../../src/capture/sighting.ts';
import {
  arpRequest,
  bytes,
  portUnreachable,
  tcpData,
  tcpSyn,
  udpDatagram,
  vxlanUdp,
  vxlanUnreachable,
} from '../wire/support/real-frames.ts';
import { captured } from './support/frames.ts';

const names = (frame: Uint8Array): string[] => dissect(frame).layers.map(l => l.layer);
const seen = (frame: Uint8Array) => sight(captured('lan0', 'in', 1n, frame));

describe('the layers of a frame', () => {
  test('stand from the outside in, for each kind of a real capture', () => {
    expect(names(arpRequest)).toEqual(['ethernet', 'arp']);
    expect(names(tcpSyn)).toEqual(['ethernet', 'ipv4', 'tcp']);
    expect(names(tcpData)).toEqual(['ethernet', 'ipv4', 'tcp', 'payload']);
    expect(names(udpDatagram)).toEqual(['ethernet', 'ipv4', 'udp', 'payload']);
    expect(names(portUnreachable)).toEqual(['ethernet', 'ipv4', 'icmp']);
    expect(names(vxlanUdp)).toEqual(['ethernet', 'ipv4', 'udp', 'vxlan', 'ethernet', 'ipv4', 'udp', 'payload']);
  });

  test('say whether checksums are right, unfinished or wrong', () => {
    expect(dissect(tcpData).layers[2]).toMatchObject({ checksum: 'good' });
    const wrong = Uint8Array.from(tcpData);
    wrong[wrong.length - 1]! ^= 1;
    expect(dissect(wrong).layers[2]).toMatchObject({ checksum: 'bad' });
    // What a sender with offload leaves: the sum of the pseudo-header alone.
    const unfinished = bytes(Buffer.from(udpDatagram).toString('hex').replace('000f83eb', '000ff1a2'));
    const sum = 0xc0a8 + 0x380b + 0xc0a8 + 0x380c + 17 + 15;
    const folded = (sum & 0xffff) + (sum >>> 16);
    unfinished[40] = folded >> 8;
    unfinished[41] = folded;
    expect(dissect(unfinished).layers[2]).toMatchObject({ checksum: 'partial' });
    expect(dissect(tcpData.subarray(0, 80)).layers[2]).toMatchObject({ checksum: 'unknown' });
  });

  test('of what an ICMP error quotes stand apart', () => {
    expect(dissect(portUnreachable).quoted.map(l => l.layer)).toEqual(['ipv4', 'udp', 'payload']);
    expect(fieldsOf(seen(vxlanUnreachable)).get('quoted.ipv4.dst')).toBe('10.244.2.0');
  });

  test('name the packet the same inside and outside of an envelope', () => {
    const inner = fieldsOf(seen(vxlanUdp));
    expect(inner.get('encapsulation')).toBe('vxlan');
    expect([inner.get('ipv4.src'), inner.get('outer.ipv4.src'), inner.get('vxlan.vni')]).toEqual(['10.244.1.0', '192.168.56.11', 1]);
    expect(fieldsOf(seen(udpDatagram)).get('ipv4.src')).toBe('192.168.56.11');
  });

  test('give an error the tuple of the packet it is about, turned round', () => {
    expect(tupleText(seen(udpDatagram).tuple!)).toBe('udp 192.168.56.11:48418 > 192.168.56.12:9999');
    expect(tupleText(seen(portUnreachable).tuple!)).toBe('udp 192.168.56.12:9999 > 192.168.56.11:48418');
  });

  test('start with IPv4 where a hook shows the packet', () => {
    expect(dissect(tcpSyn.subarray(14), LinkType.Raw).layers.map(l => l.layer)).toEqual(['ipv4', 'tcp']);
  });

  test('do not count Ethernet padding as payload', () => {
    const padded = new Uint8Array(60);
    padded.set(udpDatagram);
    const payload = dissect(padded).layers.at(-1);
    expect(payload).toMatchObject({ layer: 'payload', length: 7 });
  });

  test('come out of any bytes', () => {
    const whole = [arpRequest, tcpData, portUnreachable, vxlanUnreachable];
    const spoiled = fc
      .tuple(fc.constantFrom(...whole), fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 5 }), fc.nat(200))
      .map(([frame, changes, length]) => {
        const b = Uint8Array.from(frame);
        for (const [at, value] of changes) if (at < b.length) b[at] = value;
        return b.subarray(0, length);
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), spoiled), b => {
        const s = seen(b);
        expect(s.dissection.payloadEnd).toBeLessThanOrEqual(b.length);
        fieldsOf(s);
      }),
      { numRuns: 1000 },
    );
  });
});
