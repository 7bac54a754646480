/** A command of the user's in a namespace of a running lab, on his own terminal. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { LabError } from '../base/errors.ts';
import { DaemonClient } from './daemon/client.ts';
import { childrenOf, type Instance, runningInstances } from './daemon/directories.ts';
import { nodePath } from './node-shell.ts';
import { enter as inside, netnsPath } from './shell.ts';
import type { Plane } from './topology/model.ts';

/** @param number of the lab; absent: the one that is up @throws LabError LAB_UNKNOWN when it is not up, BAD_INPUT when several are */
export function runningLab(number?: string): Instance {
  const running = runningInstances().filter(instance => instance.lasting);
  const wanted = number?.padStart(2, '0');
  const found = wanted === undefined ? running : running.filter(instance => instance.lab === wanted);
  if (found.length === 1) return found[0]!;
  const up = running.map(instance => instance.lab).join(', ');
  if (found.length > 1) throw new LabError('BAD_INPUT', `labs ${up} are up: say which with --lab NN`);
  const which = wanted === undefined ? 'no lab is up' : `lab ${wanted} is not up${up === '' ? '' : ` (${up} is)`}`;
  throw new LabError('BAD_INPUT', `${which}: \`kubehop lab up ${wanted ?? 'NN'}\` builds it`);
}

interface Place {
  plane: Plane | null;
  /** Absent where it has none of its own: a switch. */
  address: string | undefined;
}

async function placesOf(instance: Instance): Promise<Map<string, Place>> {
  const client = await DaemonClient.connect(instance.directory);
  try {
    const [places, addresses] = [await client.request({ op: 'places' }), await client.request({ op: 'addresses' })];
    return new Map(Object.entries(places).map(([name, plane]) => [name, { plane, address: addresses[name] }]));
  } finally {
    client.close();
  }
}

/**
 * From the host into the lab's namespaces, then into that of the pod, node or client.
 * @param argv empty: a shell, bash where there is one
 * @returns the command's exit code; 128 + the signal's number when a signal ended it, as a shell says it.
 * @throws LabError BAD_INPUT for a name that this lab has not
 */
export async function execIn(instance: Instance, where: string, argv: readonly string[]): Promise<number> {
  const places = await placesOf(instance);
  const place = places.get(where);
  if (place === undefined)
    throw new LabError('BAD_INPUT', `there is no "${where}" in lab ${instance.lab}: it has ${[...places.keys()].join(', ')}`);
  const [init] = childrenOf(instance.pid);
  if (init === undefined) throw new LabError('DAEMON', `lab ${instance.lab} is ending`);
  const user = process.getuid!() === 0 ? [] : ['--user', '--preserve-credentials'];
  const into = ['--target', String(init), ...user, '--mount', '--net', '--pid', '--', 'nsenter', `--net=${netnsPath(where)}`, '--'];
  const env = {
    ...process.env,
    PATH: nodePath(where),
    PS1: promptOf(instance.lab, where, place.address),
  };
  const child = spawn('nsenter', [...into, ...inside(where, shells[argv.join(' ')] ?? argv)], { stdio: 'inherit', env });
  return new Promise((resolve, reject) => {
    child.once('error', cause => reject(new LabError('TOOL_MISSING', `cannot run nsenter: ${cause.message}`, { cause })));
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
}

/** `07 pod-b (10.244.2.2) $ `: which lab, who one is there. */
const promptOf = (lab: string, where: string, address: string | undefined): string =>
  `${lab} ${where}${address === undefined ? '' : ` (${address})`} $ `;

/**
 * Shells without the user's own start-up files: they would write another prompt, and put other programs in front of a node's. sh without job
 * control: its process group is one of the host, and has no number in the lab.
 */
const shells: Readonly<Record<string, readonly string[]>> = {
  '': ['sh', '-c', 'if command -v bash >/dev/null; then exec bash --norc --noprofile; else exec sh +m; fi'],
  bash: ['bash', '--norc', '--noprofile'],
  sh: ['sh', '+m'],
};
