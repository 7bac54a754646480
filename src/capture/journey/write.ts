/** A journey in files: `journey.jsonl` for programs, `journey.pcapng` for Wireshark. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { addressNames } from '../names.ts';
import { asEthernet } from '../pcapng/link-layer.ts';
import type { ReadInterface } from '../pcapng/reader.ts';
import { type InterfaceInfo, PcapngWriter, type SectionInfo } from '../pcapng/writer.ts';
import type { TraceLine } from '../trace-text.ts';
import type { Journey } from './journey.ts';
import type { JourneyRecord } from './record.ts';

export const journeyLines = ({ header, records }: Journey): string =>
  `${[header, ...records].map(line => JSON.stringify(line)).join('\n')}\n`;

export interface CaptureFacts {
  section?: SectionInfo;
  /** What the hops' own files say of their interfaces. */
  interfaces?: ReadonlyMap<string, ReadInterface>;
}

/** Writes both files into `folder`. */
export function writeJourney(folder: string, journey: Journey, facts: CaptureFacts = {}): void {
  writeFileSync(join(folder, 'journey.jsonl'), journeyLines(journey));
  const fd = openSync(join(folder, 'journey.pcapng'), 'w');
  try {
    writeJourneyCapture(journey, bytes => writeSync(fd, bytes), facts);
  } finally {
    closeSync(fd);
  }
}

/** Plain words, and in a line of its own what the rules did in theirs. */
export const commentOf = ({ words, rules }: JourneyRecord): string => `${words.join('; ')}${rules === undefined ? '' : `\n${rules}`}`;

/** In order of time, as Wireshark wants it: `frame.packet_id == 3` shows one packet's way. */
export function writeJourneyCapture(journey: Journey, sink: (bytes: Uint8Array) => void, facts: CaptureFacts = {}): void {
  const writer = new PcapngWriter(sink, facts.section ?? { application: 'kubehop' });
  const ids = new Map<string, number>();
  for (const { name } of journey.header.hops) {
    const known = facts.interfaces?.get(name);
    ids.set(name, writer.addInterface({ name, ...described(known) }));
  }
  const names = addressNames(journey.header.names);
  if (names.size > 0) writer.names(names);
  // `at` is exact to the nanosecond for 104 days
  for (const record of [...journey.records].sort((a, b) => a.at - b.at)) {
    const frame = journey.frames.get(record)!;
    const bytes = asEthernet(frame.linkType, frame.bytes);
    writer.packet({
      interfaceId: ids.get(record.hop)!,
      timeNs: frame.timeNs,
      bytes,
      originalLength: frame.originalLength + bytes.length - frame.bytes.length,
      direction: frame.direction,
      packetId: record.packet,
      verdict: record.dropped === undefined ? undefined : 'drop',
      comments: [commentOf(record)],
    });
  }
  const lastNs = journey.records.reduce((last, record) => Math.max(last, record.at), 0);
  for (const [name, id] of ids) {
    const counted = facts.interfaces?.get(name)?.statistics;
    if (counted !== undefined) writer.statistics(id, { timeNs: BigInt(journey.header.startNs) + BigInt(lastNs), ...counted });
  }
  writer.flush();
}

const described = (known: ReadInterface | undefined): Partial<InterfaceInfo> =>
  known === undefined
    ? {}
    : {
        description: known.description,
        hardware: known.hardware,
        ...(known.mac === undefined ? {} : { mac: known.mac }),
        ...(known.speedBps === undefined ? {} : { speedBps: known.speedBps }),
      };

/** Lines of `trace.jsonl`; a last line that is not whole is left out. */
export function readTrace(path: string): TraceLine[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  lines.pop();
  return lines.map(line => JSON.parse(line) as TraceLine);
}
