import { describe, expect, test } from 'vitest';
import { ConntrackCommands, EventFollowers } from '../../src/node/conntrack-command.ts';
import type { ToolResult } from '../../src/node/tool.ts';
import { Hook } from '../../src/packet/verdict.ts';
import { udpPacket, world } from '../conntrack/packets.ts';

/** A table of `flows` UDP entries, and commands on it as a node's loop runs them. */
function scene(flows: number) {
  const { ct } = world({ capacity: 4096 });
  const begin = (n: number): void => {
    const p = udpPacket({ src: `10.1.${n >> 8}.${n & 255}`, sport: 1000, dst: '10.2.0.1', dport: 53 });
    ct.track(p, Hook.Prerouting);
    ct.confirm(p);
  };
  for (let n = 0; n < flows; n++) begin(n);
  const pieces: string[] = [];
  const results: ToolResult[] = [];
  const commands = new ConntrackCommands(
    ct,
    (_id, text) => pieces.push(text),
    (_id, result) => results.push(result),
  );
  return { ct, begin, pieces, results, commands };
}
const lines = (pieces: readonly string[]): string[] => pieces.join('').split('\n').slice(0, -1);

describe('a conntrack command on a running node', () => {
  test('prints a long list in pieces, one between two batches', () => {
    const { commands, pieces, results } = scene(1000);
    commands.begin(1, ['-L']);
    let batches = 1;
    while (commands.goOn()) {
      expect(results).toEqual([]);
      batches++;
    }
    expect(batches).toBeGreaterThan(3);
    expect(Math.max(...pieces.map(piece => lines([piece]).length))).toBeLessThanOrEqual(256);
    expect(new Set(lines(pieces)).size).toBe(1000);
    expect(results).toEqual([{ stdout: '', stderr: expect.stringContaining('1000 flow entries have been shown.'), status: 0 }]);
  });

  test('shows no entry twice and none that has gone, while connections come and go', () => {
    const { ct, begin, commands, pieces } = scene(1000);
    commands.begin(1, ['-L']);
    commands.goOn();
    for (let i = 900; i < 1000; i++) ct.delete(i);
    for (let n = 2000; n < 2100; n++) begin(n);
    while (commands.goOn());
    const sources = lines(pieces).map(line => /src=(\S+)/.exec(line)![1]!);
    expect(new Set(sources).size).toBe(sources.length);
    expect(sources.filter(src => src === '10.1.3.150')).toEqual([]); // number 918
    expect(sources.length).toBe(1000);
  });

  test('deletes what it means and nothing that came into its place', () => {
    const { ct, begin, commands, results } = scene(1000);
    commands.begin(1, ['-D', '-d', '10.2.0.1', '-s', '10.1.0.0/24']);
    commands.goOn();
    ct.sweep();
    begin(2000); // takes a place that the first piece has made free
    while (commands.goOn());
    expect(results).toMatchObject([{ stderr: expect.stringContaining('256 flow entries have been deleted.'), status: 0 }]);
    ct.sweepAll();
    expect(ct.size).toBe(745);
  });

  test('does not wait for another that is under way', () => {
    const { commands, pieces, results } = scene(1000);
    commands.begin(1, ['-L']);
    commands.goOn();
    commands.begin(2, ['-C']);
    expect(commands.goOn()).toBe(true);
    expect(results).toEqual([{ stdout: '1000\n', stderr: '', status: 0 }]);
    while (commands.goOn());
    expect(lines(pieces).length).toBe(1000);
    expect(results.length).toBe(2);
  });
});

describe('those who follow events', () => {
  test('are warned of when more has happened at once than can be kept, each time', () => {
    const { ct, begin } = scene(0);
    const warnings: string[] = [];
    let lines = 0;
    const followers = new EventFollowers(
      ct,
      (_follower, more) => {
        lines += more.length;
      },
      message => warnings.push(message),
    );
    followers.add(1, ['-E']);
    for (let n = 0; n < 3000; n++) begin(n);
    ct.flush();
    followers.tell();
    expect(lines).toBe(4096);
    expect(warnings).toEqual(['conntrack -E: 1904 events were lost: too many at once']);
    begin(1);
    followers.tell();
    expect(lines).toBe(4097);
    expect(warnings.length).toBe(1);
    followers.remove(1);
    expect(ct.core.events).toBe(null);
  });
});
