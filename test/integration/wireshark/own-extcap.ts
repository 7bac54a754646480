/** tshark with a folder of extcap programs of the test's own. Wireshark does not believe WIRESHARK_EXTCAP_DIR when root runs it: then a mount does it. */
import { spawnSync } from 'node:child_process';
import { readFolders } from '../../../src/lab/wireshark/folders.ts';

/** @returns argv that runs `argv` there */
export function withExtcap(folder: string, argv: readonly string[]): [string, string[]] {
  if (process.getuid!() !== 0) return ['env', [`WIRESHARK_EXTCAP_DIR=${folder}`, ...argv]];
  const { extcap } = readFolders(spawnSync('tshark', ['-G', 'folders'], { encoding: 'utf8' }).stdout);
  return ['unshare', ['--mount', 'sh', '-c', 'mount --bind "$0" "$1" && shift && exec "$@"', folder, extcap, ...argv]];
}
