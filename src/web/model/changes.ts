/**
 * Which bytes of a frame are not as they were before: at an interface, at the interface before, so that both data planes show the same there;
 * at a hook, at the hop before.
 */
import type { ReportRecord } from '../report-data.ts';
import { bytesOf, envelopeDepth, type Header, headersOf } from './headers.ts';
import { isInterface } from './steps.ts';

export interface Sight {
  record: ReportRecord;
  bytes: Uint8Array;
  headers: Header[];
  /** By byte of the frame: 1 where it has changed, 2 where its whole header is new. */
  marks: Uint8Array;
  /** What each changed field was, by `ipv4.dst`. */
  was: Map<string, string>;
}

export const Mark = { Same: 0, Changed: 1, New: 2 } as const;

/** @param way a packet's records in order; `at` one of them */
export function sightAt(way: readonly ReportRecord[], at: number): Sight {
  const record = way[at]!;
  const bytes = bytesOf(record);
  const headers = headersOf(record, bytes);
  const sight: Sight = { record, bytes, headers, marks: new Uint8Array(bytes.length), was: new Map() };
  const then = previous(way, at);
  const before = way[then];
  if (before === undefined) return sight;
  const wrapped = envelopeDepth(record.layers) > 0 && envelopeDepth(before.layers) === 0;
  for (const header of headers) {
    if (header.layer === 'payload') continue;
    if (wrapped && (header.name.startsWith('outer.') || header.name === 'vxlan')) sight.marks.fill(Mark.New, header.at, header.end);
    else markHeader(sight, header, counterpart(way, then, header.name));
  }
  return sight;
}

function previous(way: readonly ReportRecord[], at: number): number {
  let then = at - 1;
  while (isInterface(way[at]!) && then > 0 && !isInterface(way[then]!)) then--;
  return then;
}

interface Found {
  bytes: Uint8Array;
  header: Header;
}

/** The same header at the hop before; a hook shows none of Ethernet's: then where it was seen last. */
function counterpart(way: readonly ReportRecord[], from: number, name: string): Found | undefined {
  for (let i = from; i >= 0; i--) {
    const bytes = bytesOf(way[i]!);
    const header = headersOf(way[i]!, bytes).find(h => h.name === name);
    if (header !== undefined) return { bytes, header };
    if (name !== 'ethernet') return undefined;
  }
  return undefined;
}

function markHeader(sight: Sight, header: Header, before: Found | undefined): void {
  if (before === undefined) return;
  const { marks, bytes, was } = sight;
  for (let i = header.at; i < header.end; i++) {
    const then = before.header.at + i - header.at;
    if (then >= before.header.end || bytes[i] !== before.bytes[then]) marks[i] = Mark.Changed;
  }
  for (const field of header.fields) {
    const old = before.header.fields.find(f => f.name === field.name);
    if (old !== undefined && old.value !== field.value) was.set(`${header.name}.${field.name}`, old.value);
  }
}
