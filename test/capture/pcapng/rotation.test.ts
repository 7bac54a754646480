import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readCaptureFile } from '../../../src/capture/pcapng/reader.ts';
import { RotatingFiles } from '../../../src/capture/pcapng/rotation.ts';
import { PcapngWriter } from '../../../src/capture/pcapng/writer.ts';

describe('a capture in files of a size', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rotation-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const chunks: Buffer[] = [];
  const writer = new PcapngWriter(bytes => chunks.push(Buffer.from(bytes)), { application: 'kubehop' });
  writer.addInterface({ name: 'lan0' });
  writer.addInterface({ name: 'node1/eth0' });
  writer.names(new Map([[0x0af40202, ['pod-b']]]));
  for (let i = 0; i < 50; i++) writer.packet({ interfaceId: i % 2, timeNs: BigInt(i), bytes: new Uint8Array(100).fill(i) });
  writer.flush();
  const stream = Buffer.concat(chunks);
  const write = (files: RotatingFiles): void => {
    for (let at = 0; at < stream.length; at += 61) files.write(stream.subarray(at, at + 61)); // blocks come in pieces
    files.close();
  };

  test('has interfaces and names in each file, and every packet in one of them, in order', () => {
    const files = new RotatingFiles(join(folder, 'trace.pcapng'), 2000);
    write(files);
    expect(files.files.slice(0, 2)).toEqual([join(folder, 'trace_00001.pcapng'), join(folder, 'trace_00002.pcapng')]);
    const read = files.files.map(path => readCaptureFile(path));
    expect(read.length).toBeGreaterThan(3);
    for (const file of read) {
      expect(file.interfaces.map(i => i.name)).toEqual(['lan0', 'node1/eth0']);
      expect(file.names.get(0x0af40202)).toEqual(['pod-b']);
      expect(file.truncated).toBe(false);
    }
    expect(read.flatMap(file => file.packets.map(p => p.bytes[0]))).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });

  test('is one file, as it came, without a size', () => {
    const files = new RotatingFiles(join(folder, 'all.pcapng'), Number.POSITIVE_INFINITY);
    write(files);
    expect(files.files).toEqual([join(folder, 'all.pcapng')]);
    expect(readCaptureFile(files.files[0]!).packets.length).toBe(50);
  });
});
