/**
 * A lab's daemon: child of the lab's PID 1, in the lab's own namespaces. Argument: `DaemonOptions` as JSON. It listens on a Unix socket
 * in its working directory (by a relative name: the tmpfs on /run may hide where that is), builds the lab at the first request, and
 * ends when it is told to, or, if transient, when who started it has gone.
 */
import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LabError } from '../../base/errors.ts';
import type { ClusterObject } from '../../cluster/objects/types.ts';
import { leavingOut } from '../../node/slow-reader.ts';
import { follows, type ToolResult } from '../../node/tool.ts';
import { loadLab } from '../catalog.ts';
import { applyToApi, deleteFromApi } from '../cluster/apply-text.ts';
import { Instance } from '../instance.ts';
import { hopsToCapture, LiveCaptures } from '../live-capture.ts';
import { withNodes, withoutNodes } from '../membership.ts';
import { SHELL_DIRECTORY } from '../node-shell.ts';
import { perform } from '../perform.ts';
import type { ChangeReport } from '../proxy/lab-proxies.ts';
import { namesOf, readManifest } from '../proxy/manifest.ts';
import { Troubles } from '../trouble/troubles.ts';
import { type DaemonOptions, type ManifestText, type ObjectsChanged, type Reply, type Request, SOCKET_NAME } from './protocol.ts';

/** Nobody came: whoever started us was killed before it could connect. */
const ORPHAN_MS = 15_000;
const REACHABLE_EVERY_MS = 1000;
const API_FD = 3;

const options: DaemonOptions = JSON.parse(process.argv[2]!);
let building: Promise<Instance> | undefined;
let say: (line: string, detail: boolean) => void = () => {};

async function build(): Promise<Instance> {
  const instance = new Instance({
    number: options.lab,
    lab: await loadLab(options.lab, options.network),
    ...(options.api ? { apiFd: API_FD } : {}),
    ...(options.storeFile === undefined ? {} : { storeFile: options.storeFile }),
    planeOf: node => options.planes[node]!,
    seed: options.seed,
    faults: options.faults,
    say: (line, detail) => say(line, detail),
  });
  await instance.build();
  return instance;
}

const built = (): Promise<Instance> => {
  building ??= build();
  return building;
};

const captures = new LiveCaptures();
const troubles = new Troubles();

async function answer(
  request: Exclude<Request, { op: 'ports' | 'route' | 'tool' | 'capture' | 'end-capture' | 'hops' | 'addresses' | 'links' }>,
): Promise<unknown> {
  const instance = await built();
  switch (request.op) {
    case 'build':
      return null;
    case 'perform':
      return perform(instance, request.out, request.work, line => say(line, false));
    case 'places':
      return {
        ...Object.fromEntries(instance.topology.namespaces.map(ns => [ns.name, ns.node?.plane ?? null])),
        ...Object.fromEntries((instance.cluster?.places() ?? []).map(name => [name, null])),
      };
    case 'join':
      await instance.change(withNodes(instance.lab, Object.keys(request.planes)), node => request.planes[node]!);
      return null;
    case 'leave':
      await instance.change(withoutNodes(instance.lab, request.nodes), () => 'kernel');
      return null;
    case 'break':
      return troubles.bring(instance, request.fault, line => say(line, false));
    case 'standing':
      return troubles.standing ?? null;
    case 'hint':
      return troubles.hint();
    case 'conntrack':
      return instance.plane(request.node).conntrack(request.args);
    case 'advance':
      await instance.plane(request.node).advance(request.seconds);
      return null;
    case 'counters':
      return instance.plane(request.node).counters();
    case 'rules':
      return instance.plane(request.node).rulesText(request.counters);
    case 'load-rules':
      await instance.plane(request.node).loadRules(request.text);
      return null;
    case 'apply':
      if (instance.cluster !== undefined) return applyToApi(instance, request.files);
      return changeObjects(request.files, objects => instance.proxies.apply(objects));
    case 'delete':
      if (instance.cluster !== undefined)
        return deleteFromApi(instance, [
          ...request.names,
          ...request.files.flatMap(file => namesOf(readManifest(file.text, file.name).objects)),
        ]);
      return changeObjects(request.files, objects => instance.proxies.delete([...request.names, ...namesOf(objects)]));
  }
}

async function changeObjects(
  files: readonly ManifestText[],
  change: (objects: ClusterObject[]) => Promise<ChangeReport>,
): Promise<ObjectsChanged> {
  const read = files.map(({ name, text }) => readManifest(text, name));
  const report = await change(read.flatMap(m => m.objects));
  return { report, problems: read.flatMap(m => m.problems), notes: read.flatMap(m => m.notes) };
}

let queue: Promise<void> = Promise.resolve();

function serve(socket: Socket): void {
  const send = (reply: Reply) => void (socket.writable && socket.write(`${JSON.stringify(reply)}\n`));
  const gone = new AbortController();
  socket.on('error', () => undefined); // the other end has gone; `close` follows
  socket.on('close', () => gone.abort());
  const lines = createInterface({ input: socket });
  lines.on('error', () => undefined); // it repeats the socket's
  lines.on('line', line => {
    const request: Request = JSON.parse(line);
    if (request.op === 'tool') {
      const whole = (text: string): void => send({ kind: 'text', text });
      const warn = (line: string): void => send({ kind: 'progress', line, detail: false });
      const some = leavingOut(() => socket.writableLength, whole, warn);
      void reply(send, () => runTool(request, follows(request.tool, request.args) ? some : whole, gone.signal));
      return;
    }
    if (request.op === 'capture') {
      void reply(send, async () => captures.run(await built(), request, text => send({ kind: 'text', text }), gone.signal));
      return;
    }
    if (request.op === 'end-capture') {
      void reply(send, async () => captures.end(request.pipe));
      return;
    }
    if (request.op === 'links') {
      void reply(send, async () => (await built()).plane(request.node).links());
      return;
    }
    if (request.op === 'addresses') {
      void reply(send, async () => (await built()).addresses());
      return;
    }
    if (request.op === 'hops') {
      void reply(send, async () => hopsToCapture(await built()));
      return;
    }
    if (request.op === 'ports' || request.op === 'route') {
      void reply(send, async () => fromShell(request));
      return;
    }
    // One at a time: two runs would see each other's packets.
    queue = queue.then(async () => {
      say = (text, detail) => send({ kind: 'progress', line: text, detail });
      await reply(send, () => answer(request));
      say = () => {};
    });
  });
}

async function reply(send: (reply: Reply) => void, work: () => Promise<unknown>): Promise<void> {
  try {
    send({ kind: 'done', value: await work() });
  } catch (error) {
    const code = error instanceof LabError ? error.code : 'DAEMON';
    send({ kind: 'error', code, message: error instanceof LabError ? error.message : String((error as Error).stack ?? error) });
  }
}

/** By a command of the node's own shell, which may be part of a run. */
async function fromShell(request: Extract<Request, { op: 'ports' | 'route' }>): Promise<string | null> {
  const plane = (await built()).plane(request.node);
  if (request.op === 'route') return plane.changeRoutes(request.words);
  await plane.lookAtPorts();
  return null;
}

/** Somebody looks at a node, or changes its rules, while the lab runs. */
async function runTool(
  { node, tool, args, input }: Extract<Request, { op: 'tool' }>,
  onText: (text: string) => void,
  gone: AbortSignal,
): Promise<ToolResult> {
  return (await built()).plane(node).tool(tool, args, input, onText, gone);
}

const server = createServer(serve);
const orphaned = setTimeout(() => process.exit(0), ORPHAN_MS);
server.once('connection', socket => {
  clearTimeout(orphaned);
  if (options.transient) socket.once('close', () => process.exit(0));
});
/** Nobody can reach a lab whose directory was removed (as the system does with that of a user who has logged out): it ends. */
function endWhenUnreachable(): void {
  if (!existsSync(SOCKET_NAME)) process.exit(0);
}

// For the tools in a userspace node's shell, which cannot see the host's directory.
mkdirSync(SHELL_DIRECTORY, { recursive: true, mode: 0o700 });
createServer(serve).listen(join(SHELL_DIRECTORY, SOCKET_NAME));

server.listen(SOCKET_NAME, () => {
  setInterval(endWhenUnreachable, REACHABLE_EVERY_MS).unref();
  chmodSync(SOCKET_NAME, 0o600);
  process.stdout.write('ready\n');
});
