/** Words that felix's rules are made of (Calico v3.29, `felix/iptables/actions.go`, `match_builder.go`). */
import type { FelixRule } from './rule-hash.ts';

/** Bits of the packet's mark: the lowest of the mask 0xffff0000, in the order in which felix takes them (`felix/dataplane/driver.go`). */
export const Mark = { Accept: 0x10000, Pass: 0x20000, FromWorkload: 0x40000, Scratch: 0x80000 } as const;

const hex = (mark: number): string => `0x${mark.toString(16)}`;

export const setMark = (mark: number): string => `--jump MARK --set-mark ${hex(mark)}/${hex(mark)}`;
export const clearMark = (mark: number): string => `--jump MARK --set-mark 0/${hex(mark)}`;
export const marked = (mark: number): string => `-m mark --mark ${hex(mark)}/${hex(mark)}`;
export const unmarked = (mark: number): string => `-m mark --mark 0/${hex(mark)}`;

export const jump = (chain: string): FelixRule => ({ action: `--jump ${chain}` });
export const goto = (chain: string): FelixRule => ({ action: `--goto ${chain}` });

/** An earlier table has let the packet through. */
export const ALLOW_ACCEPTED: FelixRule = { match: marked(Mark.Accept), action: '--jump ACCEPT' };
