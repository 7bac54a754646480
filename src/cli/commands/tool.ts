/**
 * `kubehop iptables`, `iptables-save`, `iptables-restore`, `conntrack` and `sysctl`: the words people know, on a running router or on a node of a
 * lab that is up, whichever data plane runs there. All words but `--pid`, `--node` and `--lab` are the tool's.
 */
import { LabError } from '../../base/errors.ts';
import { DaemonClient } from '../../lab/daemon/client.ts';
import { runtimeRoot } from '../../lab/daemon/directories.ts';
import { runningLab } from '../../lab/exec.ts';
import { LAB_DIRECTORY_VARIABLE } from '../../lab/node-shell.ts';
import { askControl, controlPath } from '../../node/control.ts';
import type { ToolName, ToolResult } from '../../node/tool.ts';
import type { Define } from '../commands.ts';
import type { Exit, Io } from '../io.ts';
import { readText } from '../read-text.ts';

const uses: Record<ToolName, string> = {
  iptables: `
Commands: -A -C -D -I -R -N -X -F -P -E -Z -L -S with -t, -n, -v, -x, --line-numbers, as iptables(8) has them.
Example:  kubehop iptables --node node1 -t nat -nvL KUBE-SERVICES --line-numbers
Exit status: 0 well, 1 refused (-C: no such rule), 2 wrong words. What is refused changes nothing.`,
  'iptables-save': `
Options: -c with counters, -t TABLE one table.
Example: kubehop iptables-save --pid 1234 -c > node1.rules`,
  'iptables-restore': `
Options: -n keep what is there, -c take counters, -t only test, -T TABLE one table. Rules come from stdin, or from a file.
Example: kubehop iptables-restore --node node1 -n < more.rules`,
  conntrack: `
Commands: -L -G -D -F -C -S -E with filters (-p -s -d --orig-port-dst ...) and -o extended,timestamp,id, as conntrack(8) has them.
Example:  kubehop conntrack --node node1 -E -p tcp`,
  sysctl: `
Words: NAME to read, NAME=VALUE to write; -w, -n, -q as sysctl(8) has them. On a userspace node: the names that the router knows.
Example: kubehop sysctl --node node1 net.ipv4.conf.eth0.route_localnet`,
};

export const define: Define = (command, io) => {
  const tool = command.name() as ToolName;
  command
    .argument('[WORDS...]', "the tool's own words")
    .usage('(--node NODE [--lab NN] | --pid PID) [WORDS...]')
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .addHelpText('after', uses[tool])
    .action(async (words: string[]) => {
      const { args, pid, node, lab } = place(words);
      if (args.length === 1 && (args[0] === '--help' || args[0] === '-h') && pid === undefined && node === undefined) {
        command.outputHelp();
        return;
      }
      if ((pid === undefined) === (node === undefined))
        throw new LabError('BAD_INPUT', `${tool}: say where: --node NODE of the lab that is up, or --pid PID of a router`);
      const input = tool === 'iptables-restore' ? stdinOf(args) : { args, text: '' };
      const request = { tool, args: input.args, input: input.text };
      show(io, await (pid !== undefined ? atRouter(pid, request, io) : inLab(node!, lab, request, io)));
    });
};

interface Request {
  tool: ToolName;
  args: readonly string[];
  input: string;
}

/** Our own words, wherever they stand. */
function place(words: readonly string[]): { args: string[]; pid?: number; node?: string; lab?: string } {
  const found: { args: string[]; pid?: number; node?: string; lab?: string } = { args: [] };
  for (let i = 0; i < words.length; i++) {
    const [name, inline] = words[i]!.split(/=(.*)/s);
    if (name !== '--pid' && name !== '--node' && name !== '--lab') {
      found.args.push(words[i]!);
      continue;
    }
    const value = inline ?? words[++i];
    if (value === undefined) throw new LabError('BAD_INPUT', `expected a value behind ${name}`);
    if (name === '--node') found.node = value;
    else if (name === '--lab') found.lab = value;
    else if (/^[1-9]\d*$/.test(value)) found.pid = Number(value);
    else throw new LabError('BAD_INPUT', `--pid ${value}: expected the process id of a router`);
  }
  return found;
}

/** iptables-restore reads a file when one is named as its last word. */
function stdinOf(args: readonly string[]): { args: readonly string[]; text: string } {
  const last = args.at(-1);
  const before = args.at(-2);
  const isFile = last !== undefined && !last.startsWith('-') && before !== '-T' && before !== '--table';
  return isFile ? { args: args.slice(0, -1), text: readText(last) } : { args, text: readText('-') };
}

async function atRouter(pid: number, { tool, args, input }: Request, io: Io): Promise<ToolResult> {
  const signal = io.interrupted;
  const path = controlPath(runtimeRoot(), pid);
  return askControl(
    path,
    { command: tool, args, input },
    { onText: text => io.write(text), onWarning: words => io.progress(words), signal },
  );
}

async function inLab(node: string, lab: string | undefined, request: Request, io: Io): Promise<ToolResult> {
  // In a node's own shell the words on PATH are these; they reach the lab from inside.
  const directory = process.env[LAB_DIRECTORY_VARIABLE] ?? runningLab(lab).directory;
  const client = await DaemonClient.connect(directory);
  const interrupted = new Promise<ToolResult>(resolve =>
    io.interrupted.addEventListener('abort', () => resolve({ stdout: '', stderr: '', status: io.exitCode })),
  );
  try {
    return await Promise.race([
      client.request(
        { op: 'tool', node, ...request },
        said => io.progress(said.line),
        text => io.write(text),
      ),
      interrupted,
    ]);
  } finally {
    client.close();
  }
}

function show(io: Io, { stdout, stderr, status }: ToolResult): void {
  io.write(stdout);
  for (const line of stderr.split('\n').slice(0, -1)) io.progress(line);
  if (io.exitCode === 0) io.exitCode = status as Exit;
}
