/** `kubehop router run FILE`: one router in this network namespace, until SIGTERM or Ctrl-C. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { LabError } from '../../base/errors.ts';
import { runtimeRoot } from '../../lab/daemon/directories.ts';
import { controlPath, serveControl } from '../../node/control.ts';
import { parseDescription, type RouterDescription } from '../../node/description.ts';
import { type RunningNode, startNode } from '../../node/node.ts';
import { answerControl } from '../../node/node-commands.ts';
import type { Define } from '../commands.ts';
import type { Io } from '../io.ts';

const FIELDS = `
Fields of a description (YAML):
  ports:      [{name, kind: packet|tap|tun, interface, mac, mtu, offload, qdiscBypass, addresses: [a.b.c.d/n], bridge: {nfCall, hairpin}}]
  vxlan:      [{name, vni, port, local, mac, mtu, udpChecksum, addresses, learning, remotes, peers: [{subnet, vtep, mac, node}]}]
  ipip:       [{name, local, mtu, addresses}]                  IPv4 in IPv4, to the next hop of the route that leads there
  routes:     [{to, via, dev, src, type, metric}] or [{to, nexthops: [{via, dev, weight}], ...}]
  mirror:     {table, tunnel, mode: always|cross-subnet, pool}   follow the routes of a routing daemon in this namespace
  neighbours: [{ip, mac, dev}]
  rules:      FILE, iptables-save text, relative to the description
  sets:       FILE, what \`ipset save\` wrote, for rules with -m set
  sysctl:     {net.ipv4.ip_forward: 1, ...}

SIGHUP or \`kubehop router reload --pid PID\` reads the description again
and takes routes, neighbours, VXLAN peers and rules from it; connections stay. SIGTERM ends it.`;

export const define: Define = (command, io) => {
  command
    .argument('<file>', 'the description')
    .option('--lenient', 'keep rules that are not supported: they never match')
    .option('--seed <n>', 'draw random choices from this seed', Number)
    .addHelpText('after', FIELDS)
    .action(async (file: string, options: { lenient?: boolean; seed?: number }) => {
      const description = parseDescription(read(file), file);
      const node = await start(description, file, options, io);
      const reload = () => loadAgain(node, description, file, options.lenient ?? false);
      const control = await serveControl(controlPath(runtimeRoot(), process.pid), (request, onText, gone) =>
        answerControl(node, request, reload, onText, gone),
      );
      process.on('SIGHUP', () => void sayReload(reload, io));
      io.interrupted.addEventListener('abort', () => void node.stop());
      io.progress(`router ${process.pid} runs: ${node.interfaces.filter(Boolean).join(', ')}`);
      const failure = await node.exited;
      control.close();
      if (failure) throw failure;
      // SIGTERM is the ordinary way to end it.
      io.exitCode = 0;
    });
};

async function start(d: RouterDescription, file: string, options: { lenient?: boolean; seed?: number }, io: Io): Promise<RunningNode> {
  const rules = d.rules === undefined ? undefined : beside(d.rules, file);
  return startNode({
    description: d,
    guarded: { files: [controlPath(runtimeRoot(), process.pid)] },
    ...(rules === undefined ? {} : { rules: { text: read(rules), file: rules, lenient: options.lenient ?? false, ...setsOf(d, file) } }),
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    onWarning: message => io.progress(`warning: ${message}`),
  });
}

/** Paths in a description are relative to it. */
const beside = (path: string, description: string): string => resolve(dirname(description), path);

function setsOf(d: RouterDescription, file: string): { sets?: { text: string; file: string } } {
  if (d.sets === undefined) return {};
  const path = beside(d.sets, file);
  return { sets: { text: read(path), file: path } };
}

/** Everything is read before anything is changed. Rules go first: they are what may still be refused. */
async function loadAgain(node: RunningNode, started: RouterDescription, file: string, lenient: boolean): Promise<readonly string[]> {
  const d = parseDescription(read(file), file);
  const warnings = FIXED.filter(field => !isDeepStrictEqual(fixed(d, field), fixed(started, field))).map(
    field => `${file}: ${field} has changed, which takes a new start of the router`,
  );
  if (d.rules !== undefined) {
    const path = beside(d.rules, file);
    warnings.push(...node.loadRules(read(path), { file: path, lenient, ...setsOf(d, file) }));
  }
  await node.setNetwork(d);
  return warnings;
}

/** What a running router does not take anew. */
const FIXED = ['ports', 'vxlan', 'ipip', 'mirror', 'sysctl'] as const;

/** A tunnel's peers may change. */
const fixed = (d: RouterDescription, field: (typeof FIXED)[number]): unknown =>
  field === 'vxlan' ? d.vxlan.map(v => ({ ...v, peers: [] })) : d[field];

async function sayReload(reload: () => Promise<readonly string[]>, io: Io): Promise<void> {
  try {
    for (const warning of await reload()) io.progress(`warning: ${warning}`);
    io.progress('routes and rules loaded');
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    io.progress(`error ${error.code}: ${error.message}`);
    io.progress(`hint: ${error.hint}`);
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new LabError('BAD_INPUT', `cannot read ${path}: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}`, { cause });
  }
}
