/** `report.html`: the runs in a folder as one page to look at. Everything in it is read from the files of the runs. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JourneyHeader, JourneyRecord } from '../../capture/journey/record.ts';
import { LinkType } from '../../capture/pcapng/format.ts';
import { readCaptureFile } from '../../capture/pcapng/reader.ts';
import { envelopeDepth } from '../../web/model/headers.ts';
import type { Place, ReportData, ReportRecord, ReportRun } from '../../web/report-data.ts';
import { reportHtml } from '../../web/report-html.ts';
import type { RunsCompared } from '../diff.ts';
import { sectionsOf } from '../evidence.ts';
import { replayTables } from './replay.ts';

export const PAGE = 'report.html';

/** More than this many records make a page that nobody looks through and that opens slowly. */
const MOST_RECORDS = 10_000;
/** Of a frame: all headers, and the beginning of what they carry. */
const MOST_BYTES = 160;

/** What the files do not say. */
export interface AboutRuns {
  lab: string;
  title: string;
  comparison?: RunsCompared;
}

/**
 * @param labels the runs: folders in `folder`
 * @returns the page's path
 * @throws what reading the files of the runs throws
 */
export function writeReportPage(folder: string, about: AboutRuns, labels: readonly string[]): string {
  const path = join(folder, PAGE);
  writeFileSync(path, reportHtml(reportData(folder, about, labels)));
  return path;
}

export function reportData(folder: string, about: AboutRuns, labels: readonly string[]): ReportData {
  const { places } = JSON.parse(readFileSync(join(folder, labels[0]!, 'run.json'), 'utf8')) as { places: Place[] };
  const nodes = places.filter(place => place.role === 'node');
  const { lab, title, comparison } = about;
  const verdict = comparison === undefined ? {} : { verdict: { same: comparison.same, text: comparison.summary[0] ?? '' } };
  return { lab, title, ...verdict, places, runs: labels.map(label => readRun(join(folder, label), label, nodes)) };
}

function readRun(folder: string, label: string, nodes: readonly Place[]): ReportRun {
  const [first, ...lines] = readFileSync(join(folder, 'journey.jsonl'), 'utf8').trimEnd().split('\n');
  const header = JSON.parse(first!) as JourneyHeader;
  const records = withBytes(
    lines.map(line => JSON.parse(line) as JourneyRecord),
    join(folder, 'journey.pcapng'),
  );
  const { macs } = JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')) as { macs: Record<string, string> };
  replayTables(byTime(records), nodes, macs);
  const kept = wholePackets(records);
  const conntrack = join(folder, 'conntrack.txt');
  return {
    label,
    header,
    records: kept,
    leftOut: header.packets - new Set(kept.map(r => r.packet)).size,
    conntrack: existsSync(conntrack)
      ? Object.fromEntries(
          sectionsOf(
            readFileSync(conntrack, 'utf8'),
            nodes.map(node => node.name),
          ),
        )
      : {},
  };
}

const byTime = <R extends JourneyRecord>(records: readonly R[]): R[] => [...records].sort((a, b) => a.at - b.at);

/** The capture has a frame for each record, in order of time. A hook's stands behind an Ethernet header of zeros. */
function withBytes(records: readonly JourneyRecord[], capture: string): ReportRecord[] {
  const { packets, interfaces } = readCaptureFile(capture);
  const found = new Map<JourneyRecord, string>();
  for (const [i, record] of byTime(records).entries()) {
    const packet = packets[i];
    if (packet === undefined) break;
    const padded = interfaces[packet.interfaceId]!.linkType === LinkType.Ethernet && record.layers[0]?.layer === 'ipv4';
    const bytes = packet.bytes.subarray(padded ? 14 : 0);
    found.set(record, Buffer.from(bytes.subarray(0, MOST_BYTES + 50 * Math.sign(envelopeDepth(record.layers)))).toString('hex'));
  }
  return records.map(record => ({ ...record, bytes: found.get(record) ?? '' }));
}

/** The first ones of the run, each with all of its hops. */
function wholePackets(records: ReportRecord[]): ReportRecord[] {
  if (records.length <= MOST_RECORDS) return records;
  const last = records[MOST_RECORDS]!.packet;
  return records.filter(record => record.packet < last);
}
