/**
 * `npm run conformance -- DIR [--set NAME]... [--json] [--on kernel]`: tries the cases of a conformance directory (KUBEHOP_CONFORMANCE stands in for
 * DIR). Prints one line for each set, then what failed and what is not supported. Ends with 1 when a case failed, 2 when called wrongly.
 * With `--on kernel` Linux is tried in place of the router: a wrong case is told from a wrong router.
 */
import { existsSync } from 'node:fs';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { filesOf, readFile, runSet, type SetReport, toJson, toText } from './run.ts';
import { sets as routerSets } from './sets/index.ts';

function usage(message: string): never {
  console.error(`error: ${message}\nusage: npm run conformance -- DIR [--set NAME]... [--json] [--on router|kernel]`);
  process.exit(2);
}

const config = {
  allowPositionals: true,
  options: {
    set: { type: 'string', multiple: true, default: [] },
    json: { type: 'boolean', default: false },
    on: { type: 'string', default: 'router' },
  },
} as const satisfies ParseArgsConfig;

function parsed(): ReturnType<typeof parseArgs<typeof config>> {
  try {
    return parseArgs(config);
  } catch (error) {
    return usage((error as Error).message);
  }
}
const { values, positionals } = parsed();
const directory = positionals[0] ?? process.env.KUBEHOP_CONFORMANCE ?? usage('no directory: name it or set KUBEHOP_CONFORMANCE');
if (!existsSync(directory)) usage(`no such directory: ${directory}`);
if (values.on !== 'router' && values.on !== 'kernel') usage(`--on "${values.on}": there are router and kernel`);
let sets = routerSets;
if (values.on === 'kernel') {
  // Loaded when it is wanted: it reaches into the system.
  const [{ enterKernel }, { kernelSets }] = await Promise.all([import('./kernel/enter.ts'), import('./kernel/sets.ts')]);
  const status = enterKernel();
  if (status !== undefined) process.exit(status);
  sets = kernelSets;
}
for (const name of values.set)
  if (!sets.some(s => s.name === name)) usage(`no set "${name}": there are ${sets.map(s => s.name).join(', ')}`);

const reports: SetReport[] = [];
for (const set of sets) {
  if (values.set.length > 0 && !values.set.includes(set.name)) continue;
  const file = readFile(directory, set.name);
  if (file === undefined) {
    if (values.set.includes(set.name)) usage(`there is no ${set.name}.json in ${directory}`);
    continue;
  }
  const report = await runSet(set, file);
  reports.push(report);
  if (!values.json) console.log(toText(report));
}

if (values.json) console.log(toJson(reports));
else if (values.set.length === 0) {
  const missing = filesOf(directory).filter(name => !sets.some(s => s.name === name));
  if (missing.length > 0) console.log(`not covered: ${missing.join(' ')}`);
}
if (reports.some(r => r.failed.length > 0)) process.exitCode = 1;
