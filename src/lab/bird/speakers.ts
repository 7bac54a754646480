/** All who speak BGP in a lab, as long as it stands. Without a BIRD on the machine the nodes' routes are written by hand, as their mesh would have it. */
import { LabError } from '../../base/errors.ts';
import { run, runCommand } from '../shell.ts';
import { birdConfig } from '../topology/bird-config.ts';
import type { Command } from '../topology/command.ts';
import type { Namespace, Speaker, Topology } from '../topology/model.ts';
import { staticWays, withoutWays } from '../topology/static-ways.ts';
import { BirdDaemon } from './daemon.ts';
import { type BirdPrograms, findBird } from './program.ts';

const READY_WITHIN_MS = 30_000;
const LOOK_MS = 50;

type Speaking = Namespace & { readonly speaker: Speaker };
const speaking = ({ namespaces }: Topology): Speaking[] => namespaces.filter((ns): ns is Speaking => ns.speaker !== undefined);

export class Speakers {
  readonly #programs: BirdPrograms | undefined;
  readonly #say: (line: string, detail: boolean) => void;
  readonly #daemons = new Map<string, BirdDaemon>();
  /** Where routes were written by hand. */
  readonly #written = new Map<string, Speaker>();

  constructor(say: (line: string, detail: boolean) => void, find: () => BirdPrograms | undefined = findBird) {
    this.#say = say;
    this.#programs = find();
  }

  /** @throws LabError BIRD_MISSING where a top-of-rack router is to speak, and nobody can */
  check(topology: Topology): void {
    const tor = topology.namespaces.find(ns => ns.role === 'tor');
    if (this.#programs === undefined && tor !== undefined)
      throw new LabError('BIRD_MISSING', `${tor.name} is to speak BGP, and there is no BIRD on this machine: it is in the package bird2`);
  }

  /** Those of the topology speak, and nobody else. Resolves when all have heard all. @throws LabError DAEMON naming who has not */
  async follow(topology: Topology): Promise<void> {
    const all = speaking(topology);
    if (all.length === 0) return;
    if (this.#programs === undefined) return this.#byHand(all);
    const names = new Set(all.map(ns => ns.name));
    for (const name of [...this.#daemons.keys()].filter(each => !names.has(each))) await this.stop(name);
    await Promise.all(all.map(ns => this.#told(ns, this.#programs!)));
    await Promise.all(all.map(ns => this.#ready(ns)));
  }

  /** It leaves. */
  async stop(name: string): Promise<void> {
    const daemon = this.#daemons.get(name);
    this.#daemons.delete(name);
    this.#written.delete(name);
    await daemon?.stop();
  }

  async #told({ name, speaker }: Speaking, programs: BirdPrograms): Promise<void> {
    const config = birdConfig(speaker);
    const running = this.#daemons.get(name);
    if (running !== undefined) return running.configure(config);
    for (const line of [`bird of ${name}:`, ...config.trimEnd().split('\n')]) this.#say(line, true);
    this.#daemons.set(name, await BirdDaemon.start(name, programs, config, line => this.#say(line, true)));
  }

  async #byHand(all: readonly Speaking[]): Promise<void> {
    if (this.#written.size === 0)
      this.#say('there is no BIRD on this machine (package bird2): the routes between nodes are written by hand, nobody speaks BGP', false);
    for (const { name, speaker } of all) {
      const before = this.#written.get(name);
      const commands: Command[] = [...(before === undefined ? [] : withoutWays(name, before, speaker)), ...staticWays(name, speaker)];
      for (const command of commands) await runCommand(command);
      this.#written.set(name, speaker);
    }
  }

  /** Every session stands, and what is expected is in the table of the namespace's kernel. */
  async #ready({ name, speaker }: Speaking): Promise<void> {
    const end = performance.now() + READY_WITHIN_MS;
    for (;;) {
      const lacks = await this.#lacks(name, speaker);
      if (lacks === undefined) return;
      const ended = this.#daemons.get(name)!.ended;
      if (ended !== undefined) throw new LabError('DAEMON', `bird of ${name} has ended: ${ended}`);
      if (performance.now() > end) throw new LabError('DAEMON', `bird of ${name}: ${lacks}`);
      await new Promise(resolve => setTimeout(resolve, LOOK_MS));
    }
  }

  async #lacks(name: string, { neighbours, expected }: Speaker): Promise<string | undefined> {
    const routes = await routesOf(name);
    const missing = expected.find(network => !routes.has(network));
    if (missing !== undefined) return `no route to ${missing}`;
    const sessions = await this.#daemons
      .get(name)!
      .ask('show', 'protocols')
      .catch(() => ''); // it has no socket yet
    const silent = neighbours.find(({ session }) => !new RegExp(`^${session} .* Established`, 'm').test(sessions));
    return silent === undefined ? undefined : `no session with ${silent.address}`;
  }
}

/** What a daemon has written into the main table of a namespace. */
async function routesOf(namespace: string): Promise<Set<string>> {
  const { stdout } = await run(['ip', '-n', namespace, '-j', 'route', 'show', 'proto', '12']);
  const routes = JSON.parse(stdout === '' ? '[]' : stdout) as { dst: string }[];
  return new Set(routes.map(route => route.dst));
}
