/** The steps of an exercise as they happen: packets are sent, programs run, rules change; checks are gathered on the way. */
import { join } from 'node:path';
import { LabError } from '../base/errors.ts';
import type { Capture } from '../capture/capture.ts';
import type { CapturedFrame } from '../capture/captured-frame.ts';
import type { LabStep } from './definition.ts';
import { FOREVER, type Phase } from './evidence.ts';
import type { Instance } from './instance.ts';
import { nodePath } from './node-shell.ts';
import type { RunningPod } from './pod/start.ts';
import type { CheckResult } from './result.ts';
import { enter, inNetns, netnsPath, type Output, run, runOrThrow } from './shell.ts';
import { applyManifest, applyWritten, deleteObject, withdrawWritten } from './steps/apply.ts';
import { sendBurst } from './steps/burst.ts';
import { checkWords, programWords } from './steps/check-words.ts';
import { isBurstCheck, isLoyaltyCheck, judgeLoyalty, judgeShares, type LoyaltyCheck, type SharesCheck } from './steps/choices.ts';
import { type Claim, gatherClaims } from './steps/claims.ts';
import { EventLog } from './steps/event-log.ts';
import { inject } from './steps/inject.ts';
import { judgeWire, type WireCheck } from './steps/judge.ts';
import { countOf, lookFor, type Wanted } from './steps/look.ts';
import { Patience } from './steps/patience.ts';
import { probeFrame } from './steps/probe-frame.ts';
import { serveAt } from './steps/serve.ts';
import type { Shares } from './steps/shares.ts';
import { beginsPhase, fitLines, probeWords, waitedFor } from './steps/step-facts.ts';
import { Watcher } from './steps/watcher.ts';
import { addRules, readWork } from './steps/work-rules.ts';

const COMMAND_LIMIT_MS = 60_000;

export type Say = (line: string) => void;

/** One that is judged, or one that waits for the captures. */
type AnyCheck = CheckResult | WireCheck | SharesCheck | LoyaltyCheck;

/** What the steps do, one after the other, and what they expect. */
export class Performer {
  readonly #instance: Instance;
  readonly #say: Say;
  readonly #watcher: Watcher;
  readonly #patience: Patience;
  readonly #work: string;
  readonly #checks: AnyCheck[] = [];
  /** Of checks that judge what the reader has written. */
  readonly #hints = new Map<object, string>();
  readonly #claims: Claim[] = [];
  readonly #phases: Phase[] = [];
  /** What `start` has started. */
  #program: { from: string; command: string; ended: Promise<Output> } | undefined;
  #events: EventLog | undefined;
  #connections: Map<string, string> | undefined;
  #burst: Omit<SharesCheck, 'step'> | undefined;
  #capture: Capture | undefined;
  readonly #servers: RunningPod[] = [];
  /** Rules with their counters before the first step: what is counted from then on is the exercise's. */
  readonly #rulesBefore = new Map<string, string>();

  constructor(instance: Instance, work: string, say: Say) {
    this.#instance = instance;
    this.#work = work;
    this.#say = say;
    this.#watcher = new Watcher(instance.topology.hops.filter(hop => waitedFor(instance.lab.steps).has(hop.name)));
    this.#patience = new Patience(this.#watcher);
  }

  /** What conntrack knew when the first probe was over, by node; undefined when nothing came after it. */
  get connections(): ReadonlyMap<string, string> | undefined {
    return this.#connections;
  }
  get phases(): readonly Phase[] {
    return this.#phases;
  }

  /** @param capture of everything that happens from here on */
  async begin(capture: Capture): Promise<void> {
    this.#capture = capture;
    await this.#countFromHere();
  }
  async steps(steps: readonly LabStep[]): Promise<void> {
    for (const step of steps) {
      const before = this.#checks.length;
      await this.#step(step);
      if (step.hint !== undefined) for (const check of this.#checks.slice(before)) this.#hints.set(check, step.hint);
    }
  }
  close(): void {
    void this.#events?.stop();
    for (const { process } of this.#servers) process.kill('SIGKILL');
    this.#watcher.close();
  }

  /** Every check with its result, in the order of the steps. */
  judge(frames: ReadonlyMap<string, CapturedFrame[]>): { checks: CheckResult[]; shares: Shares[] } {
    const all: Shares[] = [];
    const judgeOne = (check: AnyCheck): CheckResult => {
      if (!('step' in check)) return check;
      if (!isBurstCheck(check)) return judgeWire(check, frames);
      if (isLoyaltyCheck(check)) return judgeLoyalty(check, frames);
      const judged = judgeShares(check, frames);
      all.push(judged.shares);
      return judged.check;
    };
    const checks = this.#checks.map(check => {
      const result = judgeOne(check);
      const hint = this.#hints.get(check);
      return result.ok || hint === undefined ? result : { ...result, hint };
    });
    return { checks: gatherClaims(checks, this.#claims), shares: all };
  }

  async #step(step: LabStep): Promise<void> {
    if (this.#phases.length === 1 && this.#connections === undefined && beginsPhase.has(step.do))
      this.#connections = await this.#conntrack();
    switch (step.do) {
      case 'prepare':
        this.#say(`${step.where}: ${step.command}`);
        await runOrThrow(this.#enter(step.where, step.command), { timeoutMs: COMMAND_LIMIT_MS });
        return;
      case 'probe':
        this.#begin(
          step.packet.protocol === 'arp' ? 'arp' : 'probe',
          step.from,
          `probe from ${step.from}: ${probeWords(step.packet)} to ${step.packet.dst}`,
        );
        inject(netnsPath(step.from), 'eth0', probeFrame(this.#instance.topology, step.from, step.packet, this.#phases.length));
        return;
      case 'converse':
        this.#start(step);
        return this.#finish(step);
      case 'start':
        this.#start(step);
        return;
      case 'finish':
        return this.#finish(step);
      case 'serve':
        this.#say(`${step.where}: a server on port ${step.port}`);
        this.#servers.push(await serveAt(step.where, step.port));
        return;
      case 'load rules':
        return this.#loadRules(step.node, step.file);
      case 'apply':
        return this.#apply(step);
      case 'withdraw':
        this.#say(`all nodes: without the objects of ${join(this.#work, step.file)}`);
        await withdrawWritten(this.#instance, this.#work, step.file);
        return this.#countFromHere();
      case 'delete':
        this.#say(`delete ${step.kind} ${step.name}`);
        return deleteObject(this.#instance, step.kind, step.name);
      case 'burst':
        return this.#sendBurst(step);
      case 'expect shares':
      case 'expect loyalty':
        if (this.#burst === undefined) throw new LabError('BAD_INPUT', 'there was no burst whose shares could be counted');
        this.#checks.push({ step, ...this.#burst } as SharesCheck | LoyaltyCheck);
        return;
      case 'advance':
        this.#say(`${step.node}: its clock jumps ${step.seconds} s`);
        return this.#instance.plane(step.node).advance(step.seconds);
      case 'follow':
        await this.#events?.stop();
        this.#events = await EventLog.start(step.node, this.#instance.plane(step.node), step.filter.split(' '));
        return;
      case 'on plane':
        if (this.#instance.plane(step.node).kind === step.plane) await this.steps(step.steps);
        return;
      case 'claim':
        return this.#claim(step);
      case 'expect hop':
        this.#checks.push({ step, phase: this.#phases.at(-1) });
        return this.#patience.hop(step.hop, step.expected);
      case 'expect nothing':
        this.#checks.push({ step, phase: undefined });
        return this.#patience.quiet();
      case 'expect conntrack':
        return this.#look(step, () => this.#instance.plane(step.node).conntrack(['-L']), step.entry);
      case 'expect no conntrack':
        return this.#look(step, () => this.#instance.plane(step.node).conntrack(['-L']), { test: text => !step.entry.test(text) });
      case 'expect events':
        return this.#look(step, async () => this.#events?.text() ?? '', { test: text => fitLines(text, step.events) });
      case 'expect rule':
        return this.#check(
          countOf(step, this.#rulesBefore.get(step.node) ?? '', this.#patience, () => this.#instance.plane(step.node).rulesText(true)),
        );
      case 'expect output':
        return this.#look(step, () => this.#output(step.where, step.command), step.output);
    }
  }

  async #claim({ what, steps }: Extract<LabStep, { do: 'claim' }>): Promise<void> {
    const from = this.#checks.length;
    await this.steps(steps);
    this.#claims.push({ what, from, end: this.#checks.length });
  }

  async #conntrack(): Promise<Map<string, string>> {
    const texts = [...this.#instance.planes].map(async ([node, plane]) => [node, await plane.conntrack(['-L'])] as const);
    return new Map(await Promise.all(texts));
  }

  #begin(kind: Phase['kind'], from: string, line: string): void {
    this.#say(line);
    this.#watcher.forget(kind !== 'conversation');
    this.#patience.renew();
    const now = nowNs();
    for (const phase of this.#phases) if (phase.untilNs === FOREVER) phase.untilNs = now;
    this.#phases.push({ kind, what: line, injectedAt: `${from}/eth0`, fromNs: now, untilNs: FOREVER });
  }

  #start({ from, command, compared }: { from: string; command: string; compared: boolean }): void {
    this.#begin(compared ? 'conversation' : 'apart', from, `${from}: ${command}`);
    this.#program = { from, command, ended: run(this.#enter(from, command), { timeoutMs: COMMAND_LIMIT_MS }) };
  }

  async #finish(step: { output?: RegExp; exit: number }): Promise<void> {
    if (this.#program === undefined) throw new LabError('BAD_INPUT', 'nothing was started that could finish');
    const { from, command, ended } = this.#program;
    this.#program = undefined;
    const { code, stdout, stderr } = await this.#watcher.during(ended);
    for (const line of stdout.trimEnd().split('\n').slice(0, 5)) if (line !== '') this.#say(`  ${line.slice(0, 200)}`);
    const ok = code === step.exit && (step.output?.test(stdout) ?? true);
    const saw = `exit ${code}${stdout === '' ? '' : `, ${stdout.trim().slice(0, 300)}`}${stderr === '' ? '' : `, ${stderr.trim().slice(0, 300)}`}`;
    this.#checks.push({ at: from, text: programWords(command, step), ok, ...(ok ? {} : { saw }) });
    await this.#patience.closed(`${from}/eth0`);
    await this.#patience.quiet(); // what closes the connection has left here, and is on its way to the other end
  }

  async #loadRules(node: string, file: string | undefined): Promise<void> {
    const plane = this.#instance.plane(node);
    const text = file === undefined ? '' : readWork(this.#work, file);
    this.#say(`${node}: the rules of the start${file === undefined ? '' : `, and ${join(this.#work, file)}`}`);
    await plane.loadRules(this.#instance.proxies.rulesOf(node));
    if (file !== undefined) this.#checks.push(await addRules(node, plane, join(this.#work, file), text));
    this.#rulesBefore.set(node, await plane.rulesText(true));
  }

  async #apply({ file, written }: Extract<LabStep, { do: 'apply' }>): Promise<void> {
    this.#say(`all nodes: the objects of ${written ? join(this.#work, file) : file}`);
    const { folder = '.' } = this.#instance.lab;
    const checks = written ? applyWritten(this.#instance, this.#work, file) : applyManifest(this.#instance, join(folder, file));
    this.#checks.push(...(await checks));
    return this.#countFromHere();
  }

  async #sendBurst({ from, packet, flows, clients }: Extract<LabStep, { do: 'burst' }>): Promise<void> {
    const planes = [...this.#instance.planes.values()];
    await Promise.all(planes.map(plane => plane.trace(false)));
    this.#begin(
      'burst',
      from,
      `${flows} connections from ${clients.count === 1 ? from : `${clients.count} clients at ${from}`} to ${packet.dst}`,
    );
    const keepUp = async () => this.#capture?.keepUp();
    const { topology } = this.#instance;
    await sendBurst({ topology, netns: netnsPath(from), from, packet, flows, clients, watcher: this.#watcher, keepUp });
    await Promise.all(planes.map(plane => plane.trace(true)));
    this.#burst = { phase: this.#phases.at(-1)!, packet, flows, clients };
  }

  /** Rules that are written anew count from 0. */
  async #countFromHere(): Promise<void> {
    for (const [node, plane] of this.#instance.planes) this.#rulesBefore.set(node, await plane.rulesText(true));
  }

  #look(step: LabStep, read: () => Promise<string>, wanted: Wanted): Promise<void> {
    return this.#check(lookFor(checkWords(step)!, this.#patience, read, wanted));
  }

  async #check(result: Promise<CheckResult>): Promise<void> {
    this.#checks.push(await result);
  }

  async #output(where: string, command: string): Promise<string> {
    const { stdout, stderr } = await run(this.#enter(where, command), { timeoutMs: COMMAND_LIMIT_MS });
    return stdout + stderr;
  }

  #enter(where: string, command: string): string[] {
    if (!this.#instance.topology.namespaces.some(ns => ns.name === where))
      throw new LabError('BAD_INPUT', `there is no "${where}" in this lab`);
    return inNetns(where, ['env', `PATH=${nodePath(where)}`, ...enter(where, ['sh', '-c', command])]);
  }
}

/** Real time, never later than the kernel's stamp of what is sent after it. */
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;
