/** Namespaces of its own for what makes hosts of the kernel: they end with it. */
import { spawnSync } from 'node:child_process';
import { pinThread } from '../../../src/os/affinity.ts';
import { choosePlane } from '../net/plane.ts';
import { KernelHost } from './kernel-host.ts';

const INSIDE = 'KUBEHOP_CONFORMANCE_INSIDE';

/**
 * Chooses the kernel, in namespaces of this process's own.
 * @returns the status of the process that has done the work in such namespaces, when this one was not in them
 */
export function enterKernel(): number | undefined {
  if (process.env[INSIDE] === undefined) {
    const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
    const inside = 'mount -t tmpfs tmpfs /run && exec "$0" "$@"';
    const { status, error } = spawnSync(
      'unshare',
      [
        ...user,
        '--mount',
        '--pid',
        '--net',
        '--fork',
        '--mount-proc',
        '--kill-child',
        'sh',
        '-c',
        inside,
        process.execPath,
        ...process.execArgv,
        ...process.argv.slice(1),
      ],
      { stdio: 'inherit', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, [INSIDE]: '1' } },
    );
    if (error) throw error;
    return status ?? 1;
  }
  // What a frame causes is done on the processor that sent it: there a barrier behind it tells that it is over.
  pinThread(0);
  choosePlane({ name: 'kernel', host: (spec, options) => new KernelHost(spec, options) });
  return undefined;
}
