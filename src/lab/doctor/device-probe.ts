/**
 * Run inside a sandbox that has an interface `v0`: opens a device of each kind in a worker thread, says so and ends. On failure the last
 * line of stderr is what went wrong and the status is 1.
 */
import { isMainThread, Worker } from 'node:worker_threads';
import { PacketSocket } from '../../device/packet-socket.ts';
import { openTap } from '../../device/tap.ts';
import { openTun } from '../../device/tun.ts';
import { enterNetns, THREAD_NETNS } from '../../os/netns.ts';

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  worker.on('error', error => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
} else {
  enterNetns(THREAD_NETNS);
  const opened = [openTap({ name: 'tap0' }), openTun({ name: 'tun0' }), new PacketSocket('v0')];
  process.stdout.write(`${opened.map(device => device.kind).join(', ')} open from a worker thread\n`);
  for (const device of opened) device.close();
}
