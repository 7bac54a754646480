/**
 * The Corefile, as far as a cluster's name server needs it (https://coredns.io/manual/configuration/): a server block and its plugins.
 *
 *     .:53 {
 *         kubernetes cluster.local in-addr.arpa ip6.arpa {
 *             pods insecure
 *             fallthrough in-addr.arpa ip6.arpa
 *             ttl 5
 *         }
 *         forward . 203.0.113.53
 *     }
 */
import { TextError } from '../base/errors.ts';
import { absolute, lower } from '../wire/dns-name.ts';
import { type PodMode, podModes } from './backends.ts';

export interface ServerConfig {
  readonly port: number;
  /** Absolute, in lower case. Empty: no `kubernetes` in the file. */
  readonly zones: readonly string[];
  readonly fallthrough: readonly string[];
  readonly pods: PodMode;
  readonly ttlSeconds: number;
  /** Addresses with or without a port, and paths of files like resolv.conf. */
  readonly forward: readonly string[];
  readonly loadBalance: boolean;
  readonly log: boolean;
  /** What the file asks for and is not done here. */
  readonly ignored: readonly string[];
}

/** What is done here whatever the file says, or needs nothing done. */
const SILENT = new Set(['errors', 'health', 'ready', 'prometheus', 'loop', 'reload', 'debug', 'bind']);
const DEFAULT_PORT = 53;
const DEFAULT_TTL = 5;
const MOST_TTL = 3600;

interface Line {
  readonly number: number;
  readonly words: readonly string[];
  readonly block: readonly Line[];
}

/** @param file its name, for messages @throws TextError BAD_INPUT with the line */
export function readCorefile(text: string, file: string): ServerConfig {
  const fail = (line: number, message: string): never => {
    throw new TextError('BAD_INPUT', { file, line, column: 1 }, message);
  };
  const servers = blocks(text, fail);
  const [server] = servers;
  if (server === undefined) return fail(1, 'there is no server block');
  const config = { port: portOf(server, fail), ...defaults, ignored: [] as string[] };
  for (const other of servers.slice(1)) config.ignored.push(`server block "${other.words.join(' ')}"`);
  for (const plugin of server.block) Object.assign(config, readPlugin(plugin, config.ignored, fail));
  return config;
}

type Fail = (line: number, message: string) => never;

const defaults = {
  zones: [] as readonly string[],
  fallthrough: [] as readonly string[],
  pods: 'disabled' as PodMode,
  ttlSeconds: DEFAULT_TTL,
  forward: [] as readonly string[],
  loadBalance: false,
  log: false,
};

function readPlugin({ words, block, number }: Line, ignored: string[], fail: Fail): Partial<ServerConfig> {
  const [name = '', ...rest] = words;
  switch (name) {
    case 'kubernetes':
      return readKubernetes(rest, block, ignored, fail);
    case 'forward':
      if (rest.length < 2) return fail(number, 'forward: a zone and at least one server');
      if (rest[0] !== '.') ignored.push(`forward of "${rest[0]}" alone`);
      return { forward: rest.slice(1).map(server => server.replace(/^dns:\/\//, '')) };
    case 'loadbalance':
      return { loadBalance: true };
    case 'log':
      return { log: true };
    default:
      if (!SILENT.has(name)) ignored.push(`plugin "${name}"`);
      return {};
  }
}

function readKubernetes(zones: readonly string[], block: readonly Line[], ignored: string[], fail: Fail): Partial<ServerConfig> {
  const names = zones.map(zone => lower(absolute(zone)));
  const { fallthrough, pods, ttlSeconds } = defaults;
  const config = { zones: names, fallthrough, pods, ttlSeconds };
  for (const { words, number } of block) {
    const [word, ...rest] = words;
    if (word === 'pods') {
      const mode = podModes.find(known => known === rest[0]);
      config.pods = mode ?? fail(number, `wrong value for pods: ${rest[0]}, must be one of: ${podModes.join(', ')}`);
    } else if (word === 'ttl') {
      const ttl = Number(rest[0]);
      if (!Number.isInteger(ttl) || ttl < 0 || ttl > MOST_TTL) fail(number, `ttl must be in range [0, ${MOST_TTL}]: ${rest[0]}`);
      config.ttlSeconds = ttl;
    } else if (word === 'fallthrough') {
      config.fallthrough = rest.length === 0 ? names : rest.map(zone => lower(absolute(zone)));
    } else ignored.push(`kubernetes: "${words.join(' ')}"`);
  }
  return config;
}

/** `.:53`, `dns://.:1053`, `cluster.local`; the zones of the block itself are those of its plugins here. */
function portOf({ words, number }: Line, fail: Fail): number {
  const port = Number(/:(\d+)$/.exec(words[0] ?? '')?.[1] ?? DEFAULT_PORT);
  return port > 65_535 ? fail(number, `invalid port: ${port}`) : port;
}

/** Lines with the blocks that they open. `#` begins a comment. */
function blocks(text: string, fail: Fail): Line[] {
  type Open = { number: number; words: string[]; block: Open[] };
  const root: Open = { number: 0, words: [], block: [] };
  const open = [root];
  for (const [i, line] of text.split('\n').entries()) {
    const words = line
      .replace(/(^|\s)#.*$/, '')
      .split(/\s+/)
      .filter(Boolean);
    if (words.length === 0) continue;
    if (words[0] === '}') {
      if (open.length === 1) fail(i + 1, 'a "}" without its "{"');
      open.pop();
      continue;
    }
    const opens = words.at(-1) === '{';
    const entry: Open = { number: i + 1, words: opens ? words.slice(0, -1) : words, block: [] };
    open.at(-1)!.block.push(entry);
    if (opens) open.push(entry);
  }
  if (open.length > 1) fail(open.at(-1)!.number, 'a "{" without its "}"');
  return root.block;
}
