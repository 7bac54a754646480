/**
 * Started in a network namespace of its own by `matches.test.ts`: `inject.ts FILE`, with `{ restore, save, rules, packets }` in the file. Loads
 * the rules, sends each packet in through a TUN device `tun0`, one after the other, and writes what `save` says of the counters.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { openTun } from '../../../src/device/tun.ts';
import { arena } from '../../../src/os/memory.ts';
import { Packet } from '../../../src/packet/packet.ts';

export interface Injection {
  readonly restore: string;
  readonly save: string;
  readonly rules: string;
  /** IP packets in hexadecimal. */
  readonly packets: readonly string[];
}

const { restore, save, rules, packets } = JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as Injection;
// The lock of the legacy tool lies in /run.
execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/run']);
const tun = openTun({ name: 'tun0', offload: false });
try {
  execFileSync('ip', ['link', 'set', 'tun0', 'up']);
  execFileSync(restore, { input: rules });
  const memory = arena(4096);
  const p = new Packet();
  for (const hex of packets) {
    const bytes = Buffer.from(hex, 'hex');
    memory.bytes.set(bytes, 256);
    p.borrow(memory, 0, 256, 256 + bytes.length, 4096);
    if (!tun.transmit(p)) throw new Error(`the TUN device refused a packet of ${bytes.length} bytes`);
    tun.flush();
  }
  process.stdout.write(execFileSync(save, ['-c', '-t', 'raw']));
} finally {
  tun.close();
}
