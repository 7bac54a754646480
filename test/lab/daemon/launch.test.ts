import { describe, expect, test } from 'vitest';
import { wordsOf } from '../../../src/lab/daemon/client.ts';
import { checkTun } from '../../../src/lab/daemon/launch.ts';

describe('starting a lab', () => {
  test('says that /dev/net/tun is missing, and what does without it', () => {
    expect(() => checkTun('/nowhere/tun')).toThrow('cannot open /nowhere/tun: ENOENT: a userspace node needs it; `--on kernel` does not');
  });
  test('says nothing when it can be opened', () => {
    expect(() => checkTun('/dev/null')).not.toThrow();
  });
  test('leaves out what unshare says of itself when a lab was killed', () => {
    expect(wordsOf('unshare: sigprocmask unblock failed: Invalid argument\n')).toBe('');
    expect(wordsOf('unshare: unshare failed: Operation not permitted\n')).toBe('unshare: unshare failed: Operation not permitted');
  });
});
