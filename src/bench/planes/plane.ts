/** A data plane on its bed: what a row asks of it, whoever it is. */
import type { PlaneName } from '../measures.ts';
import type { BenchService, Transport } from '../rules/services.ts';
import type { Bed } from '../wires/bed.ts';

/** Rules in the words of each plane, written only where they are asked for. */
export interface RuleTexts {
  readonly services: readonly BenchService[];
  readonly transport: Transport;
}

/** Processor time in seconds. */
export interface CpuTime {
  readonly user: number;
  readonly system: number;
}

export interface Plane {
  readonly name: PlaneName;
  readonly bed: Bed;
  /** iptables-restore --noflush. @returns when the command has ended. Planes without iptables do not have it. */
  delta?(text: string): Promise<void>;
  /** Forget every connection. */
  forget(): Promise<void>;
  /** Of the process that carries the packets; absent where that is the kernel. */
  cpu?(): CpuTime;
  close(): Promise<void>;
}
