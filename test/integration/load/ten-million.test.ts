/** Ten million packets through a router on real wires leave its heap as it was. Needs: root, for namespaces. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';

const missing = process.getuid?.() === 0 ? undefined : 'not root';
const home = resolve(import.meta.dirname, '../../..');
const ALLOWED = 1 << 20;

test.skipIf(missing)(
  `ten million packets leave a router's heap as it was${missing ? ` (skipped: ${missing})` : ''}`,
  { timeout: 300_000 },
  () => {
    const inside = ['sh', 'src/lab/daemon/init.sh', process.execPath, '--disable-warning=ExperimentalWarning', 'test/bench/ten-million.ts'];
    const run = spawnSync('unshare', ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc', '--', ...inside], {
      cwd: home,
      encoding: 'utf8',
      env: { ...process.env, XDG_RUNTIME_DIR: '/run' },
    });
    expect(run.status, run.stderr).toBe(0);
    const { packets, grown } = JSON.parse(run.stdout);
    expect(packets).toBeGreaterThanOrEqual(10_000_000);
    expect(grown.heap).toBeLessThan(ALLOWED);
    expect(grown.buffers).toBeLessThanOrEqual(0);
  },
);
