/** Errors that say what, where and what next. Libraries throw these and print nothing; the CLI alone turns them into text. */

/** Every code the project can raise, each with what the reader can do about it. */
export const hints = {
  ADDRESS: 'write it as 10.244.1.0 or 10.244.1.0/24',
  API: 'ask the same by `kubectl get services -A`: is the server there, and may this user read?',
  BAD_INPUT: 'see the message; `kubehop help` lists the commands',
  BIRD_MISSING: 'Debian, Ubuntu: `sudo apt install bird2`, or `sudo scripts/setup`; KUBEHOP_BIRD names a daemon that stands elsewhere',
  CHECK_FAILED: 'compare the expectation with the captures that are named above',
  DAEMON: 'run it again with `--verbose`; `kubehop lab down --all` removes what is left',
  DESCRIPTION: 'the fields of a description are listed by `kubehop router --help`',
  DEVICE: 'check that the interface exists and is up: `ip link`',
  DEVICE_GONE: 'the interface was deleted or set down; the other devices go on',
  IPIP_MISSING: '`sudo modprobe ipip` where the kernel has that module; a userspace node needs none: `--on userspace`',
  KUBECONFIG: '`kubectl config view` and `kubectl config get-contexts` show what it holds',
  LAB_UNKNOWN: '`kubehop lab list` shows the exercises',
  NETNS_EPERM: 'run `kubehop doctor`: it says what this machine lacks',
  OS: 'run `kubehop doctor`: it says what this machine lacks',
  ROUTER_UNKNOWN: 'is it running, and yours? `kubehop router run FILE` prints its process id',
  RULES: 'the rules that were in force stay in force; mend the line and load it again',
  RULES_UNSUPPORTED: 'leave the rule out, or load with `--lenient`: the rule is kept and never matches',
  STATE: 'what is on the disk was not changed; move the file away to begin anew',
  TOOL_MISSING: 'run `sudo scripts/setup`: it installs what is missing',
  TUN_MISSING: 'run `sudo scripts/setup`: it loads the module and opens /dev/net/tun by a udev rule',
} as const;

export type ErrorCode = keyof typeof hints;

/** @param message names the operation, the object with its value, and the errno or limit met. */
export class LabError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'LabError';
    this.code = code;
  }
  get hint(): string {
    return hints[this.code];
  }
}

/** An error at a place in a text that a person wrote. `line` and `column` count from 1. */
export class TextError extends LabError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  constructor(code: ErrorCode, at: { file: string; line: number; column: number }, message: string) {
    super(code, `${at.file}:${at.line}:${at.column}: ${message}`);
    this.name = 'TextError';
    this.file = at.file;
    this.line = at.line;
    this.column = at.column;
  }
}
