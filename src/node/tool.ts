/** The tools that people know, on a running node: what one of them writes, and its exit status. */
export const toolNames = ['iptables', 'iptables-save', 'iptables-restore', 'conntrack', 'sysctl'] as const;
export type ToolName = (typeof toolNames)[number];

export interface ToolResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

export const wrote = (stdout: string, stderr = ''): ToolResult => ({ stdout, stderr, status: 0 });
export const refused = (stderr: string, status: number): ToolResult => ({ stdout: '', stderr, status });

/** Does the command go on until it is stopped? */
export const follows = (tool: string, args: readonly string[]): boolean =>
  tool === 'conntrack' && (args.includes('-E') || args.includes('--event'));
