/** What a running router answers to the words people know: the other end of `control.ts`. */
import { LabError } from '../base/errors.ts';
import type { ControlRequest } from './control.ts';
import type { RunningNode } from './node.ts';

/** @param reload reads the rules file again; returns warnings */
export async function answerControl(node: RunningNode, request: ControlRequest, reload: () => readonly string[]): Promise<string> {
  const { command, args, input } = request;
  switch (command) {
    case 'reload':
      return [...reload().map(w => `warning: ${w}\n`), 'rules loaded\n'].join('');
    case 'iptables-save':
      return node.saveRules(args.includes('-c') || args.includes('--counters'));
    case 'iptables-restore': {
      const noflush = args.includes('-n') || args.includes('--noflush');
      return node
        .loadRules(input ?? '', { file: 'stdin', noflush })
        .map(w => `warning: ${w}\n`)
        .join('');
    }
    case 'conntrack':
      return node.conntrack(args);
    case 'counters':
      return `${JSON.stringify(await node.counters(), null, 2)}\n`;
    case 'sysctl': {
      const [name, value] = (args[0] ?? '').split('=');
      if (!name) throw new LabError('BAD_INPUT', 'sysctl: expected a name, or name=value');
      const now = await node.sysctl(name.trim(), value === undefined ? null : Number(value.trim()));
      return `${name.trim()} = ${now}\n`;
    }
  }
}
