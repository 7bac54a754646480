/** One userspace node, seen from the thread that commands it: start, rules in and out, questions, stop. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { LabError } from '../base/errors.ts';
import { silenceTable } from '../device/silence.ts';
import type { RuleSet } from '../netfilter/ruleset.ts';
import { EventFd } from '../os/event-fd.ts';
import { insideNetns } from '../os/netns.ts';
import type { RouterDescription } from './description.ts';
import { type Guardian, guard } from './guardian.ts';
import { type IptablesTool, runIptables } from './iptables.ts';
import type { NodeLinks } from './links.ts';
import type { Network } from './network.ts';
import type { NodeCounters, NodeMessage, NodeRequest, NodeStart, NodeTrace } from './protocol.ts';
import type { MirroredRoute } from './route-mirror.ts';
import { type LoadOptions, NodeRules } from './rules.ts';
import { openSocketsPath, type SocketsPath } from './sockets-path.ts';
import { sysctlCommand } from './sysctl-command.ts';
import type { ToolName, ToolResult } from './tool.ts';

export interface NodeOptions {
  /** `/proc/PID/ns/net` or a named namespace's file; absent: the namespace of this process. */
  netns?: string;
  description: RouterDescription;
  /** iptables-save text and the name of its file, for errors. */
  rules?: { text: string; file?: string; lenient?: boolean; sets?: { text: string; file: string } };
  /** Random choices are drawn from it; absent: a seed from the system. */
  seed?: number;
  onWarning?: (message: string) => void;
  /** Routes that are mirrored from the kernel table of the namespace (`mirror` of the description): all of them, whenever one has changed. */
  onMirrored?: (routes: readonly MirroredRoute[]) => void;
  /** The namespace goes on after the router: what it changed is put back, and these files are removed, even when this process is killed. */
  guarded?: { files: readonly string[] };
}

/** A node's thread answers within this, or something is wrong with it. */
const ANSWER_MS = 10_000;

/**
 * Starts the node's thread and waits until its devices are open.
 * @throws LabError of whatever could not be opened, set or parsed: nothing is left then.
 */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const rules = new NodeRules(options.description.faults.includes('skip-masquerade'));
  if (options.rules) for (const w of rules.load(options.rules.text, options.rules).warnings) options.onWarning?.(w);
  rules.takeNews(); // the thread starts with all of it
  const wake = new EventFd();
  const start: NodeStart = {
    netns: options.netns ?? null,
    description: options.description,
    program: rules.program,
    tracks: rules.tracks,
    seed: options.seed ?? crypto.getRandomValues(new Uint32Array(1))[0]!,
    wakeFd: wake.fd,
  };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: start });
  const node = new RunningNode(worker, wake, rules, options);
  await node.ready;
  return node;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  /** A piece of the answer. */
  write(text: string): void;
}

export class RunningNode {
  readonly #worker: Worker;
  readonly #wake: EventFd;
  readonly #rules: NodeRules;
  readonly #waiting = new Map<number, Waiting>();
  readonly #followers = new Map<number, (lines: readonly string[]) => void>();
  #sockets: SocketsPath | undefined;
  #guardian: Guardian | undefined;
  readonly #traces = new Map<number, NodeTrace>();
  #lastTrace = 0;
  #lastId = 0;
  #ended = false;
  #interfaces: readonly string[] = [];
  #mirroredRoutes: readonly MirroredRoute[] = [];
  #description: RouterDescription;
  /** Fulfilled when the devices are open. */
  readonly ready: Promise<void>;
  /** Fulfilled when the thread has ended, with the error that ended it, if one did. */
  readonly exited: Promise<LabError | undefined>;

  constructor(worker: Worker, wake: EventFd, rules: NodeRules, options: NodeOptions) {
    this.#worker = worker;
    this.#wake = wake;
    this.#rules = rules;
    this.#description = options.description;
    const readiness = Promise.withResolvers<void>();
    let failure: LabError | undefined;
    worker.on('message', (message: NodeMessage) => {
      if (message.kind === 'ready') this.#opened(message.interfaces, options, readiness);
      else if (message.kind === 'failed') failure = new LabError(message.code, message.message);
      else if (message.kind === 'warning') options.onWarning?.(message.message);
      else if (message.kind === 'mirrored') this.#mirrored(message.routes, options);
      else if (message.kind === 'events') this.#followers.get(message.follower)?.(message.lines);
      else if (message.kind === 'text') this.#waiting.get(message.id)?.write(message.text);
      else if (message.kind === 'answer') this.#take(message.id)?.resolve(message.value);
      else if (message.kind === 'refused') this.#take(message.id)?.reject(new LabError(message.code, message.message));
    });
    worker.on('error', error => {
      failure ??= new LabError('DAEMON', `the node's thread failed: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    });
    this.exited = once(worker, 'exit').then(() => {
      this.#end(failure);
      readiness.reject(failure ?? new LabError('DAEMON', "the node's thread ended before its devices were open"));
      return failure;
    });
    this.ready = readiness.promise;
  }

  /** Names by interface id, for the trace; '' is no interface. */
  get interfaces(): readonly string[] {
    return this.#interfaces;
  }
  /** Routes that a routing daemon has put into the kernel table of the namespace, as they are in force here. */
  get mirroredRoutes(): readonly MirroredRoute[] {
    return this.#mirroredRoutes;
  }
  /** Words for the rules of the program in force, for the trace. */
  get programText() {
    return this.#rules.programText;
  }

  /** Swaps the rules between two batches; connections stay. @throws TextError, LabError: then the old rules work on. */
  loadRules(text: string, options: LoadOptions = {}): readonly string[] {
    const { warnings } = this.#rules.load(text, options);
    this.#sendRules();
    return warnings;
  }

  /** Sets in place of all that there were; the rules stay and go on counting. @throws LabError: then the old sets work on */
  loadSets(text: string, file: string): void {
    this.#rules.loadSets(text, file);
    this.#sendRules();
  }

  /** Rules as data, swapped the same way: what is the same object as before goes on counting. @throws LabError: then the old rules work on */
  installRules(ruleSet: RuleSet): readonly string[] {
    const { warnings } = this.#rules.install(ruleSet);
    this.#sendRules();
    return warnings;
  }

  /** iptables, iptables-save, iptables-restore as people type them; a change is in force when this returns. */
  iptables(tool: IptablesTool, args: readonly string[], input?: string): ToolResult {
    try {
      return runIptables(this.#rules, tool, args, input);
    } finally {
      this.#sendRules();
    }
  }

  /** Any of the tools that people know. @param onText gets a long list piece by piece, and then it is not in the result */
  async tool(name: ToolName, args: readonly string[], input?: string, onText?: (text: string) => void): Promise<ToolResult> {
    if (name === 'sysctl') return sysctlCommand(args, (key, value) => this.sysctl(key, value));
    if (name !== 'conntrack') return this.iptables(name, args, input);
    let written = '';
    const keep = (text: string): void => {
      written += text;
    };
    const result = (await this.#ask({ kind: 'conntrack', id: 0, args }, onText ?? keep)) as ToolResult;
    return { ...result, stdout: written + result.stdout };
  }

  /** `conntrack -E`: what happens from now on, until the function that is returned is called. */
  async conntrackEvents(args: readonly string[], onLines: (lines: readonly string[]) => void): Promise<() => void> {
    const id = this.#lastId + 1;
    this.#followers.set(id, onLines);
    try {
      await this.#ask({ kind: 'follow', id: 0, args });
    } catch (error) {
      this.#followers.delete(id);
      throw error;
    }
    return () => {
      if (this.#followers.delete(id) && !this.#ended) this.#send({ kind: 'unfollow', follower: id });
    };
  }

  /** As `iptables-save` prints them. */
  saveRules(counters = false): string {
    return this.#rules.save({ counters });
  }

  /** What conntrack(8) prints for these arguments. @throws LabError BAD_INPUT for arguments that it does not know */
  async conntrack(args: readonly string[]): Promise<string> {
    const { stdout, stderr, status } = await this.tool('conntrack', args);
    // Nothing to delete is told by its status, and is no fault.
    if (status > 1) throw new LabError('BAD_INPUT', stderr.trim());
    return stdout;
  }
  counters(): Promise<NodeCounters> {
    return this.#ask({ kind: 'counters', id: 0 }) as Promise<NodeCounters>;
  }
  links(): Promise<NodeLinks> {
    return this.#ask({ kind: 'links', id: 0 }) as Promise<NodeLinks>;
  }
  /** Other routes, VXLAN peers and permanent neighbours in place of all that were there. @throws LabError BAD_INPUT, and those stay */
  async setNetwork(network: Network): Promise<void> {
    const { vxlan, routes, neighbours } = network;
    await this.#ask({ kind: 'network', id: 0, network: { vxlan, routes, neighbours } });
    this.#description = { ...this.#description, vxlan, routes, neighbours };
    await this.#sockets?.follow(this.#description, this.#mirroredRoutes);
  }
  /** Ports of its bridge that are in hairpin mode, by the MACs behind them; the others are not. */
  async setHairpin(macs: readonly string[]): Promise<void> {
    await this.#ask({ kind: 'hairpin', id: 0, macs });
  }
  /** Reads, or with `value` writes, a sysctl by the kernel's name. */
  sysctl(name: string, value: number | null = null): Promise<number> {
    return this.#ask({ kind: 'sysctl', id: 0, name, value }) as Promise<number>;
  }
  /** The node's clock jumps; what is due by then has expired when this resolves. @throws LabError BAD_INPUT for a jump back */
  async advance(seconds: number): Promise<void> {
    if (!(seconds >= 0)) throw new LabError('BAD_INPUT', `a clock does not go back: ${seconds} s`);
    await this.#ask({ kind: 'advance', id: 0, ms: seconds * 1000 });
  }
  /**
   * The node tells this ring what it does, from soon on: after the answer to the next question, surely.
   *
   * @param hops ids of the hops that it is for; without them everything, and which rules were met
   * @returns ends it
   */
  trace(ring: SharedArrayBuffer, hops: readonly number[] | null = null): () => void {
    const id = ++this.#lastTrace;
    this.#traces.set(id, { id, ring, hops });
    this.#send({ kind: 'trace', rings: [...this.#traces.values()] });
    return () => {
      if (this.#traces.delete(id)) this.#send({ kind: 'trace', rings: [...this.#traces.values()] });
    };
  }

  /** Closes the devices, lets the kernel hear again, ends the thread. A second call waits for the first. */
  async stop(): Promise<void> {
    if (!this.#ended) this.#send({ kind: 'stop' });
    await this.exited;
  }

  #opened(interfaces: readonly string[], options: NodeOptions, readiness: PromiseWithResolvers<void>): void {
    this.#interfaces = interfaces;
    try {
      this.#sockets = openSocketsPath(options.description, options.netns);
      if (options.guarded) {
        const files = options.guarded.files.map(file => `rm -f -- '${file.replaceAll("'", "'\\''")}'`);
        this.#guardian = guard(options.netns, [...silences(options), ...(this.#sockets?.undo ?? []), ...files]);
      }
      readiness.resolve();
    } catch (error) {
      readiness.reject(error);
      this.#send({ kind: 'stop' });
    }
  }

  #mirrored(routes: readonly MirroredRoute[], options: NodeOptions): void {
    this.#mirroredRoutes = routes;
    this.#sockets?.follow(this.#description, routes).catch(error => options.onWarning?.((error as Error).message));
    options.onMirrored?.(routes);
  }

  #sendRules(): void {
    const { tracks } = this.#rules;
    for (const news of this.#rules.takeNews())
      this.#send('program' in news ? { kind: 'program', program: news.program, tracks } : { kind: 'patch', patch: news.patch, tracks });
  }

  /** @param onText pieces of the answer; each is a sign of life */
  #ask(request: Extract<NodeRequest, { id: number }>, onText: (text: string) => void = () => {}): Promise<unknown> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const timer = setTimeout(
      () => this.#take(id)?.reject(new LabError('DAEMON', `the node did not answer "${request.kind}" within ${ANSWER_MS} ms`)),
      ANSWER_MS,
    );
    const write = (text: string): void => {
      timer.refresh();
      onText(text);
    };
    this.#waiting.set(id, { resolve, reject, write });
    this.#send({ ...request, id });
    return promise.finally(() => clearTimeout(timer));
  }

  #take(id: number) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #send(request: NodeRequest): void {
    if (this.#ended) throw new LabError('DAEMON', `the node has ended and cannot be asked: ${request.kind}`);
    this.#worker.postMessage(request);
    this.#wake.wake();
  }

  #end(failure: LabError | undefined): void {
    this.#ended = true;
    this.#sockets?.close();
    this.#guardian?.release();
    for (const [id] of this.#waiting) this.#take(id)?.reject(failure ?? new LabError('DAEMON', 'the node has ended'));
    this.#wake.close();
  }
}

/** Shell lines that let the kernel hear again on the interfaces that the router owns. */
function silences({ description, netns }: NodeOptions): string[] {
  const tables = () => description.ports.filter(p => p.kind === 'packet').map(p => silenceTable(p.interface ?? p.name));
  return (netns === undefined ? tables() : insideNetns(netns, tables)).map(table => `nft delete table netdev ${table}`);
}
