/** One line for each query, in the words of CoreDNS' plugin `log`: who, number, question, transport, size, what came of it and how long it took. */
import { decode, decodeHeader, type Header, rcodeName } from '../wire/dns.ts';
import { Class, typeName } from '../wire/dns-record.ts';

export interface Exchange {
  readonly query: Uint8Array;
  readonly answer: Uint8Array;
  readonly from: string;
  readonly transport: 'udp' | 'tcp';
  readonly seconds: number;
}

export function queryLine({ query, answer, from, transport, seconds }: Exchange): string {
  const asked = decode(query);
  const given = decodeHeader(answer)!;
  const [question] = typeof asked === 'string' ? [] : asked.questions;
  const edns = typeof asked === 'string' ? undefined : asked.edns;
  const words =
    question === undefined ? '- - .' : `${typeName(question.type)} ${question.class === Class.IN ? 'IN' : question.class} ${question.name}`;
  const about = `${words} ${transport} ${query.length} ${edns?.dnssecOk === true} ${Math.max(512, edns?.udpSize ?? 512)}`;
  return `[INFO] ${from} - ${given.id} "${about}" ${rcodeName(given.rcode)} ${flagsText(given)} ${answer.length} ${seconds.toFixed(9)}s`;
}

function flagsText(h: Header): string {
  const flags = [
    ['qr', h.response],
    ['aa', h.authoritative],
    ['tc', h.truncated],
    ['rd', h.recursionDesired],
    ['ra', h.recursionAvailable],
    ['ad', h.authenticData],
    ['cd', h.checkingDisabled],
  ] as const;
  return flags
    .filter(([, set]) => set)
    .map(([name]) => name)
    .join(',');
}
