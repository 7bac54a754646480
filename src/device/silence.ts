/**
 * Silence the kernel on an interface that the router owns.
 *
 * A packet socket gets a copy and the kernel still takes the frame: with the node's address on a TUN beside it, it answers ARP by itself and
 * resets every connection to a node port. An nft chain at the interface's ingress hook that drops everything stops that. Packet sockets
 * stand before that hook and a bridge's TAP port is fed by the bridge of the frames' own port, so both still see each frame
 * (`__netif_receive_skb_core`, net/core/dev.c: ptype_all, then ingress, then the bridge and the protocols). What the node itself sends is not touched.
 *
 * Each interface has a table of its own, so that closing one leaves the others alone. It has one owner: who silences it again takes the
 * place of the first (of a run that was killed), and the first one's `close` ends the silence for both. The chain dies with its interface, the table with
 * the namespace at the latest.
 */
import { execFileSync } from 'node:child_process';
import { LabError } from '../base/errors.ts';
import { InterfaceControl } from '../os/interface.ts';
import { close } from '../os/libc.ts';
import { insideNetns, openNetns, THREAD_NETNS } from '../os/netns.ts';

export interface Silence {
  /** Let the kernel hear again. A second call does nothing. */
  close(): void;
}

/**
 * Silence the kernel on `name` in this thread's network namespace: `nft` is spawned, and a child is born in the namespace of the thread that
 * spawns it. Needs CAP_NET_ADMIN in the namespace's own user namespace, not on the host.
 * @throws LabError DEVICE (no such interface, nft's own words), TOOL_MISSING
 */
export function silenceKernel(name: string): Silence {
  const table = silenceTable(name);
  // Declared, deleted and declared again in one transaction: what an earlier run left is replaced.
  nft(name, [
    ...removal(table),
    `add table netdev ${table}`,
    `add chain netdev ${table} ingress { type filter hook ingress device "${name}" priority -500; policy drop; }`,
  ]);
  let home = openNetns(THREAD_NETNS);
  return {
    close() {
      if (home < 0) return;
      insideNetns(home, () => nft(name, removal(table)));
      close(home);
      home = -1;
    },
  };
}

/** The table that silences `name`: named by its index, because an interface's name may hold letters that a table's may not. @throws LabError DEVICE */
export function silenceTable(name: string): string {
  const control = new InterfaceControl();
  try {
    return `kubehop_silence_${control.ifindex(name)}`;
  } finally {
    control.close();
  }
}

/** Added first: deleting what is not there is an error. */
const removal = (table: string): string[] => [`add table netdev ${table}`, `delete table netdev ${table}`];

function nft(name: string, lines: string[]): void {
  try {
    execFileSync('nft', ['-f', '-'], { input: `${lines.join('\n')}\n`, stdio: ['pipe', 'ignore', 'pipe'], timeout: 10_000 });
  } catch (cause) {
    const { code, stderr } = cause as { code?: string; stderr?: Buffer };
    if (code === 'ENOENT') throw new LabError('TOOL_MISSING', `nft for "${name}": the program was not found`, { cause });
    const words = stderr?.toString().trim().split('\n')[0] ?? String(cause);
    throw new LabError('DEVICE', `nft ingress chain on "${name}": ${words}`, { cause });
  }
}
