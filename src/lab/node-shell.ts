/**
 * A shell in a userspace node: `iptables`, `iptables-save`, `iptables-restore`, `conntrack` and `sysctl` there speak to the router, by a
 * directory in front of PATH; `ip` and `bridge` are about the router's routes, addresses, neighbours and ports, and `tcpdump` looks at interfaces that are in it. On a kernel node the tools of the
 * system do what they always do.
 */
import { accessSync, constants, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RouterDescription } from '../node/description.ts';
import type { MirroredRoute } from '../node/route-mirror.ts';
import { toolNames } from '../node/tool.ts';
import { VXLAN } from './topology/addresses.ts';
import { IPIP } from './topology/calico.ts';

/** In the lab's own /run: not seen from outside. The daemon's socket is there as well. */
export const SHELL_DIRECTORY = '/run/kubehop';
/** Set for what is started from a node's shell: where the lab is reached from inside. */
export const LAB_DIRECTORY_VARIABLE = 'KUBEHOP_LAB_DIRECTORY';

const KUBEHOP = fileURLToPath(new URL('../../bin/kubehop', import.meta.url));
const programPath = (name: string): string => fileURLToPath(new URL(`inside/${name}.ts`, import.meta.url));
const DESCRIPTION = 'router.json';

/** Of a node, or of another place that has tools of its own. */
export const toolDirectory = (place: string): string => join(SHELL_DIRECTORY, place);

/** PATH for a command there. */
export const nodePath = (place: string, path = process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin'): string =>
  `${toolDirectory(place)}:${path}`;

/** Objects of `ip` as it takes them, shortened too. */
const ROUTE = 'r|ro|rou|rout|route';
const LINKS = 'a|ad|add|addr|addre*|l|li|lin|link|n|ne|nei|neig|neigh*';
/** Interfaces that no device carries. */
const INSIDE = [VXLAN.device, IPIP.device, 'cni0'];

/** A command that is known at this place alone. @param lines of a shell's program */
export function writeTool(place: string, tool: string, lines: readonly string[]): void {
  mkdirSync(toolDirectory(place), { recursive: true, mode: 0o700 });
  writeFileSync(join(toolDirectory(place), tool), `#!/bin/sh\n${lines.join('\n')}\n`, { mode: 0o755 });
}

export function writeNodeTools(node: string): void {
  const directory = toolDirectory(node);
  const write = (tool: string, lines: readonly string[]): void => writeTool(node, tool, lines);
  for (const tool of toolNames)
    write(tool, [`${LAB_DIRECTORY_VARIABLE}=${SHELL_DIRECTORY} exec ${quoted(KUBEHOP)} ${tool} --node ${node} "$@"`]);
  // As a document prints it: the real one would take the system's own PATH, and these tools would be out of it.
  write('sudo', ['while case $1 in -*) ;; *) false ;; esac; do shift; done', 'exec "$@"']);
  const ip = realPath('ip');
  if (ip !== undefined)
    write('ip', [
      ...whenAsked('hairpin', [programPath('ports'), node, ip]),
      ...whenAsked(ROUTE, [programPath('ip'), node, join(directory, DESCRIPTION), ip]),
      ...unless(LINKS, ip, [programPath('links'), node, ip]),
    ]);
  const bridge = realPath('bridge');
  if (bridge !== undefined)
    write('bridge', [
      ...whenAsked('hairpin', [programPath('ports'), node, bridge]),
      ...unless('f|fd|fdb', bridge, [programPath('links'), node, bridge]),
    ]);
  const tcpdump = realPath('tcpdump');
  if (tcpdump !== undefined)
    write('tcpdump', unless(INSIDE.map(name => `*${name}*`).join('|'), tcpdump, [programPath('tcpdump'), node, INSIDE.join(), tcpdump]));
}

/** What the router was told, and the routes that it follows, for `ip route`: as a whole, whoever reads it meanwhile. */
export function describeNode(node: string, description: RouterDescription, mirrored: readonly MirroredRoute[]): void {
  const path = join(toolDirectory(node), DESCRIPTION);
  mkdirSync(toolDirectory(node), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, JSON.stringify({ ...description, mirrored }), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Words like these are looked at more closely; with others the real program is there at once. */
const unless = (pattern: string, real: string, program: readonly string[]): string[] => [
  ...whenAsked(pattern, program),
  `exec ${quoted(real)} "$@"`,
];

function whenAsked(pattern: string, program: readonly string[]): string[] {
  const argv = [process.execPath, '--disable-warning=ExperimentalWarning', ...program].map(quoted).join(' ');
  return ['for word; do', `  case $word in ${pattern}) exec ${argv} "$@" ;; esac`, 'done'];
}

function realPath(tool: string): string | undefined {
  const paths = `${process.env.PATH ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`.split(':').map(folder => join(folder, tool));
  return paths.find(path => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
