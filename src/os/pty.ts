/** Pseudo-terminals (pty(7)): a program on one side believes that a person sits on the other. */
import { check } from './errno.ts';
import { close, ioctl, O_CLOEXEC, O_RDWR, open } from './libc.ts';
import { arena } from './memory.ts';

const O_NOCTTY = 0o400;
const TIOCSPTLCK = 0x4004_5431;
/** Opens the other side without a path (Linux 4.13): /dev/pts may be another one here. */
const TIOCGPTPEER = 0x5441;
const TIOCSWINSZ = 0x5414;

export interface Pty {
  /** The person's side. Whoever has it closes it. */
  readonly master: number;
  /** The program's side: its three standard descriptors. */
  readonly slave: number;
}

/** @throws LabError OS */
export function openPty(): Pty {
  const master = check(open('/dev/ptmx', O_RDWR | O_NOCTTY | O_CLOEXEC, 0), 'open', '"/dev/ptmx"');
  try {
    check(ioctl(master, TIOCSPTLCK, arena(4).base), 'ioctl TIOCSPTLCK', 'pseudo-terminal');
    return { master, slave: check(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC), 'ioctl TIOCGPTPEER', 'pseudo-terminal') };
  } catch (error) {
    close(master);
    throw error;
  }
}

/** The program hears of it by SIGWINCH. Does nothing on a terminal that is closed. */
export function resizePty(master: number, columns: number, rows: number): void {
  const size = arena(8);
  const view = new DataView(size.bytes.buffer);
  view.setUint16(0, rows, true);
  view.setUint16(2, columns, true);
  ioctl(master, TIOCSWINSZ, size.base);
}
