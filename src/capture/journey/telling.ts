/** The words of each record of one packet: where it is, what has changed and why, and the same in netfilter's words. */
import { ownerOf, type TravelledPacket } from '../identity.ts';
import { LinkType } from '../pcapng/format.ts';
import { encapsulation, type Sighting } from '../sighting.ts';
import type { Told } from './events.ts';
import { explain } from './explain.ts';
import type { Rewrite } from './record.ts';
import { type MetRule, marksOf, marksText, tableWalks, walkText } from './rule-walk.ts';
import { endpointChange, type Names, rewritesBetween, rewriteWords } from './words.ts';

export interface TellingContext {
  names: Names;
  /** Number of the flow, and the first direction of its connection. */
  flow: { number: number; connection: string; reply: boolean } | undefined;
}

export interface Telling {
  rewrites: Rewrite[];
  words: string[];
  /** `nat PREROUTING > KUBE-SERVICES #3 > ... | mark 0 -> 0x4000 | ct NEW -> confirmed`; '' where no rule was met. */
  rules: string;
}

/** One for each sighting, in their order. */
export function tell(p: TravelledPacket, told: ReadonlyMap<Sighting, Told[]>, context: TellingContext): Telling[] {
  const tellings: Telling[] = [];
  /** Since the last interface: hooks tell one part each, the interface after them all of it. */
  let sinceInterface: Told[] = [];
  let lastInterface: Sighting | undefined;
  let mark = 0;
  /** At the last interface. */
  let markBefore = 0;
  for (const [i, s] of p.sightings.entries()) {
    const before = p.sightings[i - 1];
    const hook = isHook(s);
    const here = told.get(s) ?? [];
    sinceInterface.push(...here);
    const link = p.sightings.slice(0, i).findLast(earlier => earlier.ethernet !== undefined);
    const rewrites = before ? rewritesBetween(before, link, s) : [];
    // A bridge asks PREROUTING before its own device sees the packet (br_netfilter): the walk goes on behind that.
    const onItsWay =
      !hook && s.frame.direction === 'in' && before !== undefined && isHook(before) && encapsulation(before) === encapsulation(s);
    if (!hook && !onItsWay && s.frame.direction === 'in' && metOf(sinceInterface).length === 0) mark = markBefore = 0; // it comes into a node
    const pass = onItsWay
      ? { words: [], rules: '' }
      : passOf(hook ? here : sinceInterface, s, hook ? before : lastInterface, hook ? mark : markBefore, context);
    const dropped = here.flatMap(t => (t.event?.kind === 'drop' ? t.event.text : []));
    tellings.push({
      rewrites,
      words: [placeWords(p, i, context), ...(before && s.ipv4 ? rewriteWords(rewrites, s, context.names) : []), ...pass.words, ...dropped],
      rules: pass.rules,
    });
    mark = marksOf(metOf(here), mark).at(-1)!;
    if (hook || onItsWay) continue;
    sinceInterface = [];
    lastInterface = s;
    markBefore = mark;
  }
  return tellings;
}

/** A hook shows no link layer. */
const isHook = (s: Sighting): boolean => s.frame.linkType === LinkType.Raw;

const metOf = (told: readonly Told[]): MetRule[] => told.flatMap(t => t.met ?? []);

function placeWords(p: TravelledPacket, i: number, { flow }: TellingContext): string {
  const where = `packet ${p.id}${p.certain ? '' : ' (a guess)'}, ${i + 1} of ${p.sightings.length}`;
  if (flow === undefined) return where;
  return flow.reply ? `${where}, flow ${flow.number}: answer to ${flow.connection}` : `${where}, flow ${flow.number}`;
}

/** What one node did to the packet between two sightings. */
function passOf(
  part: readonly Told[],
  s: Sighting,
  from: Sighting | undefined,
  startMark: number,
  { names, flow }: TellingContext,
): Pick<Telling, 'words' | 'rules'> {
  const met = metOf(part);
  const known = part.findLast(t => t.state !== undefined)?.state;
  const state = known === 'known' ? `${s.isError ? 'RELATED' : 'ESTABLISHED'}${flow?.reply ? ' reply' : ''}` : known;
  if (met.length === 0 && state === undefined) return { words: [], rules: '' };
  // A packet that was dropped is seen nowhere as it was rewritten: then only the router knows.
  const written = (end: 'source' | 'destination') => part.find(t => t.rewrite?.end === end)?.rewrite?.text;
  const destination = (from && endpointChange('dst', from, s)) ?? written('destination');
  const source = (from && endpointChange('src', from, s)) ?? written('source');
  const marks = marksOf(met, startMark);
  const node = ownerOf(s.frame.hop);
  const device = !isHook(s) && s.frame.direction === 'out' ? s.frame.hop.slice(node.length + 1) : undefined;
  const words = explain({
    met,
    state,
    node,
    device,
    destination: destination && named(destination, names),
    source: source && named(source, names),
    connection: flow?.connection ?? 'the connection',
    marks,
  });
  const chains = tableWalks(met).flatMap(walk => walkText(walk, { destination, source }) || []);
  const dropped = part.some(t => t.event?.kind === 'drop');
  const rules = [
    ...(chains.length === 0 ? [] : [chains.join('; ')]),
    ...(marks.length === 1 && marks[0] === 0 ? [] : [marksText(marks)]),
    ...(state === undefined ? [] : [`ct ${state}${state === 'NEW' && !dropped && confirms(met) ? ' -> confirmed' : ''}`]),
  ];
  return { words, rules: rules.join(' | ') };
}

/** An entry stands when its first packet has passed the last hook of its way through the node (`nf_conntrack_confirm`). */
const confirms = (met: readonly MetRule[]): boolean => met.some(rule => rule.hook === 'POSTROUTING' || rule.hook === 'INPUT');

const named = (change: string, names: Names): string =>
  change.replace(/\d+\.\d+\.\d+\.\d+/g, address => (names.has(address) ? `${address} (${names.get(address)})` : address));
