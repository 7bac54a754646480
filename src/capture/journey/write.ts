/** A journey in files: `journey.jsonl` for programs, `journey.pcapng` for Wireshark. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { tryParseIpv4 } from '../../base/address.ts';
import { LinkType } from '../pcapng/format.ts';
import { PcapngWriter, type SectionInfo } from '../pcapng/writer.ts';
import type { TraceLine } from '../trace-text.ts';
import type { Journey } from './journey.ts';

export const journeyLines = ({ header, records }: Journey): string =>
  `${[header, ...records].map(line => JSON.stringify(line)).join('\n')}\n`;

/** Writes both files into `folder`. */
export function writeJourney(folder: string, journey: Journey, section: SectionInfo = { application: 'kubehop' }): void {
  writeFileSync(join(folder, 'journey.jsonl'), journeyLines(journey));
  const fd = openSync(join(folder, 'journey.pcapng'), 'w');
  try {
    writeJourneyCapture(journey, bytes => writeSync(fd, bytes), section);
  } finally {
    closeSync(fd);
  }
}

/** In order of time, as Wireshark wants it: `frame.packet_id == 3` shows one packet's way. */
export function writeJourneyCapture(journey: Journey, sink: (bytes: Uint8Array) => void, section: SectionInfo): void {
  const writer = new PcapngWriter(sink, section);
  const linkTypes = new Map<string, number>();
  for (const frame of journey.frames.values()) linkTypes.set(frame.hop, frame.linkType);
  const interfaces = new Map<string, number>();
  for (const { name } of journey.header.hops)
    interfaces.set(name, writer.addInterface({ name, linkType: linkTypes.get(name) ?? LinkType.Ethernet }));
  const names = new Map<number, string[]>();
  for (const [address, name] of Object.entries(journey.header.names)) {
    const v = tryParseIpv4(address);
    if (v !== undefined) names.set(v, [name]);
  }
  if (names.size > 0) writer.names(names);
  for (const record of [...journey.records].sort((a, b) => a.at - b.at)) {
    const frame = journey.frames.get(record)!;
    writer.packet({
      interfaceId: interfaces.get(record.hop)!,
      timeNs: frame.timeNs,
      bytes: frame.bytes,
      originalLength: frame.originalLength,
      direction: frame.direction,
      packetId: record.packet,
      verdict: record.dropped === undefined ? undefined : 'drop',
      comments: [record.words.join('; ')],
    });
  }
  writer.flush();
}

/** Lines of `trace.jsonl`; a last line that is not whole is left out. */
export function readTrace(path: string): TraceLine[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  lines.pop();
  return lines.map(line => JSON.parse(line) as TraceLine);
}
