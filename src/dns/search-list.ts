/** resolv.conf(5), and the names that a stub resolver asks for one after another: why an external name costs a pod several questions. */
import { absolute, labels } from '../wire/dns-name.ts';

export interface ResolvConf {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly ndots: number;
}

const DEFAULT_NDOTS = 1;

export function readResolvConf(text: string): ResolvConf {
  const lines = text.split('\n').map(line =>
    line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/),
  );
  const after = (word: string): string[][] => lines.filter(([first]) => first === word).map(([, ...rest]) => rest);
  const ndots = after('options')
    .flat()
    .map(option => /^ndots:(\d+)$/.exec(option)?.[1])
    .findLast(value => value !== undefined);
  return {
    servers: after('nameserver').flat(),
    search: [...after('domain'), ...after('search')].at(-1) ?? [],
    ndots: ndots === undefined ? DEFAULT_NDOTS : Number(ndots),
  };
}

/** In the order of glibc's `res_search`: a name with fewer dots than `ndots` is tried with the search list first, then as it stands. */
export function candidates(name: string, { search, ndots }: ResolvConf): string[] {
  if (name.endsWith('.')) return [name];
  const whole = absolute(name);
  const searched = search.map(domain => absolute(`${name}.${domain}`));
  const dots = labels(whole).length - 1;
  return dots >= ndots ? [whole, ...searched] : [...searched, whole];
}
