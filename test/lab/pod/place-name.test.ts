import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freeBeside, PlaceLinks, placeName } from '../../../src/lab/pod/place-name.ts';

const isFree = freeBeside(['client', 'upstream', 'lan0', 'node1']);
const place = (name: string, namespace = 'default') => placeName({ name, namespace }, isFree);

describe('places of pods', () => {
  test('a pod of the namespace default is called by its name, any other with its namespace', () => {
    expect(place('pod-a')).toBe('pod-a');
    expect(place('coredns-1', 'kube-system')).toBe('coredns-1.kube-system');
  });

  test("a name that is the lab's own, or will be that of a node which joins, is said with the namespace", () => {
    expect(place('client')).toBe('client.default');
    expect(place('node1')).toBe('node1.default');
    expect(place('node7')).toBe('node7.default');
    expect(place('node-7')).toBe('node-7');
  });

  test('a name with dots does not pass for that of a pod in another namespace', () => {
    expect(place('coredns.kube-system')).toBe('coredns.kube-system.default');
    expect(place('coredns.kube-system')).not.toBe(place('coredns', 'kube-system'));
  });

  test('the longest names fit into one of a file, and stay different', () => {
    const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(59)}`;
    const places = [place(`${long}y`, 'n'.repeat(63)), place(`${long}z`, 'n'.repeat(63))];
    for (const each of places) expect(Buffer.byteLength(each)).toBeLessThanOrEqual(200);
    expect(new Set(places).size).toBe(2);
  });

  test('links are of who came last: one who goes later takes nothing of his away', () => {
    const folder = mkdtempSync(join(tmpdir(), 'kubehop-place-'));
    const [first, second] = [new PlaceLinks({ [folder]: 'cni-1' }), new PlaceLinks({ [folder]: 'cni-2' })];
    first.set('web');
    second.set('web');
    first.remove('web');
    expect(readlinkSync(join(folder, 'web'))).toBe('cni-2');
    second.remove('web');
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});
