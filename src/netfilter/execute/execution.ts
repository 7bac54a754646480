/**
 * One packet in one table: what the tests look at again and again, read once (`struct xt_action_param`, `include/linux/netfilter/
 * x_tables.h`). One object per node, filled again for each table.
 */
import type { Packet } from '../../packet/packet.ts';
import { Hook } from '../../packet/verdict.ts';
import { i32, u16 } from '../../wire/bytes.ts';
import { Protocol } from '../../wire/ipv4.ts';
import type { Connections, Environment } from '../environment.ts';

export class Execution {
  readonly env: Environment;
  readonly connections: Connections;
  /** States of the program, by number. */
  states: object[] = [];
  data: Int32Array = new Int32Array(0);
  counters: Float64Array = new Float64Array(0);
  /** Where in `counters` the accounting objects begin. */
  objects = 0;
  /** 1 where an interface bears a name: row per pattern, column per interface id. */
  interfaces = new Uint8Array(1);
  interfaceIds = 1;
  /** Per interface id the pattern, without `+`, that is its name; -1 when no rule names it so. */
  exactNames = new Int32Array(1);

  hook: Hook = Hook.Prerouting;
  table = 0;
  /** Interfaces that the hook shows: 0 where it shows none, as OUTPUT no in-interface. */
  iif = 0;
  oif = 0;
  /** Where the packet was to leave when it came to OUTPUT: a new route does not change what `-o` sees there (`nf_hook_state.out`). */
  outputOif = 0;
  protocol = 0;
  src = 0;
  dst = 0;
  /** In units of eight bytes: 0 for whole packets and first fragments. */
  fragment = 0;
  /** Offset of the transport header, and how many bytes are there from it on. */
  l4 = 0;
  transport = 0;
  /** Of a protocol that has them, when they can be read; else -1. */
  srcPort = -1;
  dstPort = -1;
  /** A whole packet or first fragment with all of its transport header: the index holds for it. */
  whole = false;
  /** A test has found the packet too broken to go on: it is dropped. */
  hotdrop = false;

  constructor(env: Environment) {
    this.env = env;
    this.connections = env.connections;
  }

  load(p: Packet, hook: Hook): void {
    const b = p.bytes;
    const l3 = p.l3;
    this.hook = hook;
    this.iif = hook === Hook.Output || (hook === Hook.Postrouting && p.local) ? 0 : p.iif;
    this.oif = hook === Hook.Prerouting || hook === Hook.Input ? 0 : hook === Hook.Output ? this.outputOif : p.oif;
    const protocol = b[l3 + 9]!;
    this.protocol = protocol;
    this.src = i32(b, l3 + 12);
    this.dst = i32(b, l3 + 16);
    this.fragment = u16(b, l3 + 6) & 0x1fff;
    const l4 = l3 + ((b[l3]! & 15) << 2);
    this.l4 = l4;
    this.transport = p.end - l4;
    this.hotdrop = false;
    const needed = headerLength(protocol);
    this.whole = this.fragment === 0 && this.transport >= needed;
    if (needed > 0 && this.fragment === 0 && this.transport >= 4) {
      this.srcPort = u16(b, l4);
      this.dstPort = u16(b, l4 + 2);
    } else {
      this.srcPort = -1;
      this.dstPort = -1;
    }
  }

  /**
   * May a test read `length` bytes of the transport header? Not in later fragments; one that would overwrite the header (offset 1), and
   * a packet that is cut short, are dropped (`tcp_mt`, `net/netfilter/xt_tcpudp.c`).
   */
  header(length: number, dropFirst: boolean): boolean {
    if (this.fragment !== 0) {
      if (dropFirst && this.fragment === 1) this.hotdrop = true;
      return false;
    }
    if (this.transport >= length) return true;
    this.hotdrop = true;
    return false;
  }
}

/** Bytes that the matches of a protocol with ports ask for; 0 for one without. */
function headerLength(protocol: number): number {
  switch (protocol) {
    case Protocol.Tcp:
      return 20;
    case Protocol.Udp:
    case Protocol.UdpLite:
      return 8;
    case Protocol.Sctp:
    case Protocol.Dccp:
      return 12;
    default:
      return 0;
  }
}

/** A test of one rule: does the packet pass? `at` is the test's word in `code`, operands behind it. */
export type Test = (x: Execution, p: Packet, code: Int32Array, at: number) => boolean;

/** A target: CONTINUE, or the verdict. */
export type Act = (x: Execution, p: Packet, code: Int32Array, at: number) => number;
export const CONTINUE = -1;
