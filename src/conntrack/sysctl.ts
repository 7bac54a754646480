/**
 * `net.netfilter.nf_conntrack_*` under the kernel's names, to be read and written while packets run. Timeouts in seconds, switches
 * 0 or 1, as in /proc/sys. The words path reads the fields, the words side the names.
 */
import { LabError } from '../base/errors.ts';
import { defaultTimeouts, timeoutNames, toMs } from './timeouts.ts';

/** A named set of values, applied over the defaults. `kube-proxy`: what `--conntrack-tcp-timeout-*` set by default. */
export const profiles = {
  kernel: {},
  'kube-proxy': { nf_conntrack_tcp_timeout_established: 86_400, nf_conntrack_tcp_timeout_close_wait: 3_600 },
} as const satisfies Record<string, Record<string, number>>;
export type Profile = keyof typeof profiles;

export class Sysctl {
  /** Milliseconds by `Timeout`. */
  readonly timeouts = defaultTimeouts();
  max = 262_144;
  buckets = 262_144;
  checksum = 1;
  acct = 0;
  timestamp = 0;
  events = 2;
  tcpLoose = 1;
  tcpBeLiberal = 0;
  tcpIgnoreInvalidRst = 0;
  tcpMaxRetrans = 3;
  /** Seconds as they were written: what a read gives back, also past the longest timeout kept. */
  readonly #seconds = new Map<string, number>();
  /** `nf_conntrack_count`, asked of the table. */
  readonly #count: () => number;

  constructor(count: () => number = () => 0) {
    this.#count = count;
    for (const [name, , seconds] of timeoutNames) this.#seconds.set(`nf_conntrack_${name}`, seconds);
  }

  /** All names in order, as `sysctl net.netfilter` lists them. */
  names(): string[] {
    return [...Object.keys(fields), ...this.#seconds.keys(), 'nf_conntrack_count'].sort();
  }

  /** @param name with or without `net.netfilter.` before it. @throws LabError BAD_INPUT */
  get(name: string): number {
    const key = bare(name);
    if (key === 'nf_conntrack_count') return this.#count();
    const seconds = this.#seconds.get(key);
    if (seconds !== undefined) return seconds;
    if (isField(key)) return this[fields[key]];
    throw new LabError('BAD_INPUT', `cannot stat /proc/sys/net/netfilter/${key}: no such sysctl`);
  }

  /** @throws LabError BAD_INPUT when the name is not known, may not be written, or the value is out of its range. */
  set(name: string, value: number): void {
    const key = bare(name);
    const least = key === 'nf_conntrack_max' ? 1 : 0;
    if (!Number.isInteger(value) || value < least || value > 0x7fff_ffff) {
      throw new LabError('BAD_INPUT', `setting key "net.netfilter.${key}": Invalid value: ${value}: must be a whole number from ${least}`);
    }
    const timeout = timeoutNames.find(([n]) => `nf_conntrack_${n}` === key);
    if (timeout) {
      this.#seconds.set(key, value);
      this.timeouts[timeout[1]] = toMs(value);
    } else if (key === 'nf_conntrack_count' || key === 'nf_conntrack_buckets') {
      throw new LabError('BAD_INPUT', `setting key "net.netfilter.${key}": read-only`);
    } else if (isField(key)) {
      this[fields[key]] = value;
    } else {
      throw new LabError('BAD_INPUT', `cannot stat /proc/sys/net/netfilter/${key}: no such sysctl`);
    }
  }

  apply(profile: Profile): void {
    for (const [name, value] of Object.entries(profiles[profile])) this.set(name, value);
  }
}

const fields = {
  nf_conntrack_acct: 'acct',
  nf_conntrack_buckets: 'buckets',
  nf_conntrack_checksum: 'checksum',
  nf_conntrack_events: 'events',
  nf_conntrack_max: 'max',
  nf_conntrack_tcp_be_liberal: 'tcpBeLiberal',
  nf_conntrack_tcp_ignore_invalid_rst: 'tcpIgnoreInvalidRst',
  nf_conntrack_tcp_loose: 'tcpLoose',
  nf_conntrack_tcp_max_retrans: 'tcpMaxRetrans',
  nf_conntrack_timestamp: 'timestamp',
} as const;
const isField = (key: string): key is keyof typeof fields => Object.hasOwn(fields, key);

const bare = (name: string): string => name.replace(/^net[./](netfilter[./])?/, '').replace(/^(?!nf_conntrack_)/, 'nf_conntrack_');
