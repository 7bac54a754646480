/** A node of a network in memory: frames in, frames out, sockets above. */
import type { Stack } from './stack.ts';

export interface InterfaceSpec {
  readonly name: string;
  readonly mac: string;
  /** CIDR. */
  readonly addresses: readonly string[];
  readonly mtu?: number;
  /** Interfaces of one segment hear each other; without one the interface is a dummy. */
  readonly segment?: string;
}
export interface RouteSpec {
  /** CIDR or `default`. */
  readonly to: string;
  readonly via?: string;
  readonly dev?: string;
  /** For packets with this mark alone (`ip rule fwmark`). */
  readonly mark?: number;
}
export interface HostSpec {
  readonly name: string;
  readonly interfaces: readonly InterfaceSpec[];
  readonly routes: readonly RouteSpec[];
  /** A plain host that has every address: it answers for whom it is asked. */
  readonly everybody?: boolean;
  readonly sysctl?: Readonly<Record<string, number>>;
}

/** What a host does next: a frame on its wire, or a packet that its sockets send. */
export type Out =
  | { readonly kind: 'frame'; readonly port: string; readonly bytes: Uint8Array }
  | { readonly kind: 'packet'; readonly bytes: Uint8Array };

export interface Host {
  readonly name: string;
  readonly spec: HostSpec;
  readonly stack: Stack;
  /** The address that a socket without one takes towards `dst`. */
  sourceFor(dst: string): string;
  /** A frame comes in. */
  frame(port: string, bytes: Uint8Array): Out[];
  /** A socket of this host sends a packet. */
  packet(bytes: Uint8Array): Out[];
  advance(ms: number): Out[];
}
