/** Carries out one command on the draft of a table. @throws EditError */
import type { Rule } from '../ruleset.ts';
import type { Command } from './command.ts';
import { EditError, type TableDraft } from './table-draft.ts';

/**
 * @param counters what a line of a file says in front of the command; it wins over `-c`
 * @param line by which a rule that is appended is known the next time
 */
export function apply(draft: TableDraft, command: Command, counters?: { packets: number; bytes: number }, line?: string): void {
  const { chain, number, value } = command;
  const rules: readonly Rule[] = counters ? command.rules.map(r => ({ ...r, ...counters })) : command.rules;
  if (draft.name === 'nat' && (rules[0]?.target?.kind === 'DROP' || (command.name === 'policy' && value === 'DROP')))
    throw new EditError('table nat is not for filtering: DROP is not taken there');
  switch (command.name) {
    case 'append':
      for (const rule of rules) draft.append(chain!, rule, rules.length === 1 && !counters ? line : undefined);
      return;
    case 'insert':
      for (const rule of rules) draft.insert(chain!, number!, rule);
      return;
    case 'replace':
      draft.replace(chain!, number!, rules[0]!);
      return;
    case 'delete':
      if (number !== undefined) draft.deleteNumber(chain!, number);
      else for (const rule of rules) draft.delete(chain!, rule);
      return;
    case 'check':
      for (const rule of rules) if (draft.find(chain!, rule) < 0) throw new EditError(`chain ${chain} has no such rule`, 'rule');
      return;
    case 'flush':
      draft.flush(chain);
      return;
    case 'zero':
      draft.zero(chain, number);
      return;
    case 'new-chain':
      draft.create(chain!);
      return;
    case 'delete-chain':
      draft.deleteChain(chain);
      return;
    case 'rename-chain':
      draft.rename(chain!, value!);
      return;
    case 'policy':
      draft.setPolicy(chain!, value!, counters ?? command.counters);
      return;
    case 'list':
    case 'list-rules':
      return; // these change nothing: whoever reads the command prints
    default: {
      const never: never = command.name;
      throw new EditError(`unknown command ${never}`);
    }
  }
}
