/** A node's connection table as it stood at one moment. */
import type { Ends, ReportRecord, TrackedEntry } from '../report-data.ts';

/** Entries of `node`, oldest first, in the state that they had when `record` had passed. @param records of the run, in order of time */
export function tableAt(records: readonly ReportRecord[], node: string, record: ReportRecord): TrackedEntry[] {
  const entries = new Map<number, TrackedEntry>();
  for (const r of records) {
    if (r.at > record.at) break;
    for (const entry of r.tracked ?? []) if (entry.node === node) entries.set(entry.id, entry);
  }
  return [...entries.values()];
}

export const endsText = ({ src, srcPort, dst, dstPort }: Ends): string => `${src}:${srcPort} > ${dst}:${dstPort}`;

/** Is it translated? Then the answer comes to another address, or from another, than the request says. */
export const isTranslated = ({ original, reply }: TrackedEntry): boolean =>
  original.src !== reply.dst || original.dst !== reply.src || original.srcPort !== reply.dstPort || original.dstPort !== reply.srcPort;
