/** Why a packet looks as it does after a node: which rule chose, which rule wrote, what conntrack knew. In plain sentences. */
import { isTranslation, type MetRule, targetOf } from './rule-walk.ts';

export interface Explained {
  met: readonly MetRule[];
  /** conntrack's word for the packet. */
  state: string | undefined;
  /** `node1`, and the interface by which it leaves; none at a hook. */
  node: string;
  device: string | undefined;
  /** What was written: `a -> b`. */
  destination?: string | undefined;
  source?: string | undefined;
  /** `tcp 203.0.113.9:40001 > 192.168.56.11:30080`: the first direction of the connection. */
  connection: string;
  /** The numbers in the packet's mark, one after the other. */
  marks: readonly number[];
}

const place = (rule: MetRule): string => `${rule.chain} #${rule.number}`;
const because = (rule: MetRule): string => (rule.origin === undefined ? '' : ` (from ${rule.origin})`);

export function explain(x: Explained): string[] {
  return [...choiceWords(x), ...translationWords(x), ...knownWords(x), ...filterWords(x)];
}

/** Where the way to the backend began, and who chose it. */
function choiceWords({ met }: Explained): string[] {
  const words: string[] = [];
  const entry = met.find(
    rule => rule.table === 'nat' && rule.origin?.startsWith('Service ') === true && targetOf(rule.text)?.jump === true,
  );
  if (entry !== undefined) words.push(`${place(entry)} takes it for traffic of a Service${because(entry)}`);
  const choice = met.find(rule => rule.endpoint !== undefined);
  if (choice !== undefined) {
    const { nth, of } = choice.endpoint!;
    const backend = /-> (\S+?)"/.exec(choice.text)?.[1];
    const probability = /--probability ([\d.]+)/.exec(choice.text)?.[1];
    const chance =
      of === 1
        ? 'it is the only endpoint'
        : probability === undefined
          ? `endpoint ${nth} of ${of}: it takes what the rules above let through`
          : `endpoint ${nth} of ${of}, by chance with probability ${Number(probability)}`;
    words.push(`${place(choice)} chose the backend${backend === undefined ? '' : ` ${backend}`}: ${chance}${because(choice)}`);
  }
  return words;
}

function translationWords(x: Explained): string[] {
  const words: string[] = [];
  const writers = x.met.filter(isTranslation);
  for (const rule of writers) {
    const { name } = targetOf(rule.text)!;
    if (name === 'MASQUERADE')
      words.push(
        `${place(rule)} MASQUERADE writes the address of the interface by which the packet leaves${x.device === undefined ? '' : `, ${x.device}`}, so that the answer comes back through ${x.node}${whyMasqueraded(x)}`,
      );
    else if (name === 'SNAT') words.push(`${place(rule)} writes the source`);
    else
      words.push(`${place(rule)} ${name} writes the destination; the route is looked up after that, so ${x.node} need not be the receiver`);
  }
  const marker = x.met.find(sets);
  if (marker !== undefined) {
    const caller = callerOf(x.met, marker);
    const reason = caller === undefined ? '' : `, called by ${place(caller)}${commentOf(caller)}${because(caller)}`;
    words.push(`${place(marker)} marks it to be masqueraded when it leaves${reason}`);
  }
  const cleaner = x.met.find(rule => /--set-xmark 0x4000\/0x0$/.test(rule.text) && rule.chain === 'KUBE-POSTROUTING');
  if (cleaner !== undefined)
    words.push(`${place(cleaner)} takes the mark off again: an envelope around the packet has the same mark and would be masqueraded too`);
  const isNew = x.state === 'NEW';
  if (isNew && writers.length === 0 && x.met.some(rule => rule.table === 'nat') && x.destination === undefined && x.source === undefined)
    words.push('no rule of nat translates it');
  return words;
}

const sets = (rule: MetRule): boolean => /-j MARK --set-x?mark 0x4000(\/0x4000)?$/.test(rule.text);

/** Only a mark of this packet's own run through the chains is told: between hooks it is the earlier one's. */
const whyMasqueraded = (x: Explained): string => (x.marks.includes(0x4000) ? ', because it carries the mark 0x4000' : '');

/** The rule that jumped into a rule's chain. */
function callerOf(met: readonly MetRule[], rule: MetRule): MetRule | undefined {
  return met.slice(0, met.indexOf(rule)).findLast(r => r.table === rule.table && targetOf(r.text)?.name === rule.chain);
}

function commentOf(rule: MetRule): string {
  const comment = /--comment "([^"]*)"/.exec(rule.text)?.[1];
  return comment === undefined ? '' : ` "${comment}"`;
}

/** Only the first packet of a connection meets the nat table. */
function knownWords({ state, source, destination, connection, met }: Explained): string[] {
  if (state === undefined || state === 'NEW' || met.some(rule => rule.table === 'nat')) return [];
  const what = source === undefined && destination === undefined ? 'nothing to translate' : 'it does the same again';
  if (!/reply/.test(state)) return [`conntrack knows ${connection}: no rule of nat is asked, ${what}`];
  const back =
    source === undefined && destination === undefined
      ? 'nothing to translate'
      : 'its translations are turned round, so the answer comes from the address that was asked';
  return [`conntrack knows it as the answer to ${connection}: no rule of nat is asked, ${back}`];
}

function filterWords({ met }: Explained): string[] {
  const end = met.findLast(rule => rule.table === 'filter');
  if (end === undefined) return [];
  const target = end.number === 0 ? end.text : targetOf(end.text)?.name;
  const by = end.number === 0 ? `the policy of ${end.chain}` : place(end);
  if (target === 'ACCEPT') return [`filter lets it through by ${by}${because(end)}`];
  if (target === 'DROP') return [`filter drops it by ${by}${because(end)}`];
  if (target === 'REJECT') return [`filter refuses it by ${by}${commentOf(end)}${because(end)}: the sender is told`];
  return [];
}
