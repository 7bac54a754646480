/**
 * kubeproxy/dumps: the text that iptables-restore is given, byte for byte. What stands in the kernel is kept by the reader of such texts,
 * so that a chain which is still in use cannot be deleted.
 */
import { EMPTY_RULE_SET, type RuleSet } from '../../../src/netfilter/ruleset.ts';
import { runCommandLine } from '../../../src/netfilter/text/command-line.ts';
import { readRuleSet } from '../../../src/netfilter/text/read.ts';
import { MemorySink } from '../../../src/proxy/iptables/memory-sink.ts';
import type { Restore } from '../../../src/proxy/iptables/restore.ts';
import { restoreText } from '../../../src/proxy/iptables/restore.ts';
import { ruleText } from '../../../src/proxy/iptables/rule-text.ts';
import { all, refuseUnknown } from '../fields.ts';
import { type ConfigCase, configOf, type NodeCase, ProxyNode, type ServiceCase, type SliceCase, serviceFields } from '../net/proxy-node.ts';
import { defineSet, expectSame, failed, passed, unsupported, type Verdict } from '../set.ts';
import { shellWords } from './iptables-rules.ts';

interface Actions {
  readonly addServices?: readonly ServiceCase[];
  readonly addSlices?: readonly SliceCase[];
  readonly updateSlices?: readonly SliceCase[];
  readonly deleteServices?: readonly string[];
  readonly deleteSlices?: readonly string[];
  readonly appendRule?: { readonly table: string; readonly rule: string };
  readonly sync?: string;
  readonly expect?: string;
  readonly reason?: string;
}
interface Step extends Actions {
  readonly id: string;
  readonly slug?: string;
  readonly before?: readonly Actions[];
  readonly expectRestore?: readonly string[];
  readonly expectNatRulesInKernel?: number;
  readonly partialRestoreFailures?: number;
  readonly expectChain?: { readonly table: 'filter' | 'nat'; readonly chain: string; readonly rules: readonly string[] };
}
export interface DumpCase {
  readonly id: string;
  readonly node: NodeCase;
  readonly config: ConfigCase;
  readonly steps: readonly Step[];
}

const actionFields = [
  'addServices',
  'addSlices',
  'updateSlices',
  'deleteServices',
  'deleteSlices',
  'appendRule',
  'sync',
  'expect',
  'reason',
];
const stepFields = [...actionFields, 'slug', 'before', 'expectRestore', 'expectNatRulesInKernel', 'partialRestoreFailures', 'expectChain'];

/** The tables of a node's kernel: here the reader of such texts keeps them. */
export interface NodeTables {
  /** `iptables-restore --noflush`. @throws LabError when it is refused */
  restore(text: string): void;
  append(table: string, rule: string): void;
  rules(): RuleSet;
}

class ReadTables implements NodeTables {
  #rules: RuleSet = EMPTY_RULE_SET;
  restore(text: string): void {
    this.#rules = readRuleSet(text, { base: this.#rules, noflush: true }).ruleSet;
  }
  append(table: string, rule: string): void {
    this.#rules = runCommandLine(['-t', table, ...shellWords(rule)], this.#rules).ruleSet;
  }
  rules(): RuleSet {
    return this.#rules;
  }
}

/** Beside kube-proxy's own view, the kernel's. The reader of rules knows IPv4: of IPv6 kube-proxy's view stands for the kernel's. */
class KernelSink extends MemorySink {
  readonly #kernel: NodeTables;
  readonly #v4: boolean;

  constructor(counters: readonly string[], v4: boolean, kernel: NodeTables) {
    super(counters);
    this.#kernel = kernel;
    this.#v4 = v4;
  }
  override natChains(): Iterable<string> {
    return this.#v4 ? (this.#kernel.rules().tables.get('nat')?.chains.keys() ?? []) : super.natChains();
  }
  override async restore(restore: Restore): Promise<void> {
    if (this.#v4) this.#kernel.restore(restoreText(restore));
    await super.restore(restore);
  }
  appendRule(table: string, rule: string): void {
    this.#kernel.append(table, rule);
  }
  /** Those in chains of kube-proxy. */
  natRules(): number {
    const kernel = [...(this.#kernel.rules().tables.get('nat')?.chains.values() ?? [])].map(c => [c.name, c.rules] as const);
    const chains = this.#v4 ? kernel : [...this.state.tables.nat];
    return chains.filter(([name]) => name.startsWith('KUBE-')).reduce((sum, [, rules]) => sum + rules.length, 0);
  }
}

/** @param kernel what stands on the node, at first empty */
export async function checkDump(c: DumpCase, kernel: NodeTables): Promise<Verdict> {
  const stranger =
    refuseUnknown('case', c, ['node', 'config', 'steps']) ??
    c.steps.map(s => refuseUnknown('step', s, stepFields)).find(v => v) ??
    c.steps.flatMap(s => (s.before ?? []).map(a => refuseUnknown('before', a, actionFields))).find(v => v) ??
    c.steps.flatMap(s => (s.addServices ?? []).map(x => refuseUnknown('service', x, serviceFields))).find(v => v);
  if (stranger) return stranger;
  const sink = new KernelSink(c.config.nfacctCounters, c.config.ipFamily === 'IPv4', kernel);
  const proxy = new ProxyNode(configOf(c.node, c.config), sink);
  const verdicts: Verdict[] = [];
  for (const step of c.steps) {
    for (const actions of step.before ?? []) verdicts.push(await act(proxy, sink, actions));
    verdicts.push(named(step.id, await checkStep(proxy, sink, step)));
  }
  return all(verdicts);
}

const named = (id: string, v: Verdict): Verdict => (v.kind === 'passed' ? v : { kind: v.kind, why: `${id}: ${v.why}` });

async function act(proxy: ProxyNode, sink: KernelSink, a: Actions): Promise<Verdict> {
  for (const name of a.deleteServices ?? []) proxy.deleteService(name);
  for (const name of a.deleteSlices ?? []) proxy.deleteSlice(name);
  for (const service of a.addServices ?? []) proxy.addService(service);
  for (const slice of [...(a.addSlices ?? []), ...(a.updateSlices ?? [])]) proxy.addSlice(slice);
  if (a.appendRule) sink.appendRule(a.appendRule.table, a.appendRule.rule);
  if (a.sync === undefined) return passed;
  if (a.sync !== 'auto') return unsupported(`sync "${a.sync}"`);
  const { ok } = await proxy.proxier.sync();
  return expectSame('the sync', a.expect === 'restore-fails' ? 'fails' : 'is well', ok ? 'is well' : 'fails');
}

async function checkStep(proxy: ProxyNode, sink: KernelSink, step: Step): Promise<Verdict> {
  const acted = await act(proxy, sink, { ...step, sync: undefined as never });
  const result = await proxy.proxier.sync();
  if (!result.ok) return failed(`the sync failed: ${proxy.log.at(-1)}`);
  const verdicts: Verdict[] = [acted];
  if (step.expectRestore) verdicts.push(compareTexts(step.expectRestore, restoreText(result.restore!).trimEnd().split('\n')));
  const { metrics } = proxy.proxier;
  if (step.expectNatRulesInKernel !== undefined) {
    verdicts.push(expectSame('rules in the kernel', step.expectNatRulesInKernel, sink.natRules()));
    verdicts.push(expectSame('rules as counted', step.expectNatRulesInKernel, metrics.get('rules', { table: 'nat' })));
  }
  if (step.partialRestoreFailures !== undefined)
    verdicts.push(expectSame('partial restores that failed', step.partialRestoreFailures, metrics.get('partialFailures')));
  if (step.expectChain) {
    const { table, chain, rules } = step.expectChain;
    verdicts.push(expectSame(chain, rules, (sink.state.tables[table].get(chain) ?? []).map(ruleText)));
  }
  return all(verdicts);
}

/** Chains in the order in which texts are compared. */
const ORDER = ['KUBE-NODEPORTS', 'KUBE-SERVICES', 'KUBE-EXTERNAL-SERVICES', 'KUBE-FIREWALL', 'KUBE-FORWARD', 'KUBE-PROXY-FIREWALL'];
/** Chains in which the rules of different Services may come in any order. */
const SHARED = ['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-EXTERNAL-SERVICES', 'KUBE-PROXY-FIREWALL'];

function compareTexts(expected: readonly string[], got: readonly string[]): Verdict {
  const [a, b] = [sorted(expected), sorted(got)];
  const at = a.findIndex((line, i) => line !== b[i]);
  if (at >= 0) return failed(`line ${at + 1} of the sorted text: expected ${a[at]}, got ${b[at]}`);
  return a.length === b.length ? passed : failed(`after the expected text: ${b[a.length]}`);
}

function sorted(lines: readonly string[]): string[] {
  const tables: string[][] = [];
  for (const line of lines) {
    if (line.startsWith('*')) tables.push([]);
    tables.at(-1)!.push(line);
  }
  return tables.flatMap(sortedTable);
}

function sortedTable(lines: readonly string[]): string[] {
  const starting = (prefix: string): string[] => lines.filter(line => line.startsWith(prefix));
  const chains = starting(':').sort((a, b) => byChain(a.slice(1).split(' ')[0]!, b.slice(1).split(' ')[0]!));
  const rules = starting('-A').map((line, i) => ({ line, i, chain: line.split(' ')[1]! }));
  rules.sort((a, b) => byChain(a.chain, b.chain) || byService(a, b) || a.i - b.i);
  return [lines[0]!, ...chains, ...rules.map(r => r.line), ...starting('-X').sort(), lines.at(-1)!];
}

const rank = (chain: string): number => (ORDER.includes(chain) ? ORDER.indexOf(chain) : ORDER.length);
const byChain = (a: string, b: string): number => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0);

interface Numbered {
  readonly line: string;
  readonly chain: string;
}
/** What has no Service in its comment (the way to the node ports) stays last. */
const service = ({ line }: Numbered): string => /--comment "?([^\s"/]+\/[^\s":]+)/.exec(line)?.[1] ?? '\uffff';
const byService = (a: Numbered, b: Numbered): number => {
  if (!SHARED.includes(a.chain)) return 0;
  const [x, y] = [service(a), service(b)];
  return x < y ? -1 : x > y ? 1 : 0;
};

export const dumps = defineSet<DumpCase>('kubeproxy/dumps', c => checkDump(c, new ReadTables()));
