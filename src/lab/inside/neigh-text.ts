/** What `ip neighbour` and `bridge fdb` say, for a node whose neighbours and tunnels are in a router. Pure. */
import { tryParseIpv4 } from '../../base/address.ts';
import type { NodeLinks } from '../../node/links.ts';
import type { Answer } from './routes-text.ts';

const SHOW = ['show', 'list', 'ls', 'sh', 's', 'l', 'lst'];

/**
 * `ip neighbour` with the words behind it: `show`, `show dev DEV`, `show ADDRESS`.
 *
 * @returns undefined for words that this does not know
 */
export function answerNeighbours(links: NodeLinks, words: readonly string[]): Answer | undefined {
  const [verb = 'show', ...rest] = words;
  if (!SHOW.includes(verb)) return undefined;
  let dev: string | undefined;
  let to: string | undefined;
  for (let i = 0; i < rest.length; i++) {
    if (rest[i] === 'dev') dev = rest[++i] ?? '';
    else if (rest[i] === 'to') to = rest[++i] ?? '';
    else if (to === undefined && tryParseIpv4(rest[i]!) !== undefined) to = rest[i];
    else return undefined;
  }
  if (dev !== undefined && !links.interfaces.some(i => i.name === dev)) return { text: '', error: `Cannot find device "${dev}"\n` };
  const shown = links.neighbours.filter(each => (dev ?? each.dev) === each.dev && (to ?? each.address) === each.address);
  const lines = shown.map(({ dev: on, address, mac, state }) => {
    const known = state !== 'Incomplete' && state !== 'Failed';
    return `${address}${dev === undefined ? ` dev ${on}` : ''}${known ? ` lladdr ${mac}` : ''} ${state.toUpperCase()} \n`;
  });
  return { text: lines.join('') };
}

/**
 * `bridge fdb` with the words behind it: `show`, `show dev DEV`, `show br BRIDGE`, each with `dynamic` behind it or not.
 *
 * @param real what the real program prints for the words that `realWords` gives
 * @returns undefined for words that this does not know
 */
export function answerFdb(links: NodeLinks, real: string, words: readonly string[]): Answer | undefined {
  const asked = selection(words);
  if (asked === undefined) return undefined;
  const { dev, bridge, dynamic } = asked;
  const tunnels = bridge === undefined ? links.fdb.filter(each => (dev ?? each.dev) === each.dev && !(dynamic && each.permanent)) : [];
  const ports = real.split('\n').filter(line => line !== '' && (dev === undefined || line.includes(` dev ${dev} `)));
  const own = ports.filter(line => !links.devices.some(device => line.includes(` dev ${device} `))).map(line => ownMac(line, links));
  const lines = [...own, ...tunnels.map(each => `${each.mac} dev ${each.dev} dst ${each.node} self ${each.permanent ? 'permanent' : ''}`)];
  if (dev !== undefined && lines.length === 0 && !links.interfaces.some(i => i.name === dev) && !real.includes(` dev ${dev} `))
    return { text: '', error: `Cannot find device "${dev}"\n` };
  return { text: lines.map(line => `${dev === undefined ? line : line.replace(` dev ${dev}`, '')}\n`).join('') };
}

/** What the real program is asked: a device that it does not know is no error here. */
export function realWords(words: readonly string[]): string[] {
  const { bridge, dynamic = false } = selection(words) ?? {};
  return ['fdb', 'show', ...(bridge === undefined ? [] : ['br', bridge]), ...(dynamic ? ['dynamic'] : [])];
}

function selection(words: readonly string[]): { dev?: string; bridge?: string; dynamic: boolean } | undefined {
  const [verb = 'show', ...rest] = words;
  if (!SHOW.includes(verb)) return undefined;
  const dynamic = rest.at(-1) === 'dynamic';
  const [kind, name, ...more] = dynamic ? rest.slice(0, -1) : rest;
  if (kind === undefined) return { dynamic };
  if (name === undefined || more.length > 0) return undefined;
  if (kind === 'dev') return { dev: name, dynamic };
  return kind === 'br' || kind === 'bridge' ? { bridge: name, dynamic } : undefined;
}

/** The bridge's own entry bears the MAC that the router gives it. */
function ownMac(line: string, { interfaces }: NodeLinks): string {
  const own = interfaces.find(i => i.link === 'bridge' && line.endsWith(` dev ${i.name} master ${i.name} permanent`));
  return own === undefined ? line : line.replace(/^\S+/, own.mac);
}
