import type { ChildProcess } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { wordsOf } from '../../../src/lab/daemon/client.ts';
import { checkTun, ready } from '../../../src/lab/daemon/launch.ts';

class Child extends EventEmitter {
  readonly stdout = new EventEmitter();
}

describe('starting a lab', () => {
  test('says that /dev/net/tun is missing, and what does without it', () => {
    expect(() => checkTun('/nowhere/tun')).toThrow('cannot open /nowhere/tun: ENOENT: a userspace node needs it; `--on kernel` does not');
  });
  test('says nothing when it can be opened', () => {
    expect(() => checkTun('/dev/null')).not.toThrow();
  });
  test('a lab that has listened may end when its directory is gone, while its result is still being read', async () => {
    const child = new Child();
    const listening = ready(child as unknown as ChildProcess, '/nowhere');
    child.stdout.emit('data', 'ready\n');
    await listening;
    expect(() => child.emit('exit', null, 'SIGKILL')).not.toThrow();
  });
  test('one that ends before says what its log does', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'kubehop-launch-'));
    writeFileSync(join(directory, 'daemon.log'), 'no room\n');
    const child = new Child();
    const listening = ready(child as unknown as ChildProcess, directory);
    child.emit('exit', 1, null);
    await expect(listening).rejects.toMatchObject({ code: 'DAEMON', message: 'the lab did not start (exit 1): no room' });
    rmSync(directory, { recursive: true });
  });
  test('leaves out what unshare says of itself when a lab was killed', () => {
    expect(wordsOf('unshare: sigprocmask unblock failed: Invalid argument\n')).toBe('');
    expect(wordsOf('unshare: unshare failed: Operation not permitted\n')).toBe('unshare: unshare failed: Operation not permitted');
  });
});
