/**
 * iptables(8), iptables-save(8) and iptables-restore(8) on the rules of a running node: their words, their output, their exit status.
 * A change is an edit of the rule set, compiled and swapped in between two batches; what is refused changes nothing.
 */
import { TextError } from '../base/errors.ts';
import { RefusedCommand } from '../netfilter/text/command-line.ts';
import type { NodeRules } from './rules.ts';
import { refused, type ToolResult, wrote } from './tool.ts';

/** As iptables(8): the rule set does not let it; the words are wrong. */
const REFUSED = 1;
const USAGE = 2;

export type IptablesTool = 'iptables' | 'iptables-save' | 'iptables-restore';

/** @param input what stands on stdin, for iptables-restore */
export function runIptables(rules: NodeRules, tool: IptablesTool, args: readonly string[], input = ''): ToolResult {
  try {
    switch (tool) {
      case 'iptables':
        return command(rules, args);
      case 'iptables-save':
        return save(rules, args);
      case 'iptables-restore':
        return restore(rules, args, input);
    }
  } catch (error) {
    if (error instanceof RefusedCommand) return refused(`${tool}: ${error.says}\n`, REFUSED);
    // Its place begins with "iptables:", or with the name of the text.
    if (error instanceof TextError) return refused(`${tool === 'iptables' ? '' : `${tool}: `}${error.message}\n`, USAGE);
    throw error;
  }
}

function command(rules: NodeRules, args: readonly string[]): ToolResult {
  // `-L -Z`: show, then set to nothing, in one go.
  const zeroes = args.filter(word => word === '-Z' || word === '--zero');
  const lists = args.filter(word => /^(-[a-zA-Z]*[LS]|--list|--list-rules)$/.test(word));
  if (zeroes.length === 1 && lists.length === 1) {
    const shown = rules.command(args.filter(word => word !== zeroes[0]));
    rules.command(zeroOf(args));
    return wrote(shown.output);
  }
  const { output, warnings } = rules.command(args);
  return wrote(output, warned('iptables', warnings));
}

/** Of `-t nat -nvL PREROUTING -Z`: the table and the chain. */
function zeroOf(args: readonly string[]): string[] {
  const words = args.filter(word => !/^-[nvxZ]+$|^--(numeric|verbose|exact|line-numbers|zero)$/.test(word));
  return words.map(word => (/^(-[a-zA-Z]*[LS]|--list|--list-rules)$/.test(word) ? '-Z' : word));
}

function save(rules: NodeRules, args: readonly string[]): ToolResult {
  let counters = false;
  let table: string | undefined;
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === '-c' || word === '--counters') counters = true;
    else if (word === '-t' || word === '--table') table = args[++i];
    else if (word.startsWith('--table=')) table = word.slice('--table='.length);
    else return refused(`iptables-save: unknown option "${word}": expected -c or -t TABLE\n`, USAGE);
  }
  const stamp = { program: SAVE_PROGRAM, time: ctime(new Date()) };
  return wrote(rules.save({ counters, stamp, ...(table !== undefined && { table }) }));
}

/** What stands where the tool names itself. */
const SAVE_PROGRAM = 'iptables-save v1.8.11 (kubehop)';

/** As ctime(3): `Fri Nov 20 09:30:57 2026`, local time. */
function ctime(date: Date): string {
  const [weekday, month, day, year, time] = date.toString().split(' ') as [string, string, string, string, string];
  return `${weekday} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`;
}

function restore(rules: NodeRules, args: readonly string[], input: string): ToolResult {
  const options: { noflush?: boolean; counters?: boolean; test?: boolean; table?: string } = {};
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === '-n' || word === '--noflush') options.noflush = true;
    else if (word === '-c' || word === '--counters') options.counters = true;
    else if (word === '-t' || word === '--test') options.test = true;
    else if ((word === '-T' || word === '--table') && args[i + 1] !== undefined) options.table = args[++i]!;
    else if (word.startsWith('--table=')) options.table = word.slice('--table='.length);
    else if (word !== '-w' && !word.startsWith('--wait'))
      return refused(`iptables-restore: unknown option "${word}": expected -n, -c, -t or -T TABLE\n`, USAGE);
  }
  const { warnings } = rules.load(input, { file: 'stdin', keepOthers: true, ...options });
  return wrote('', warned('iptables-restore', warnings));
}

const warned = (tool: string, warnings: readonly string[]): string => warnings.map(w => `${tool}: warning: ${w}\n`).join('');
