/** Runs the steps of an exercise on a lab that stands, captures every hop meanwhile, and judges by the captures. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../base/errors.ts';
import { Capture, type CaptureReport } from '../capture/capture.ts';
import { type CapturedFrame, readHopFiles } from '../capture/captured-frame.ts';
import type { TraceLine } from '../capture/trace-text.ts';
import type { LabStep } from './definition.ts';
import { FOREVER, type Phase, sectionsOf, writeRunFacts } from './evidence.ts';
import { interfaceHop } from './hop-point.ts';
import type { Instance } from './instance.ts';
import { namesOf, writeRunJourney } from './journey.ts';
import { nodePath } from './node-shell.ts';
import type { RunningPod } from './pod/start.ts';
import type { CheckResult, RunResult } from './result.ts';
import { beginTrace } from './rule-trace.ts';
import { inNetns, netnsPath, type Output, run, runOrThrow } from './shell.ts';
import type { Expectation } from './sight.ts';
import { applyManifest } from './steps/apply.ts';
import { sendBurst } from './steps/burst.ts';
import { withoutBursts, writeShares } from './steps/burst-evidence.ts';
import { isBurstCheck, isLoyaltyCheck, judgeLoyalty, judgeShares, type LoyaltyCheck, type SharesCheck } from './steps/choices.ts';
import { EventLog } from './steps/event-log.ts';
import { inject } from './steps/inject.ts';
import { fits, judgeWire, type WireCheck } from './steps/judge.ts';
import { probeFrame } from './steps/probe-frame.ts';
import { serveAt } from './steps/serve.ts';
import type { Shares } from './steps/shares.ts';
import { beginsPhase, fitLines, packetsOf, probeWords, waitedFor } from './steps/step-facts.ts';
import { allClosed, Watcher } from './steps/watcher.ts';
import { addRules, readWork } from './steps/work-rules.ts';
import { storyOf } from './walk.ts';

/** How long a step waits for what it expects. Only a failing check takes so long; those after it in the same probe wait less. */
const PATIENCE_MS = 3000;
const NO_PATIENCE_MS = 100;
const QUIET_MS = 100;
const COMMAND_LIMIT_MS = 60_000;

type Say = (line: string) => void;
/**
 * @param out  folder of this data plane's evidence; made, and what an earlier run left there is overwritten
 * @param work folder with what the reader has written
 */
export async function perform(instance: Instance, out: string, work: string, say: Say): Promise<RunResult> {
  mkdirSync(out, { recursive: true });
  const hops = instance.topology.hops;
  // Each socket costs the kernel a grace period of its RCU: the two sets are opened, and closed, beside each other.
  const starting = Capture.start({
    hops: hops.filter(hop => !hop.logical).map(hop => interfaceHop(instance.topology, hop)),
    rings: instance.traceRings,
    output: { folder: join(out, 'hops') },
    traceFile: join(out, 'trace.jsonl'),
    names: Object.fromEntries(namesOf(instance.lab, instance.topology)),
    comment: instance.lab.title,
  });
  const performer = new Performer(instance, work, say);
  const capture = await starting;
  const untold = await beginTrace(instance, say);
  let told: TraceLine[] = [];
  let stopping: Promise<CaptureReport> | undefined;
  try {
    await performer.begin(capture);
    await Promise.race([performer.steps(instance.lab.steps), instance.failed]);
  } finally {
    stopping = capture.stop();
    performer.close();
    told = (await Promise.all([...instance.planes.values()].map(plane => plane.endTrace()))).flat();
  }
  const report = await stopping;
  await dump(instance, out);
  const { frames, interfaces } = readHopFiles(join(out, 'hops'));
  const journey = writeRunJourney(out, instance, withoutBursts(frames, performer.phases), { interfaces, lines: told, untold });
  writeRunFacts(out, instance.topology, performer.phases);
  const { checks, shares } = performer.judge(frames);
  writeShares(out, instance.lab.title, shares);
  const connections = performer.connections ?? sectionsOf(readFileSync(join(out, 'conntrack.txt'), 'utf8'), instance.lab.nodes);
  const story = storyOf(performer.phases[0], instance.topology.hops, journey, connections);
  return {
    checks,
    shares,
    ...(story === undefined ? {} : { story }),
    hops: hops.map(({ name }) => ({
      name,
      frames: frames.get(name)?.length ?? 0,
      dropped: report.hops.find(hop => hop.name === name)?.dropped ?? 0,
    })),
  };
}

class Performer {
  readonly #instance: Instance;
  readonly #say: Say;
  readonly #watcher: Watcher;
  readonly #work: string;
  readonly #checks: (CheckResult | WireCheck | SharesCheck | LoyaltyCheck)[] = [];
  readonly #phases: Phase[] = [];
  /** What `start` has started. */
  #program: { from: string; command: string; ended: Promise<Output> } | undefined;
  #events: EventLog | undefined;
  #connections: Map<string, string> | undefined;
  #burst: Omit<SharesCheck, 'step'> | undefined;
  #capture: Capture | undefined;
  readonly #servers: RunningPod[] = [];
  #waited = false;
  #patienceMs = PATIENCE_MS;
  /** Rules with their counters before the first step: what is counted from then on is the exercise's. */
  readonly #rulesBefore = new Map<string, string>();

  constructor(instance: Instance, work: string, say: Say) {
    this.#instance = instance;
    this.#work = work;
    this.#say = say;
    this.#watcher = new Watcher(instance.topology.hops.filter(hop => waitedFor(instance.lab.steps).has(hop.name)));
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
    for (const step of steps) await this.#step(step);
  }
  close(): void {
    void this.#events?.stop();
    for (const { process } of this.#servers) process.kill('SIGKILL');
    this.#watcher.close();
  }

  /** Every check with its result, in the order of the steps. */
  judge(frames: ReadonlyMap<string, CapturedFrame[]>): { checks: CheckResult[]; shares: Shares[] } {
    const all: Shares[] = [];
    const checks = this.#checks.map(check => {
      if (!('step' in check)) return check;
      if (!isBurstCheck(check)) return judgeWire(check, frames);
      if (isLoyaltyCheck(check)) return judgeLoyalty(check, frames);
      const judged = judgeShares(check, frames);
      all.push(judged.shares);
      return judged.check;
    });
    return { checks, shares: all };
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
        this.#start(step.from, step.command);
        return this.#finish(step);
      case 'start':
        this.#start(step.from, step.command);
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
        this.#say(`all nodes: the objects of ${step.file}`);
        this.#checks.push(...(await applyManifest(this.#instance.proxies, this.#instance.lab.folder ?? '.', step.file)));
        return this.#countFromHere();
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
      case 'expect hop':
        this.#checks.push({ step, phase: this.#phases.at(-1) });
        return this.#awaitHop(step.hop, step.expected);
      case 'expect nothing':
        this.#checks.push({ step, phase: undefined });
        await this.#quiet();
        return;
      case 'expect conntrack':
        return this.#text(
          step.node,
          `conntrack entry ${step.entry.source}`,
          () => this.#instance.plane(step.node).conntrack(['-L']),
          step.entry,
        );
      case 'expect no conntrack':
        return this.#text(step.node, `no conntrack entry ${step.entry.source}`, () => this.#instance.plane(step.node).conntrack(['-L']), {
          test: text => !step.entry.test(text),
        });
      case 'expect events':
        return this.#text(
          step.node,
          `conntrack -E prints ${step.events.map(event => event.source).join(', then ')}`,
          async () => this.#events?.text() ?? '',
          { test: text => fitLines(text, step.events) },
        );
      case 'expect rule':
        return this.#rule(step);
      case 'expect output':
        return this.#text(
          step.where,
          `\`${step.command}\` prints ${step.output.source}`,
          () => this.#output(step.where, step.command),
          step.output,
        );
    }
  }

  async #conntrack(): Promise<Map<string, string>> {
    const texts = [...this.#instance.planes].map(async ([node, plane]) => [node, await plane.conntrack(['-L'])] as const);
    return new Map(await Promise.all(texts));
  }

  #begin(kind: Phase['kind'], from: string, line: string): void {
    this.#say(line);
    this.#watcher.forget(kind !== 'conversation');
    this.#waited = false;
    this.#patienceMs = PATIENCE_MS;
    const now = nowNs();
    for (const phase of this.#phases) if (phase.untilNs === FOREVER) phase.untilNs = now;
    this.#phases.push({ kind, what: line, injectedAt: `${from}/eth0`, fromNs: now, untilNs: FOREVER });
  }

  #start(from: string, command: string): void {
    this.#begin('conversation', from, `${from}: ${command}`);
    this.#program = { from, command, ended: run(this.#enter(from, command), { timeoutMs: COMMAND_LIMIT_MS }) };
  }

  async #finish(step: { output?: RegExp; exit: number }): Promise<void> {
    if (this.#program === undefined) throw new LabError('BAD_INPUT', 'nothing was started that could finish');
    const { from, command, ended } = this.#program;
    this.#program = undefined;
    const { code, stdout, stderr } = await this.#watcher.during(ended);
    for (const line of stdout.trimEnd().split('\n').slice(0, 5)) if (line !== '') this.#say(`  ${line.slice(0, 200)}`);
    const text = `\`${command}\` exits ${step.exit}${step.output === undefined ? '' : ` and prints ${step.output.source}`}`;
    const ok = code === step.exit && (step.output?.test(stdout) ?? true);
    const saw = `exit ${code}${stdout === '' ? '' : `, ${stdout.trim().slice(0, 300)}`}${stderr === '' ? '' : `, ${stderr.trim().slice(0, 300)}`}`;
    this.#checks.push({ at: from, text, ok, ...(ok ? {} : { saw }) });
    await this.#connectionsEnd(`${from}/eth0`);
    await this.#quiet(); // what closes the connection has left here, and is on its way to the other end
  }

  async #loadRules(node: string, file: string | undefined): Promise<void> {
    const plane = this.#instance.plane(node);
    const text = file === undefined ? '' : readWork(this.#work, file);
    this.#say(`${node}: the rules of the start${file === undefined ? '' : `, and ${join(this.#work, file)}`}`);
    await plane.loadRules(this.#instance.proxies.rulesOf(node));
    if (file !== undefined) this.#checks.push(await addRules(node, plane, join(this.#work, file), text));
    this.#rulesBefore.set(node, await plane.rulesText(true));
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

  async #awaitHop(hop: string, expected: Expectation): Promise<void> {
    if (!this.#watcher.canSee(hop)) return;
    if (!(await this.#watcher.until(() => this.#watcher.at(hop).some(s => fits(s, expected)), this.#patienceMs)))
      this.#patienceMs = NO_PATIENCE_MS;
  }

  /** The program is gone when it has closed its end; the other end's FIN may still be on its way. */
  /** Rules that are written anew count from 0. */
  async #countFromHere(): Promise<void> {
    for (const [node, plane] of this.#instance.planes) this.#rulesBefore.set(node, await plane.rulesText(true));
  }

  async #connectionsEnd(hop: string): Promise<void> {
    const opened = () => this.#watcher.at(hop).some(s => s.flags?.includes('SYN') === true);
    if (await this.#watcher.until(opened, PATIENCE_MS / 6)) await this.#watcher.until(() => allClosed(this.#watcher.at(hop)), PATIENCE_MS);
  }

  /** That nothing came is worth something when there was time for it: once after each probe or conversation. */
  async #quiet(): Promise<void> {
    if (this.#waited) return;
    this.#waited = true;
    await this.#watcher.until(() => false, QUIET_MS);
  }

  async #rule(step: Extract<LabStep, { do: 'expect rule' }>): Promise<void> {
    const text = `rule ${step.rule.source} has counted ${step.packets} packets`;
    const before = packetsOf(step.rule, this.#rulesBefore.get(step.node) ?? '');
    let saw = 'no such rule';
    const ok = await this.#eventually(async () => {
      const now = packetsOf(step.rule, await this.#instance.plane(step.node).rulesText(true));
      if (now !== undefined) saw = `${now - (before ?? 0)} packets`;
      return now !== undefined && now - (before ?? 0) === step.packets;
    });
    this.#checks.push({ at: step.node, text, ok, ...(ok ? {} : { saw }) });
  }

  async #text(at: string, text: string, read: () => Promise<string>, wanted: { test(text: string): boolean }): Promise<void> {
    let saw = '';
    const ok = await this.#eventually(async () => {
      saw = await read();
      return wanted.test(saw);
    });
    this.#checks.push({ at, text, ok, ...(ok ? {} : { saw: saw.trim() === '' ? 'nothing' : saw.trim() }) });
  }

  async #output(where: string, command: string): Promise<string> {
    const { stdout, stderr } = await run(this.#enter(where, command), { timeoutMs: COMMAND_LIMIT_MS });
    return stdout + stderr;
  }

  #enter(where: string, command: string): string[] {
    if (!this.#instance.topology.namespaces.some(ns => ns.name === where))
      throw new LabError('BAD_INPUT', `there is no "${where}" in this lab`);
    const path = this.#instance.planes.get(where)?.kind === 'userspace' ? ['env', `PATH=${nodePath(where)}`] : [];
    return inNetns(where, [...path, 'sh', '-c', command]);
  }

  async #eventually(look: () => Promise<boolean>): Promise<boolean> {
    const deadline = performance.now() + this.#patienceMs;
    for (;;) {
      if (await look()) return true;
      if (performance.now() > deadline) {
        this.#patienceMs = NO_PATIENCE_MS;
        return false;
      }
      await this.#watcher.during(new Promise(resolve => setTimeout(resolve, 50)));
    }
  }
}

/** Real time, never later than the kernel's stamp of what is sent after it. */
const nowNs = (): bigint => BigInt(Date.now()) * 1_000_000n;

/** `conntrack.txt` and `rules.txt`: every node under its name. */
async function dump(instance: Instance, out: string): Promise<void> {
  const section = async (text: (node: string) => Promise<string>) =>
    (await Promise.all(instance.lab.nodes.map(async node => `# ${node}\n${await text(node)}`))).join('\n');
  writeFileSync(join(out, 'conntrack.txt'), await section(node => instance.plane(node).conntrack(['-L'])));
  writeFileSync(join(out, 'rules.txt'), await section(node => instance.plane(node).rulesText(true)));
}
