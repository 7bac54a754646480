/** One command, its steps, and how a person would type it. */

/** One process. */
export type Command =
  | { readonly tool: 'ip' | 'bridge'; readonly namespace?: string; readonly lines: readonly string[] }
  | { readonly tool: 'exec'; readonly namespace: string; readonly argv: readonly string[]; readonly stdin?: string };

/** Lists of commands that may run beside each other; the commands of one list run in order. */
export interface Step {
  readonly name: string;
  readonly parallel: readonly (readonly Command[])[];
}

/** A step for each line of it, for when one may fail and the others are to run all the same. */
export function lineByLine(step: Step): Step[] {
  const single = (command: Command): Command[] =>
    command.tool === 'exec' ? [command] : command.lines.map(line => ({ ...command, lines: [line] }));
  return step.parallel.flatMap(commands => commands.flatMap(single).map(command => ({ name: step.name, parallel: [[command]] })));
}

/** Offload leaves partial checksums and segments larger than the MTU on a veth: a capture would show what no wire carries. */
export const offloadOff = (namespace: string, name: string): Command => ({
  tool: 'exec',
  namespace,
  argv: ['ethtool', '-K', name, 'tx', 'off', 'rx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'off'],
});

/** As a person would type it. */
export function commandLines(command: Command): string[] {
  const enter = command.namespace === undefined ? '' : ` -n ${command.namespace}`;
  if (command.tool !== 'exec') return command.lines.map(line => `${command.tool}${enter} ${line}`);
  const argv = command.argv.map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
  return [`ip netns exec ${command.namespace} ${argv}`];
}
