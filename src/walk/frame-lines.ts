/** The packets of a capture, a line for each: what came, what conntrack made of it, and what became of it. */
import { endpointText, packetText } from './fields.ts';
import { type Paint, plain } from './print.ts';
import type { Story } from './story.ts';
import type { WalkedFrame } from './walk.ts';

/** @param stories of these frames, in their order */
export function frameLines(frames: readonly WalkedFrame[], stories: readonly Story[], paint: Paint = plain): string[] {
  const startNs = frames[0]!.timeNs;
  const rows = stories.map((story, i) => ({
    number: String(frames[i]!.number),
    at: `${(Number(frames[i]!.timeNs - startNs) / 1e6).toFixed(3)} ms`,
    in: story.in ?? 'made here',
    packet: packetText(story.packet),
    state: stateWord(story),
    story,
  }));
  const width = (key: 'number' | 'at' | 'in' | 'packet' | 'state'): number => Math.max(...rows.map(row => row[key].length));
  const [number, at, iif, packet, state] = [width('number'), width('at'), width('in'), width('packet'), width('state')];
  const lines = rows.map(row => {
    const left = `${row.number.padStart(number)}  ${row.at.padStart(at)}  ${row.in.padEnd(iif)}  ${row.packet.padEnd(packet)}`;
    return `${left}  ${paint('cyan', row.state.padEnd(state))}  ${outcomeText(row.story, paint)}`.trimEnd();
  });
  return [...lines, '', totals(stories)];
}

const stateWord = (story: Story): string => story.events.find(e => e.event === 'conntrack')?.state ?? '';

function outcomeText({ packet, outcome, undecided }: Story, paint: Paint): string {
  const { verdict, fate, out, by } = outcome;
  const unsure = undecided === 0 ? '' : paint('yellow', ` if no undecided rule matches (${undecided})`);
  if (fate === 'dropped' || fate === 'held') return `${paint('red', verdict)} ${by ?? fate}${unsure}`;
  const way = fate === 'delivered' ? 'to this node' : `${fate} by ${out ?? 'an interface that is unknown here'}`;
  const changed = (['source', 'destination'] as const).some(end => endpointText(packet[end]) !== endpointText(outcome.packet[end]));
  const became = changed
    ? `, ${paint('yellow', `${endpointText(outcome.packet.source)} > ${endpointText(outcome.packet.destination)}`)}`
    : '';
  return `${paint('green', verdict)} ${way}${became}${unsure}`;
}

function totals(stories: readonly Story[]): string {
  const counts = Map.groupBy(stories, story => story.outcome.verdict);
  return `${stories.length} frames: ${[...counts].map(([verdict, list]) => `${list.length} ${verdict}`).join(', ')}`;
}
