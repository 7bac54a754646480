/** A tool on a node's data plane, with all that it writes: a long list comes piece by piece. */
import type { ToolName, ToolResult } from '../../node/tool.ts';
import type { DataPlane } from '../plane/data-plane.ts';

export type ToolPlane = Pick<DataPlane, 'tool'>;

export async function runOn(plane: ToolPlane, tool: ToolName, args: readonly string[], input = ''): Promise<ToolResult> {
  let written = '';
  const keep = (text: string): void => {
    written += text;
  };
  const result = await plane.tool(tool, args, input, keep, new AbortController().signal);
  return { ...result, stdout: written + result.stdout };
}
