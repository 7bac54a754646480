/**
 * What iproute2 says of interfaces and their addresses, for a node whose addresses are in a router: the text of the real program about the
 * namespace, with what the router has in place of what only leads to it. Pure.
 */
import type { NodeLinks } from '../../node/links.ts';
import type { Answer } from './routes-text.ts';

type Interface = NodeLinks['interfaces'][number];
type Form = 'addresses' | 'links';

const SHOW = ['show', 'list', 'ls', 'sh', 's', 'l', 'lst'];

/** Words that select otherwise than by name. */
const SELECTORS = ['dynamic', 'permanent', 'primary', 'secondary', 'tentative', 'up'];

/** Lines of one interface. */
interface Block {
  readonly name: string;
  readonly lines: readonly string[];
}

/**
 * `ip address` or `ip link` with the words behind it: `show`, `show DEV`, `show dev DEV`; with `-4` and `-br` in front.
 *
 * @param real what the real program prints for `ip address show`
 * @returns undefined for words that this does not know
 */
export function answerLinks(
  links: NodeLinks,
  real: string,
  form: Form,
  options: readonly string[],
  words: readonly string[],
): Answer | undefined {
  const [verb = 'show', ...rest] = words;
  const brief = options.includes('-br') || options.includes('-brief');
  if (!SHOW.includes(verb) || options.some(o => !['-4', '-br', '-brief'].includes(o)) || (brief && form === 'links')) return undefined;
  const [dev, ...more] = rest[0] === 'dev' ? rest.slice(1) : rest;
  if (more.length > 0 || (rest[0] === 'dev' && dev === undefined)) return undefined;
  let blocks = blocksOf(real, links);
  if (dev !== undefined && rest[0] !== 'dev' && SELECTORS.includes(dev)) return undefined;
  if (dev !== undefined) {
    blocks = blocks.filter(block => block.name === dev);
    if (blocks.length === 0) return { text: '', error: `Device "${dev}" does not exist.\n` };
  }
  if (options.includes('-4') && form === 'addresses') blocks = blocks.filter(hasAddress).map(withoutLink);
  const lines = blocks.flatMap(block => (brief ? [briefLine(block)] : form === 'links' ? linkLines(block) : block.lines));
  return { text: lines.map(line => `${line}\n`).join('') };
}

/** Devices of the router's own are left out; a tunnel, which no device carries, takes the number of the first of them. */
function blocksOf(real: string, { interfaces, devices }: NodeLinks): Block[] {
  const all = split(real);
  const free = all.filter(block => devices.includes(block.name)).map(numberOf);
  let next = Math.max(0, ...all.map(numberOf)) + 1;
  const shown = all.filter(block => !devices.includes(block.name));
  const known = new Set(shown.map(block => block.name));
  const written = shown.map(block => {
    const own = interfaces.find(i => i.name === block.name);
    return own === undefined || own.link === 'loopback' ? block : overwritten(block, own);
  });
  const tunnels = interfaces.filter(i => (i.link === 'vxlan' || i.link === 'ipip') && !known.has(i.name));
  return [...written, ...tunnels.map(i => tunnelBlock(i, free.shift() ?? next++))].sort((a, b) => numberOf(a) - numberOf(b));
}

const split = (real: string): Block[] =>
  real
    .split(/^(?=\d+: )/m)
    .filter(Boolean)
    .map(text => ({ name: /^\d+: ([^:@\s]+)/.exec(text)?.[1] ?? '', lines: text.trimEnd().split('\n') }));

const numberOf = ({ lines }: Block): number => Number.parseInt(lines[0]!, 10);

function overwritten({ name, lines }: Block, own: Interface): Block {
  const [first = '', second = ''] = lines;
  return {
    name,
    lines: [first.replace(/ mtu \d+ /, ` mtu ${own.mtu} `), second.replace(/^(\s+link\/ether )\S+/, `$1${own.mac}`), ...addressLines(own)],
  };
}

function tunnelBlock(own: Interface, number: number): Block {
  const [name, flags, link] =
    own.link === 'vxlan'
      ? [own.name, 'BROADCAST,MULTICAST,UP,LOWER_UP', `link/ether ${own.mac} brd ff:ff:ff:ff:ff:ff`]
      : [`${own.name}@NONE`, 'NOARP,UP,LOWER_UP', 'link/ipip 0.0.0.0 brd 0.0.0.0'];
  const first = `${number}: ${name}: <${flags}> mtu ${own.mtu} qdisc noqueue state UNKNOWN group default qlen 1000`;
  return { name: own.name, lines: [first, `    ${link}`, ...addressLines(own)] };
}

const addressLines = ({ name, addresses }: Interface): string[] =>
  addresses.flatMap(address => [`    inet ${address} scope global ${name}`, '       valid_lft forever preferred_lft forever']);

const hasAddress = ({ lines }: Block): boolean => lines.some(line => line.startsWith('    inet '));
/** The line of the link goes, and what it says of the other end stays. */
const withoutLink = ({ name, lines: [first, second = '', ...rest] }: Block): Block => ({
  name,
  lines: [`${first}${/ link-netns.*$/.exec(second)?.[0] ?? ''}`, ...rest],
});
const linkLines = ({ lines }: Block): string[] => [lines[0]!.replace(/ group /, ' mode DEFAULT group '), lines[1]!];

/** As `ip -br address` prints it: name, state, addresses. */
function briefLine({ lines }: Block): string {
  const [, name = '', state = ''] = /^\d+: (\S+): .* state (\S+)/.exec(lines[0]!) ?? [];
  const addresses = lines.flatMap(line => /^ {4}inet (\S+)/.exec(line)?.[1] ?? []);
  return `${name.padEnd(16)} ${state.padEnd(14)} ${addresses.map(address => `${address} `).join('')}`;
}
