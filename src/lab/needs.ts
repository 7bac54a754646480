/** What an exercise needs of a machine beyond what every lab needs, and whether this machine has it. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { bridgeNetfilter } from './doctor/bridge-netfilter.ts';
import { type Check, type Finding, type Machine, missing, ok, SETUP, sandboxCheck } from './doctor/check.ts';
import { vxlan } from './doctor/links.ts';
import { namespaces } from './doctor/namespaces.ts';
import { bird } from './doctor/tools.ts';
import { tun } from './doctor/tun.ts';

/** On PATH: asked without namespaces. */
const program = (name: string, use: string, mend: string): Check => ({
  name,
  use,
  required: false,
  run({ env }) {
    const found = (env.PATH ?? '').split(':').some(folder => isExecutable(join(folder, name)));
    return found ? ok(use) : missing(`no ${name} on PATH`, mend);
  },
});
const apt = (name: string): string => `sudo apt-get install ${name}`;
const match = (name: string, rule: string): Check =>
  sandboxCheck(`xt_${name}`, `rules of a kernel node with -m ${name}`, false, `iptables -t nat -A PREROUTING -m ${rule} -j ACCEPT`);

/** By the word that an exercise's `needs` and `kubehop lab list` say. Each is tried, as the doctor does. */
export const needs = {
  vxlan,
  br_netfilter: bridgeNetfilter,
  xt_statistic: match('statistic', 'statistic --mode random --probability 0.5'),
  xt_recent: match('recent', 'recent --name KUBEHOP --rcheck --seconds 10800 --reap'),
  ipip: sandboxCheck('ipip', 'tunl0 of a kernel node', false, 'ip link add tunl1 type ipip remote any', SETUP),
  bird,
  kubectl: program('kubectl', 'the commands of the text', 'https://kubernetes.io/docs/tasks/tools/ (1.20 or later)'),
  bash: program('bash', 'connections that are held open', apt('bash')),
  dig: program('dig', 'questions to the name server', apt('bind9-dnsutils')),
  ping: program('ping', 'echo requests of any size', apt('iputils-ping')),
  python3: program('python3', 'the server of the text', apt('python3')),
} as const satisfies Record<string, Check>;
export type Need = keyof typeof needs;

export interface Looked {
  /** `untried`: no lab can run here, so nothing was tried in one. */
  state: Finding['state'];
  /** What to do next, where it is missing. */
  mend?: string;
}

/** Each is tried once, when it is first asked for. */
export class NeedsHere {
  readonly #machine: Machine;
  readonly #known = new Map<Need, Looked>();
  #anyLab: boolean | undefined;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Can a lab run here at all? */
  async anyLab(): Promise<boolean> {
    this.#anyLab ??= (await namespaces.run(this.#machine)).state === 'ok' && (await tun.run(this.#machine)).state === 'ok';
    return this.#anyLab;
  }

  async look(need: Need): Promise<Looked> {
    const known = this.#known.get(need);
    if (known !== undefined) return known;
    const machine = (await this.anyLab()) ? this.#machine : { ...this.#machine, sandbox: untried };
    const looked = await attempt(needs[need], machine);
    this.#known.set(need, looked);
    return looked;
  }
}

class Untried extends Error {}
const untried = (): never => {
  throw new Untried();
};

async function attempt(check: Check, machine: Machine): Promise<Looked> {
  try {
    const finding = await check.run(machine);
    return { state: finding.state, ...(finding.state === 'missing' ? { mend: finding.mend } : {}) };
  } catch (error) {
    if (error instanceof Untried) return { state: 'untried' };
    throw error;
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
