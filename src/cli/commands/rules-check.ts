/** `kubehop rules check FILE`: reads an iptables-save text and prints it back as iptables-save would. */
import { compile } from '../../netfilter/execute/compile.ts';
import { readIpSets } from '../../netfilter/ipset/read.ts';
import { readRuleSet } from '../../netfilter/text/read.ts';
import { writeRuleSet } from '../../netfilter/text/write.ts';
import type { Define } from '../commands.ts';
import { readText } from '../read-text.ts';

export const define: Define = (command, io) => {
  command
    .argument('<FILE>', 'what iptables-save wrote; - is stdin')
    .option('-c, --counters', 'with the counters of rules')
    .option('--quiet', 'print no rules: only say what is wrong')
    .option('--sets <FILE>', 'what `ipset save` wrote, for rules that ask for sets')
    .option('--lenient', 'keep rules that are not supported: they never match')
    .addHelpText(
      'after',
      '\nExit status: 0 when iptables-restore would take it, 2 when not. Warnings name rules that the router cannot execute.',
    )
    .action((path: string, options: { counters?: boolean; quiet?: boolean; sets?: string; lenient?: boolean }) => {
      const file = path === '-' ? 'stdin' : path;
      const { ruleSet, warnings } = readRuleSet(readText(path), { file, counters: true, lenient: options.lenient ?? false });
      const sets = options.sets === undefined ? {} : { sets: readIpSets(readText(options.sets), options.sets) };
      // Compiled for its complaints alone: what cannot be executed is no fault of the text.
      const { text } = compile(ruleSet, { file, lenient: true, ...sets });
      if (!options.quiet) io.write(writeRuleSet(ruleSet, { counters: options.counters === true }));
      for (const warning of new Set([...warnings, ...text.warnings])) io.progress(`${io.paintErr('yellow', 'warning:')} ${warning}`);
      const chains = [...ruleSet.tables.values()].flatMap(t => [...t.chains.values()]);
      const rules = chains.reduce((sum, c) => sum + c.rules.length, 0);
      io.progress(`${file}: ${ruleSet.tables.size} tables, ${chains.length} chains, ${rules} rules`);
    });
};
