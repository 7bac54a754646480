import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test } from 'vitest';
import { type Answer, type ControlServer, serveControl } from '../../src/node/control.ts';
import { wrote } from '../../src/node/tool.ts';

const EVENTS = 1000;
const PIECE = `${'x'.repeat(63)}\n`.repeat(EVENTS);
/** More than any socket's buffers hold. */
const PIECES = 1000;

const folder = mkdtempSync(join(tmpdir(), 'kubehop-slow-'));
const path = join(folder, 'router.sock');
let server: ControlServer | undefined;
let reader: Socket | undefined;
afterEach(() => {
  reader?.destroy();
  server?.close();
  rmSync(folder, { recursive: true, force: true });
});

const asked = (args: readonly string[]): void => {
  reader = createConnection(path);
  reader.write(`${JSON.stringify({ command: 'conntrack', args })}\n`);
};
const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

describe('a reader who does not read', () => {
  test('of events costs the router no memory, and is told what it has missed when it reads', async () => {
    const before = process.memoryUsage().rss;
    const idle = Promise.withResolvers<void>();
    let written = 0;
    let seen = false;
    const answer: Answer = async (_request, onText) => {
      for (; written < PIECES * EVENTS; written += EVENTS) {
        onText(PIECE);
        if (written % (10 * EVENTS) === 0) await turn();
      }
      idle.resolve();
      // More happens, until the reader has caught up.
      for (; !seen; written++) {
        onText('one more\n');
        await turn();
      }
      return wrote('');
    };
    server = await serveControl(path, answer);
    asked(['-E']);
    await idle.promise;
    expect(process.memoryUsage().rss - before).toBeLessThan((PIECE.length * PIECES) / 2);
    let told = 0;
    let lost = 0;
    for await (const line of createInterface({ input: reader! })) {
      const said = JSON.parse(line) as { text?: string; warning?: string; ok?: boolean };
      told += (said.text ?? '').split('\n').length - 1;
      seen ||= said.text === 'one more\n';
      if (said.warning !== undefined) lost += Number(/(\d+) events were lost/.exec(said.warning)![1]);
      if (said.ok) break;
    }
    expect(lost).toBeGreaterThan((PIECES * EVENTS) / 2);
    expect(told + lost).toBe(written);
  });
});
