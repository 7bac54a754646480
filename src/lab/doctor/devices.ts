/** The three kinds of device, opened as a userspace node opens them: by koffi, from a worker thread, in a namespace of its own. */
import { fileURLToPath } from 'node:url';
import { type Check, lastLine, missing, ok, SETUP } from './check.ts';

const PROBE = fileURLToPath(new URL('./device-probe.ts', import.meta.url));
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export const devices: Check = {
  name: 'devices',
  use: 'TAP, TUN and packet socket with its ring, from a worker thread',
  required: true,
  run({ sandbox }) {
    const node = [process.execPath, '--disable-warning=ExperimentalWarning', PROBE].map(quoted).join(' ');
    const { status, output } = sandbox(`ip link add v0 type veth peer name v1\nip link set v0 up\nip link set v1 up\n${node}`);
    if (status === 0) return ok(lastLine(output));
    return missing(lastLine(output) || `ended with status ${status}`, SETUP);
  },
};
