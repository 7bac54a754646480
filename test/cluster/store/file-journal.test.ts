import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../../src/base/clock.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { openClusterStore } from '../../../src/cluster/bootstrap.ts';
import { ConfigMaps, Namespaces } from '../../../src/cluster/resources/index.ts';
import type { Store } from '../../../src/cluster/store/store.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kubehop-journal-'));
  file = join(folder, 'cluster');
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (compactFrom?: number) =>
  openClusterStore(file, { clock: new VirtualClock(0), random: new SeededRandom(1) }, compactFrom === undefined ? {} : { compactFrom });
const fill = (store: Store, count: number, value = 'x'): void => {
  for (let i = 0; i < count; i++)
    store.create(ConfigMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `c${i}`, namespace: 'default' }, data: { value } });
};
function withStore<T>(use: (store: Store) => T, compactFrom?: number): T {
  const { store, close } = open(compactFrom);
  try {
    if (store.count(Namespaces) === 0) store.create(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } });
    return use(store);
  } finally {
    close();
  }
}

describe('a store in a file', () => {
  test('is there again, with its revision, and those who watched go on where they were', () => {
    const [from, before] = withStore(store => {
      fill(store, 3);
      const { revision } = store;
      store.delete(ConfigMaps, 'default', 'c1');
      store.modify(ConfigMaps, 'default', 'c2', draft => {
        draft.data = { value: 'y' };
      });
      return [revision, store.list(ConfigMaps)];
    });
    withStore(store => {
      expect(store.list(ConfigMaps)).toEqual(before);
      const events = store.watch(ConfigMaps, {}, from, () => {}).take();
      expect(events.map(e => `${e.type} ${e.object.metadata.name}`)).toEqual(['DELETED c1', 'MODIFIED c2']);
    });
  });

  test('that grows is written anew: then the past is gone, and what there is, is there', () => {
    const [first, last] = withStore(store => {
      fill(store, 10);
      const { revision } = store;
      for (let i = 0; i < 500; i++)
        store.modify(ConfigMaps, 'default', 'c0', draft => {
          draft.data = { value: String(i) };
        });
      return [revision, store.revision];
    }, 20_000);
    expect(statSync(file).size).toBeLessThan(60_000);
    withStore(store => {
      expect(store.revision).toBe(last);
      expect(store.get(ConfigMaps, 'default', 'c0').data).toEqual({ value: '499' });
      expect(store.count(ConfigMaps)).toBe(10);
      expect(() => store.watch(ConfigMaps, {}, first, () => {})).toThrow('too old resource version');
    });
  });

  test('loses only the line that was not whole', () => {
    withStore(store => fill(store, 3));
    const whole = statSync(file).size;
    for (const cut of [1, 30, 200]) {
      truncateSync(file, whole - cut);
      withStore(store => {
        expect(store.count(ConfigMaps)).toBe(2);
        store.create(ConfigMaps, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name: 'c2', namespace: 'default' },
          data: { value: 'x' },
        });
      });
      withStore(store => expect(store.count(ConfigMaps)).toBe(3));
    }
  });

  test('that is damaged before its end, or is something else, is refused and left alone', () => {
    withStore(store => fill(store, 3));
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
    expect(() => open()).toThrow(/line \d+ of the journal is damaged/);
    expect(readFileSync(file)).toEqual(bytes);
    writeFileSync(file, 'hello\nworld\n');
    expect(() => open()).toThrow('damaged');
  });

  test('readable only by its owner', () => {
    withStore(store => fill(store, 1));
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test('survives being killed at any moment: what was answered is there', async () => {
    let expected = 0;
    for (let round = 0; round < 12; round++) {
      expected = await writeUntilKilled(20 + round * 17);
      withStore(store => {
        // The last one may have been written and not told any more.
        const data = store.get(ConfigMaps, 'default', 'counter').data!;
        expect(Number(data.value)).toBeGreaterThanOrEqual(expected);
        expect(data.copy).toBe(data.value);
        expect(store.count(ConfigMaps)).toBeGreaterThan(1);
      });
    }
    // A file that a writer left half made does not hurt either.
    appendFileSync(`${file}.new`, 'half');
    withStore(store => expect(Number(store.get(ConfigMaps, 'default', 'counter').data!.value)).toBeGreaterThanOrEqual(expected));
  }, 60_000);
});

/** Starts a process that counts in the file, and kills it after so many answers. @returns the last number that it told */
function writeUntilKilled(answers: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'journal-writer.ts'), file], { stdio: ['ignore', 'pipe', 'inherit'] });
    let [last, seen] = [0, 0];
    createInterface({ input: child.stdout }).on('line', line => {
      last = Number(line);
      if (++seen === answers) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', (_, signal) =>
      signal === 'SIGKILL' ? resolve(last) : reject(new Error(`the writer ended by itself after ${seen} answers`)),
    );
  });
}
