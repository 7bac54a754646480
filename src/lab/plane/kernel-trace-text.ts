/**
 * The text of `xtables-monitor --trace` (iptables 1.8), line by line, as lines of `trace.jsonl`:
 *
 *     PACKET: 2 cc8c6310 IN=eth0 MACSRC=... SRC=203.0.113.9 DST=192.168.56.11 LEN=60 TOS=0x0 TTL=63 ID=38645 DF SPORT=40001 DPORT=30080 SYN
 *      TRACE: 2 cc8c6310 nat:KUBE-SVC-X:rule:0x4:JUMP:KUBE-SEP-Y  -4 -t nat -A KUBE-SVC-X -j KUBE-SEP-Y
 *      TRACE: 2 cc8c6310 nat:PREROUTING:policy:ACCEPT
 *
 * The handle behind `rule` is the kernel's; the rule's number in its chain is looked up by its words. PACKET stands before the first rule of each table; the hexadecimal number is the packet's, while it is in the kernel. Two packets may be
 * told at the same time.
 */
import type { TracedHeader, TraceLine } from '../../capture/trace-text.ts';
import { hookNames } from '../../packet/verdict.ts';

/** A packet on its way through the hooks. */
interface Pass {
  packet: number;
  /** Built-in chain whose table is being walked. */
  hook: string;
}

export class TraceTextReader {
  readonly lines: TraceLine[] = [];
  readonly #node: string;
  readonly #markingTable: string;
  readonly #handles: boolean;
  readonly #passes = new Map<string, Pass>();
  /** The last PACKET line of each packet. */
  readonly #headers = new Map<string, TracedHeader>();
  #packets = 0;
  #rest = '';

  /**
   * @param markingTable the table that marks: its first rule begins a pass and is not told itself
   * @param handles of each rule also its handle and what it said
   */
  constructor(node: string, markingTable: string, handles = false) {
    this.#node = node;
    this.#markingTable = markingTable;
    this.#handles = handles;
  }

  take(text: string, nowNs: bigint): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line.trim(), String(nowNs));
  }

  #line(line: string, timeNs: string): void {
    const [, kind, id, words] = /^(PACKET|TRACE): \d+ ([\da-f]+) (.*)$/.exec(line) ?? [];
    if (kind === undefined) return;
    if (kind === 'PACKET') {
      const header = headerOf(words!);
      if (header !== undefined) this.#headers.set(id!, header);
      return;
    }
    const [, table, chain, about] = /^([^:]+):([^:]+):(.*)$/.exec(words!) ?? [];
    if (table === this.#markingTable) this.#begin(id!, about!, timeNs);
    else if (table !== undefined) this.#rule(id!, table, chain!, about!, timeNs);
  }

  #begin(id: string, about: string, timeNs: string): void {
    const header = this.#headers.get(id);
    if (!about.startsWith('rule') || header === undefined) return;
    this.#passes.set(id, { packet: ++this.#packets, hook: '' });
    this.lines.push({ node: this.#node, packet: this.#packets, timeNs, kind: 'packet', header });
  }

  #rule(id: string, table: string, chain: string, about: string, timeNs: string): void {
    const pass = this.#passes.get(id);
    if (pass === undefined || about.startsWith('return')) return;
    if ((hookNames as readonly string[]).includes(chain)) pass.hook = chain;
    const common = { node: this.#node, packet: pass.packet, timeNs, kind: 'rule' as const, hook: pass.hook };
    const [, policy] = /^policy:(\w+)/.exec(about) ?? [];
    if (policy !== undefined) {
      const verdict = policy === 'DROP' ? 'DROP' : 'ACCEPT';
      this.lines.push({ ...common, event: 'policy', verdict, rule: { table, chain, number: 0, text: policy } });
      return;
    }
    const [, handle, said, text] = /^rule:(0x[\da-f]+):(\S+)\s+-4 -t \S+ -A \S+ ?(.*)$/.exec(about) ?? [];
    if (text === undefined) return;
    const rule = { table, chain, number: 0, text: text.trim(), ...(this.#handles ? { handle: Number(handle), said: said! } : {}) };
    this.lines.push({ ...common, event: 'matched', rule });
  }
}

const flagOrder = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];

/** @returns undefined for what is not IPv4 */
function headerOf(words: string): TracedHeader | undefined {
  const field = new Map<string, string>();
  const flags = new Set<string>();
  for (const word of words.split(' ')) {
    const at = word.indexOf('=');
    if (at > 0) field.set(word.slice(0, at), word.slice(at + 1));
    else flags.add(word);
  }
  const src = field.get('SRC');
  if (src?.includes('.') !== true || !field.has('TTL')) return undefined;
  const number = (name: string): number => Number(field.get(name) ?? 0);
  const ports = field.has('SPORT') ? { srcPort: number('SPORT'), dstPort: number('DPORT') } : {};
  const tcp = flagOrder.filter(flag => flags.has(flag));
  return {
    ...(field.has('IN') ? { iif: field.get('IN')! } : {}),
    ...(field.has('OUT') ? { oif: field.get('OUT')! } : {}),
    src,
    dst: field.get('DST')!,
    identification: number('ID'),
    ttl: number('TTL'),
    totalLength: number('LEN'),
    ...ports,
    ...(tcp.length === 0 ? {} : { flags: tcp.join(',') }),
  };
}
