/**
 * A shell in a userspace node: `iptables`, `iptables-save`, `iptables-restore`, `conntrack` and `sysctl` there speak to the router, by a
 * directory in front of PATH. On a kernel node the tools of the system do what they always do.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toolNames } from '../node/tool.ts';

/** In the lab's own /run: not seen from outside. The daemon's socket is there as well. */
export const SHELL_DIRECTORY = '/run/kubehop';
/** Set for what is started from a node's shell: where the lab is reached from inside. */
export const LAB_DIRECTORY_VARIABLE = 'KUBEHOP_LAB_DIRECTORY';

const KUBEHOP = fileURLToPath(new URL('../../bin/kubehop', import.meta.url));

const toolDirectory = (node: string): string => join(SHELL_DIRECTORY, node);

/** PATH for a command in a userspace node. */
export const nodePath = (node: string, path = process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin'): string =>
  `${toolDirectory(node)}:${path}`;

export function writeNodeTools(node: string): void {
  const directory = toolDirectory(node);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const tool of toolNames) {
    const script = `#!/bin/sh\n${LAB_DIRECTORY_VARIABLE}=${SHELL_DIRECTORY} exec '${KUBEHOP.replaceAll("'", "'\\''")}' ${tool} --node ${node} "$@"\n`;
    writeFileSync(join(directory, tool), script, { mode: 0o755 });
  }
}
