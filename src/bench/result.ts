/** What `kubehop bench --json` prints, and how rounds become a line of it. */
import { type Measure, type MeasureId, measure, PLANES, type PlaneName, type Target } from './measures.ts';
import { median, medianRatio, spread } from './statistics.ts';

export type Rounds = Partial<Record<PlaneName, number[]>>;

export type RowResult = Readonly<Record<PlaneName, number | null>> & {
  readonly id: MeasureId;
  readonly name: string;
  readonly unit: string;
  /** The router by the kernel with iptables-nft, median over the rounds; null where the kernel was not measured. */
  readonly ratio: number | null;
  readonly target: Target | null;
  /** The floor, and the aim. null: there is no target, or nothing to compare with. */
  readonly met: boolean | null;
  readonly aimMet: boolean | null;
  /** (largest - smallest) / median of the rounds. */
  readonly spread: Partial<Record<PlaneName, number>>;
  /** Every figure, round by round. */
  readonly rounds: Rounds;
  readonly notes: readonly string[];
};

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  readonly commit: string | null;
  readonly mtu: string;
  readonly offloads: string;
  readonly loadGenerator: string;
  /** Load averages before the run: what else was going on. */
  readonly loadBefore: readonly number[];
  readonly conntrackMax: number | null;
}

export interface BenchResult {
  readonly machine: Machine;
  readonly options: { readonly rounds: number; readonly quick: boolean };
  readonly seconds: number;
  readonly rows: readonly RowResult[];
}

/** A line of the table from its rounds. */
export function rowResult(id: MeasureId, rounds: Rounds, notes: readonly string[] = []): RowResult {
  const of: Measure = measure(id);
  const values = Object.fromEntries(PLANES.map(plane => [plane, rounds[plane]?.length ? median(rounds[plane]) : null])) as Record<
    PlaneName,
    number | null
  >;
  const spreads = Object.fromEntries(PLANES.filter(plane => rounds[plane]?.length).map(plane => [plane, spread(rounds[plane]!)]));
  const ratio = medianRatio(rounds.router ?? [], rounds.kernelNft ?? []) ?? null;
  const { target = null } = of;
  const compared = target === null ? null : target.of === 'ratio' ? ratio : values.router;
  const timesOvs = of.timesOvs === undefined ? undefined : medianRatio(rounds.router ?? [], rounds.ovs ?? []);
  const ovsWell = timesOvs === undefined || timesOvs >= of.timesOvs!;
  const reaches = (bound: number): boolean | null =>
    target === null || compared === null ? null : ovsWell && (target.sense === 'at least' ? compared >= bound : compared <= bound);
  return {
    id,
    name: of.name,
    unit: of.unit,
    ...values,
    ratio,
    target,
    met: reaches(target?.floor ?? 0),
    aimMet: reaches(target?.aim ?? 0),
    spread: spreads,
    rounds,
    notes: timesOvs === undefined ? notes : [...notes, `${timesOvs.toFixed(1)} times Open vSwitch`],
  };
}
