/**
 * A shell that waits behind a router on wires that are not its own: when the router's process is killed without having put back what it
 * changed, the shell does it. It reads from a pipe that ends with the process, so nothing can make it miss the moment.
 */
import { spawn } from 'node:child_process';
import { insideNetns } from '../os/netns.ts';

export interface Guardian {
  /** All has been put back: the guardian ends and does nothing. */
  release(): void;
}

/** @param undo shell lines, run in the namespace of the router; a line that fails does not keep the others from running */
export function guard(netns: string | undefined, undo: readonly string[]): Guardian {
  const script = ['read -r word', '[ "$word" = done ] && exit 0', ...undo].join('\n');
  const start = () => spawn('sh', ['-c', script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  const child = netns === undefined ? start() : insideNetns(netns, start);
  child.unref();
  const { stdin } = child;
  stdin.on('error', () => stdin.destroy());
  (stdin as unknown as { unref?: () => void }).unref?.();
  return { release: () => void stdin.end('done\n') };
}
