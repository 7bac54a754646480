import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { Absent } from '../../src/conntrack/absent.ts';
import { Newest } from '../../src/conntrack/newest.ts';
import { Table } from '../../src/conntrack/table.ts';

const CLIENT = 0x0af40202;
const SERVICE = 0x0a600001;
const SERVER = 0x0af40102;
const UDP = 17;

describe('a tuple that nobody had', () => {
  const table = new Table(24, new SeededRandom(1));
  const hash = table.hash(1, 2, 3, UDP);
  const absent = new Absent();

  test('is known to be free, and no other one', () => {
    absent.note(table, 1, 2, 3, UDP, hash);
    expect(absent.is(table, 1, 2, 3, UDP)).toBe(true);
    expect(absent.hash).toBe(hash);
    const others: [number, number, number, number][] = [
      [9, 2, 3, UDP],
      [1, 9, 3, UDP],
      [1, 2, 9, UDP],
      [1, 2, 3, 6],
    ];
    for (const [src, dst, ports, key] of others) expect(absent.is(table, src, dst, ports, key)).toBe(false);
  });

  test('is no longer known to be free when anything was put into the table', () => {
    absent.note(table, 1, 2, 3, UDP, hash);
    expect(table.insert(5 << 1, 77)).toBe(true);
    expect(absent.is(table, 1, 2, 3, UDP)).toBe(false);
    table.remove(5 << 1, 77);
    expect(absent.is(table, 1, 2, 3, UDP)).toBe(false);
  });
});

describe('the newest connection', () => {
  const table = new Table(24, new SeededRandom(1));
  const entry = (port: number, replyDst: number, replyPort: number): number => {
    const i = table.allocate();
    table.words.set([CLIENT, SERVICE, (port << 16) | 80, SERVER, replyDst, (8080 << 16) | replyPort, UDP], i * 24);
    return i;
  };
  const guess = (newest: Newest, dst: number, ports: number) => newest.replyHash(table, CLIENT, dst, ports, UDP);

  test('tells where the answers of the next one to the same Service will be looked for', () => {
    const newest = new Newest();
    newest.note(table, entry(4000, CLIENT, 4000));
    const next = entry(4001, CLIENT, 4001);
    expect(guess(newest, SERVICE, (4001 << 16) | 80)).toBe(table.hashOf((next << 1) | 1));
  });

  test('tells nothing about another Service, nor after a source was rewritten', () => {
    const newest = new Newest();
    newest.note(table, entry(4000, 0x0af40101, 61_000));
    expect(guess(newest, SERVICE, (4001 << 16) | 80)).toBe(0);
    newest.note(table, entry(4000, CLIENT, 4000));
    expect(guess(newest, SERVICE, (4001 << 16) | 81)).toBe(0);
    expect(guess(newest, SERVICE + 1, (4001 << 16) | 80)).toBe(0);
  });
});
