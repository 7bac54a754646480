/**
 * The chains that a packet met at a hook, as one line: `nat PREROUTING > KUBE-SERVICES #3 > KUBE-SVC-... #2 (1/2) > KUBE-SEP-... DNAT
 * 10.96.1.50:80 -> 10.244.2.5:80`. Made from the rules whose tests passed, in their order; the same for a router's trace and the kernel's.
 */

import type { RuleName } from '../trace-text.ts';

export interface MetRule extends RuleName {
  hook: string;
  /** Which object of the cluster it was made from: `Service default/web field spec.ports[0].nodePort`. */
  origin?: string;
  /** Which of the endpoints of a Service it takes: the second of three is `{ nth: 2, of: 3 }`. */
  endpoint?: { nth: number; of: number };
}

/** One table's chains at one hook. */
export interface TableWalk {
  hook: string;
  table: string;
  /** Ways through the chains that ended in something other than going back: each from the built-in chain on. */
  branches: MetRule[][];
}

/** `-j DNAT --to-destination 10.244.2.2:8080` is `DNAT` with those words. A rule without a target has none. */
export function targetOf(text: string): { jump: boolean; name: string; words: string } | undefined {
  const m = /(?:^|\s)-(j|g) (\S+)\s*(.*)$/.exec(text);
  return m === null ? undefined : { jump: !known.has(m[2]!), name: m[2]!, words: m[3]! };
}

/** Targets of netfilter: any other word after -j is a chain. */
const known = new Set(
  (
    'ACCEPT DROP RETURN QUEUE NFQUEUE REJECT DNAT SNAT MASQUERADE REDIRECT NETMAP MARK CONNMARK TCPMSS LOG NFLOG TRACE CT NOTRACK TOS DSCP ' +
    'TTL SET CLASSIFY CHECKSUM TPROXY CLUSTERIP AUDIT TEE'
  ).split(' '),
);
const translations = new Set(['DNAT', 'SNAT', 'MASQUERADE', 'REDIRECT', 'NETMAP']);

/** Does the rule say what becomes of the packet, or of its addresses? */
export const isTranslation = (rule: RuleName): boolean => translations.has(targetOf(rule.text)?.name ?? '');

/** Rules in the order in which they were met, cut into tables and hooks. */
export function tableWalks(met: readonly MetRule[]): TableWalk[] {
  const walks: TableWalk[] = [];
  let stack: MetRule[] = [];
  for (const rule of met) {
    let walk = walks.at(-1);
    const builtIn = rule.chain === rule.hook;
    // The built-in chain again, with a rule that does not come after the last one: another packet's or another pass.
    const again = builtIn && stack.length > 0 && rule.number !== 0 && rule.number <= stack[0]!.number;
    if (walk === undefined || walk.hook !== rule.hook || walk.table !== rule.table || again || ended(stack)) {
      walk = { hook: rule.hook, table: rule.table, branches: [] };
      walks.push(walk);
      stack = [];
    }
    const level = stack.findIndex(r => r.chain === rule.chain);
    stack = [...(level < 0 ? stack : stack.slice(0, level)), rule];
    if (targetOf(rule.text)?.jump !== true) walk.branches.push(stack);
  }
  return walks;
}

/** After the policy nothing more comes. */
const ended = (stack: readonly MetRule[]): boolean => stack.at(-1)?.number === 0;

/**
 * @param rewrites what the translations of this packet did, by `DNAT` (destination) and `SNAT` (source): `a -> b`
 * @returns '' for a table that had nothing to say: a policy of ACCEPT where no filtering and no translation is done
 */
export function walkText(walk: TableWalk, rewrites: { destination?: string | undefined; source?: string | undefined }): string {
  const branches = walk.branches.map(branch => branchText(branch, rewrites)).filter(text => text !== '');
  const silent = walk.table !== 'nat' && walk.table !== 'filter' && branches.every(text => text === ' policy ACCEPT');
  return silent || branches.length === 0 ? '' : `${walk.table} ${walk.hook}${branches.join(',')}`;
}

function branchText(branch: readonly MetRule[], rewrites: { destination?: string | undefined; source?: string | undefined }): string {
  const last = branch.at(-1)!;
  if (last.number === 0) return ` policy ${last.text}`;
  const target = targetOf(last.text);
  if (target === undefined || target.name === 'MARK') return ''; // counts only; marks stand behind the chains
  const way = branch
    .map((rule, depth) => {
      const builtIn = depth === 0 && rule.chain === rule.hook;
      const isLast = rule === last;
      // The first jump and a translation speak for themselves: the number of the rule is in the events.
      const number = (builtIn && !isLast) || (!builtIn && isLast && translations.has(target.name)) ? '' : ` #${rule.number}`;
      const share = rule.endpoint === undefined ? '' : ` (${rule.endpoint.nth}/${rule.endpoint.of})`;
      return `${builtIn ? '' : ` > ${rule.chain}`}${number}${share}`;
    })
    .join('');
  return `${way} ${actionText(target, rewrites)}`;
}

function actionText(
  target: { name: string; words: string },
  rewrites: { destination?: string | undefined; source?: string | undefined },
): string {
  const isSource = target.name === 'SNAT' || target.name === 'MASQUERADE';
  const did = isSource ? rewrites.source : rewrites.destination;
  if (translations.has(target.name)) return did === undefined ? `${target.name} ${target.words}`.trim() : `${target.name} ${did}`;
  return target.name;
}

/** What the rules made of the mark, in their order: `[0, 0x4000, 0]`; only the first when none of them touched it. */
export function marksOf(met: readonly MetRule[], start: number): number[] {
  const marks = [start >>> 0];
  for (const { text } of met) {
    const m = /-j MARK --(?:set-xmark|set-mark) (0x[\da-f]+|\d+)(?:\/(0x[\da-f]+|\d+))?/.exec(text);
    if (m === null) continue;
    const mask = m[2] === undefined ? 0xffff_ffff : Number(m[2]);
    const mark = ((marks.at(-1)! & ~mask) ^ Number(m[1])) >>> 0;
    if (mark !== marks.at(-1)) marks.push(mark);
  }
  return marks;
}

const hex = (mark: number): string => (mark === 0 ? '0' : `0x${mark.toString(16)}`);
export const marksText = (marks: readonly number[]): string => `mark ${marks.map(hex).join(' -> ')}`;
