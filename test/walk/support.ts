import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePacket } from '../../src/walk/packet-words.ts';
import { printStory } from '../../src/walk/print.ts';
import type { Event, Story } from '../../src/walk/story.ts';
import { SurroundingsReader } from '../../src/walk/surroundings.ts';
import { type WalkOptions, walk } from '../../src/walk/walk.ts';

export const fixture = (name: string): string => readFileSync(join(import.meta.dirname, '../fixtures/walk', name), 'utf8');

export interface Told {
  story: Story;
  text: string;
  warnings: readonly string[];
}

export interface Around {
  addresses?: readonly string[];
  routes?: readonly string[];
  routeFile?: string;
  addressFile?: string;
}

export function tell(rules: string, packet: string, around: Around, more: Partial<WalkOptions> = {}): Told {
  const reader = new SurroundingsReader();
  for (const a of around.addresses ?? []) reader.address(a);
  for (const r of around.routes ?? []) reader.route(r);
  if (around.addressFile !== undefined) reader.addressFile(around.addressFile, 'addr.json');
  if (around.routeFile !== undefined) reader.routeFile(around.routeFile, 'route.json');
  const { story, warnings } = walk({
    rules: { text: rules, file: 'rules' },
    packet: parsePacket(packet),
    surroundings: reader.done(),
    ...more,
  });
  return { story, warnings, text: printStory(story).join('\n') };
}

export const eventsOf = <K extends Event['event']>(story: Story, kind: K): Extract<Event, { event: K }>[] =>
  story.events.filter((e): e is Extract<Event, { event: K }> => e.event === kind);

/** Chains in the order in which their rules matched. */
export const chainsOf = (story: Story, table: string): string[] =>
  eventsOf(story, 'rule')
    .filter(e => e.table === table)
    .map(e => e.chain);

/** The file of a filter table. */
export const filter = (...rules: string[]): string =>
  `*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n${rules.map(r => `${r}\n`).join('')}COMMIT\n`;
export const nat = (...rules: string[]): string =>
  `*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n${rules.map(r => `${r}\n`).join('')}COMMIT\n`;
