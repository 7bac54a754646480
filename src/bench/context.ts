/** What every row is handed. */
import type { BenchOptions } from './options.ts';

export interface Context {
  readonly options: BenchOptions;
  readonly times: Times;
  /** One line for the person who waits. */
  progress(line: string): void;
}

/** Lengths of the windows, ms, and how much is tried. */
export interface Times {
  /** Before the first round: what is compiled while it runs is compiled then. */
  readonly warmUp: number;
  readonly saturation: number;
  /** Short enough that the connections made in it fit into a table of the kernel's usual size. */
  readonly newFlows: number;
  readonly tcp: number;
  readonly http: number;
  readonly roundTrips: number;
  /** TCP streams, and numbers of Services, that are tried. */
  readonly streams: readonly number[];
  readonly services: readonly number[];
  readonly lossFreeProbe: number;
  readonly lossFreeSteps: number;
  /** How long a table is filled at most: what is tracked then is said. */
  readonly fill: number;
}

export const FULL: Times = {
  warmUp: 2000,
  saturation: 2000,
  newFlows: 600,
  tcp: 4000,
  http: 3000,
  roundTrips: 4000,
  streams: [1, 8],
  services: [1, 1000, 10_000],
  lossFreeProbe: 1000,
  lossFreeSteps: 7,
  fill: 120_000,
};
export const QUICK: Times = {
  warmUp: 500,
  saturation: 400,
  newFlows: 300,
  tcp: 1000,
  http: 500,
  roundTrips: 500,
  streams: [1],
  services: [1, 10_000],
  lossFreeProbe: 200,
  lossFreeSteps: 4,
  fill: 5000,
};
