/** What a running router answers to the words people know: the other end of `control.ts`. */
import type { ControlRequest } from './control.ts';
import type { RunningNode } from './node.ts';
import { follows, type ToolName, type ToolResult, wrote } from './tool.ts';

/**
 * @param reload reads the description and the rules file again; returns warnings
 * @param onText gets what a command writes while it runs
 * @param gone   aborted when the one who asked has gone: a command that goes on for ever ends then
 */
export async function answerControl(
  node: RunningNode,
  { command, args, input }: ControlRequest,
  reload: () => Promise<readonly string[]>,
  onText: (text: string) => void,
  gone: AbortSignal,
): Promise<ToolResult> {
  switch (command) {
    case 'reload':
      return wrote([...(await reload()).map(w => `warning: ${w}\n`), 'routes and rules loaded\n'].join(''));
    case 'conntrack':
    case 'iptables':
    case 'iptables-save':
    case 'iptables-restore':
    case 'sysctl':
      return runTool(node, command, args, input ?? '', onText, gone);
    case 'counters':
      return wrote(`${JSON.stringify(await node.counters(), null, 2)}\n`);
  }
}

/** One of the tools that people know; `conntrack -E` goes on until `gone` is aborted. */
export async function runTool(
  node: RunningNode,
  name: ToolName,
  args: readonly string[],
  input: string,
  onText: (text: string) => void,
  gone: AbortSignal,
): Promise<ToolResult> {
  if (!follows(name, args)) return node.tool(name, args, input, onText);
  const stop = await node.conntrackEvents(args, lines => onText(lines.map(line => `${line}\n`).join('')));
  const ended = Promise.race([new Promise(resolve => gone.addEventListener('abort', resolve, { once: true })), node.exited]);
  if (!gone.aborted) await ended;
  stop();
  return wrote('');
}
