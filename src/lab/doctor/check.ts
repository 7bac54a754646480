/** What a check of the doctor is. One file per feature; each looks at what the machine does, not at names of modules. */
import type { Sandbox } from './sandbox.ts';

export type Finding =
  | { readonly state: 'ok'; readonly detail: string }
  /** `mend` is what the reader does next: a command wherever there is one. */
  | { readonly state: 'missing'; readonly detail: string; readonly mend: string }
  /** Could not be tried, because something else is missing. */
  | { readonly state: 'untried'; readonly detail: string };

/** What a check may look at. Handed in, so that a test can be any machine. */
export interface Machine {
  readonly uid: number;
  readonly env: NodeJS.ProcessEnv;
  readonly nodeVersion: string;
  /** First line of a file, or undefined when it cannot be read. For /proc and /sys. */
  readLine(path: string): string | undefined;
  sandbox: Sandbox;
}

export interface Check {
  readonly name: string;
  /** What the labs do with it. */
  readonly use: string;
  /** Without it no lab runs. */
  readonly required: boolean;
  run(machine: Machine): Finding | Promise<Finding>;
}

export const SETUP = 'sudo scripts/setup';

export const ok = (detail: string): Finding => ({ state: 'ok', detail });
export const missing = (detail: string, mend: string): Finding => ({ state: 'missing', detail, mend });

/** A check that holds when a script in a sandbox ends well. @param mend for when it does not */
export function sandboxCheck(name: string, use: string, required: boolean, script: string, mend: string = SETUP): Check {
  return {
    name,
    use,
    required,
    run({ sandbox }) {
      const { status, output } = sandbox(script);
      return status === 0 ? ok(use) : missing(lastLine(output) || `ended with status ${status}`, mend);
    },
  };
}

/** The line of a tool's output that says what went wrong is its last. */
export const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.trim() ?? '';
