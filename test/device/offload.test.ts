import { describe, expect, test } from 'vitest';
import { findPartialChecksum, readVnetHeader, VNET_HDR_LEN, writeVnetHeader } from '../../src/device/offload.ts';
import { Gso, Packet } from '../../src/packet/packet.ts';

function packet(bytes: Uint8Array, start = 0): Packet {
  const p = new Packet();
  p.borrow({ bytes, base: 0 }, 0, start, bytes.length, bytes.length);
  return p;
}

// An IPv4 packet with a UDP datagram, 10.96.0.10:53 > 10.244.1.5:40000, 5 bytes, its checksum not filled in.
const UDP = [0x45, 0, 0, 33, 0, 0, 0x40, 0, 64, 17, 0, 0, 10, 96, 0, 10, 10, 244, 1, 5, 0, 53, 0x9c, 0x40, 0, 13, 0, 0, 1, 2, 3, 4, 5];

describe('virtio-net header', () => {
  test('reads what a kernel wrote for a TCP segment with ECN', () => {
    // flags NEEDS_CSUM, TCPv4 | ECN, hdr_len 66, gso_size 1448, csum_start 34, csum_offset 16
    const b = Uint8Array.of(0xa5, 1, 0x81, 66, 0, 0xa8, 0x05, 34, 0, 16, 0, ...new Array<number>(80).fill(0xa5));
    const p = packet(b, 11);
    readVnetHeader(p, b, 1, 11);
    expect(p).toMatchObject({ gsoType: Gso.Tcp4, gsoSize: 1448, hdrLen: 66, csumStart: 45, csumOffset: 16, csumValid: false });
  });

  test('reads a checksum that the device vouches for', () => {
    const b = Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...new Array<number>(40).fill(0));
    const p = packet(b, VNET_HDR_LEN);
    readVnetHeader(p, b, 0, VNET_HDR_LEN);
    expect(p).toMatchObject({ gsoType: Gso.None, csumStart: 0, csumValid: true });
  });

  test('writes over whatever stood there, and gives back what it was given', () => {
    const b = new Uint8Array(200).fill(0xa5);
    const p = packet(b, 100);
    b[100 + 34 + 12] = 0x80; // a TCP header of 32 bytes
    Object.assign(p, { csumStart: 134, csumOffset: 16, gsoType: Gso.Tcp4, gsoSize: 1400 });
    writeVnetHeader(p, b, 50);
    expect([...b.subarray(50, 60)]).toEqual([1, 1, 66, 0, 1400 & 255, 1400 >> 8, 34, 0, 16, 0]);
    expect([b[49], b[60]]).toEqual([0xa5, 0xa5]);
    const q = packet(b, 100);
    readVnetHeader(q, b, 50, 100);
    expect(q).toMatchObject({ csumStart: 134, csumOffset: 16, gsoType: Gso.Tcp4, gsoSize: 1400, hdrLen: 66 });
  });

  test('counts from where the frame starts now, after an encapsulation was taken off', () => {
    const b = new Uint8Array(300);
    const p = packet(b, 50);
    Object.assign(p, { csumStart: 134, csumOffset: 6, gsoType: Gso.UdpL4, gsoSize: 100 });
    p.start = 100;
    writeVnetHeader(p, b, 0);
    expect([b[6], b[2]]).toEqual([34, 42]);
  });

  test('says nothing for a plain frame', () => {
    const b = new Uint8Array(100).fill(0xa5);
    writeVnetHeader(packet(b, 20), b, 0);
    expect([...b.subarray(0, VNET_HDR_LEN)]).toEqual(new Array(VNET_HDR_LEN).fill(0));
  });
});

describe('unfinished checksums', () => {
  const ethernet = (...rest: number[]) => Uint8Array.of(...new Array<number>(12).fill(2), ...rest);
  const find = (b: Uint8Array) => {
    const p = packet(b);
    findPartialChecksum(p);
    return [p.csumStart, p.csumOffset];
  };
  const changed = (at: number, v: number) => UDP.map((x, i) => (i === at ? v : x));

  test('is found behind Ethernet and behind VLAN tags', () => {
    expect(find(ethernet(8, 0, ...UDP))).toEqual([34, 6]);
    expect(find(ethernet(0x81, 0, 0, 5, 8, 0, ...UDP))).toEqual([38, 6]);
    expect(find(ethernet(0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0, ...UDP))).toEqual([42, 6]);
    expect(find(ethernet(8, 0, ...changed(9, 6), ...new Array<number>(10).fill(0)))).toEqual([34, 16]);
  });

  test('is not looked for in fragments, in other protocols or past the end', () => {
    expect(find(ethernet(8, 0, ...changed(6, 0x20)))).toEqual([0, 0]);
    expect(find(ethernet(8, 0, ...changed(7, 1)))).toEqual([0, 0]);
    expect(find(ethernet(8, 0, ...changed(9, 1)))).toEqual([0, 0]);
    expect(find(ethernet(8, 6, ...UDP))).toEqual([0, 0]);
    for (let cut = 0; cut < 14 + 28; cut++) expect(find(ethernet(8, 0, ...UDP).subarray(0, cut))).toEqual([0, 0]);
    expect(find(ethernet(0x81, 0).subarray(0, 14))).toEqual([0, 0]);
  });
});
