/** Program of `scripts/calico`: the labs of pure routing on kernel, userspace and mixed nodes, and whether they show the same. */
import { fileURLToPath } from 'node:url';
import { countOf, parseOptions } from '../support/options.ts';
import { calicoLabs, cannot, kernelHasIpip, lookAt, placements, wrong } from './calico-labs.ts';
import type { Seen } from './look.ts';
import { Kubehop, lacking } from './support.ts';

process.env.KUBEHOP_LABS = fileURLToPath(new URL('../fixtures/labs', import.meta.url));

const { values } = parseOptions('scripts/calico', {
  options: {
    quick: { type: 'boolean', default: false },
    ipip: { type: 'boolean', default: false },
    on: { type: 'string', multiple: true },
    lab: { type: 'string', multiple: true },
    mebibytes: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const how = {
  mebibytes: countOf('scripts/calico', '--mebibytes', values.mebibytes ?? (values.quick ? '10' : '100'), 1),
  quick: values.quick,
};
const hasIpip = kernelHasIpip();

/** `userspace:node1,kernel:node2` -> `userspace, kernel`: by node, as a column's head. */
const short = (on: string): string =>
  on.includes(':')
    ? on
        .split(',')
        .map(word => word.split(':')[0]!.replace('userspace', 'user'))
        .join('+')
    : on;

const kubehop = new Kubehop();
let bad = 0;
let tried = 0;
async function main(): Promise<void> {
  if (lacking !== '') throw new Error(lacking);
  const begun = performance.now();
  for (const lab of calicoLabs.filter(each => (each.ipip || !values.ipip) && (values.lab?.includes(each.look.lab) ?? true))) {
    say(`\n${lab.name}`);
    const runs: { on: string; seen: Map<string, Seen>; wrong: string[] }[] = [];
    for (const on of values.on ?? placements(lab.look.nodes)) {
      const why = cannot(lab, on, hasIpip);
      if (why !== '') {
        say(`  ${short(on)}: not tried: ${why}`);
        continue;
      }
      const from = performance.now();
      try {
        const seen = await lookAt(kubehop, lab, on, how);
        tried++;
        runs.push({ on, seen, wrong: wrong(lab, seen) });
        say(`  ${short(on)}: ${seen.size} things looked at in ${seconds(performance.now() - from)}`);
      } catch (error) {
        bad++;
        say(`  ${short(on)}: ${(error as Error).message.trim()}`);
      }
    }
    report(runs);
  }
  if (tried + bad === 0) throw new Error('nothing could be tried');
  say(`\n${bad === 0 ? 'all equal, and as it should be' : `${bad} not as they should be`}, in ${seconds(performance.now() - begun)}`);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function report(runs: readonly { on: string; seen: Map<string, Seen>; wrong: string[] }[]): void {
  const [first, ...others] = runs;
  if (first === undefined) return;
  const groups = new Map<string, string[]>();
  for (const name of first.seen.keys()) {
    const group = /^(ping|tracepath|traceroute) /.exec(name)?.[1] ?? name;
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  const width = Math.max(...[...groups.keys()].map(name => name.length));
  const cell = (text: string): string => text.padEnd(22);
  say(`  ${''.padEnd(width)}  ${runs.map(run => cell(short(run.on))).join('')}`);
  for (const [group, names] of groups) {
    const cells = runs.map(run => {
      const ms = names.reduce((sum, name) => sum + (run.seen.get(name)?.ms ?? 0), 0);
      const differs = names.filter(name => run.seen.get(name)?.text !== first.seen.get(name)?.text).length;
      const failed = run.wrong.filter(line => names.some(name => line.startsWith(`${name}:`))).length;
      return cell(`${failed > 0 ? `${failed} WRONG ` : differs > 0 ? `${differs} DIFFER ` : run === first ? '' : '= '}${seconds(ms)}`);
    });
    say(`  ${group.padEnd(width)}  ${cells.join('')}`);
  }
  for (const run of runs) {
    bad += run.wrong.length;
    for (const line of run.wrong) say(`  wrong on ${short(run.on)}: ${line}`);
  }
  for (const run of others)
    for (const [name, { text }] of run.seen) {
      const there = first.seen.get(name)?.text;
      if (there === text) continue;
      bad++;
      say(`  ${name}: ${short(first.on)}\n${indented(there ?? 'nothing')}\n  and ${short(run.on)}\n${indented(text)}`);
    }
  if (values.verbose) for (const [name, { text }] of first.seen) say(`  ${name}\n${indented(text)}`);
}

const indented = (text: string): string => text.replaceAll(/^/gm, '    ');

try {
  await main();
} finally {
  await kubehop.run('lab', 'down', '--all');
  kubehop.close();
}
process.exitCode = bad === 0 ? 0 : 1;
