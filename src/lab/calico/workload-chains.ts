/**
 * The way from an interface to the chains of its pod, and these chains (Calico v3.29, `felix/rules/dispatch.go`, `endpoints.go`). A pod that
 * no policy selects has the profiles of its namespace and of its service account: the first lets everything pass, the second holds
 * labels and no rules.
 */
import { clearMark, goto, jump, Mark, marked, setMark } from './felix-words.ts';
import { chainName, type FelixRule } from './rule-hash.ts';

const PROFILES = ['kns.default', 'ksa.default.default'];
const VXLAN_PORT = 4789;
const UNKNOWN: FelixRule = { action: '--jump DROP', comment: 'Unknown interface' };

interface Direction {
  readonly dispatch: string;
  readonly option: '--in-interface' | '--out-interface';
  readonly endpoint: string;
  readonly profile: string;
  readonly profileWord: 'ingress' | 'egress';
}
const fromPod: Direction = {
  dispatch: 'cali-from-wl-dispatch',
  option: '--in-interface',
  endpoint: 'cali-fw-',
  profile: 'cali-pro-',
  profileWord: 'egress',
};
const toPod: Direction = {
  dispatch: 'cali-to-wl-dispatch',
  option: '--out-interface',
  endpoint: 'cali-tw-',
  profile: 'cali-pri-',
  profileWord: 'ingress',
};

/** @param interfaces the nodes' ends of the pods' links */
export function workloadChains(interfaces: readonly string[]): Record<string, readonly FelixRule[]> {
  const names = [...new Set(interfaces)].sort();
  const chains = [fromPod, toPod].flatMap(direction => [
    ...dispatchChains(direction, names),
    ...names.map(name => [chainName(direction.endpoint, name), endpointChain(direction)] as const),
    // a profile that no pod has is not written
    ...(names.length === 0
      ? []
      : PROFILES.map(profile => [chainName(direction.profile, profile), profileChain(direction, profile)] as const)),
  ]);
  return Object.fromEntries(chains);
}

type Named = readonly [chain: string, rules: readonly FelixRule[]];

/** Names that have their first character behind the common part in common are told apart in a chain of their own. */
function dispatchChains({ dispatch, option, endpoint }: Direction, names: readonly string[]): Named[] {
  const common = commonPrefix(names);
  const groups = Map.groupBy(names, name => name.slice(0, common.length + 1));
  const toEndpoint = (name: string): FelixRule => ({ match: `${option} ${name}`, ...goto(chainName(endpoint, name)) });
  const branch = (prefix: string): string => `${dispatch}-${prefix.slice(common.length)}`;
  const root = [...groups].map(([prefix, group]) =>
    group.length === 1 ? toEndpoint(group[0]!) : { match: `${option} ${prefix}+`, ...goto(branch(prefix)) },
  );
  return [
    [dispatch, [...root, UNKNOWN]],
    ...[...groups]
      .filter(([, group]) => group.length > 1)
      .map(([prefix, group]): Named => [branch(prefix), [...group.map(toEndpoint), UNKNOWN]]),
  ];
}

function commonPrefix(names: readonly string[]): string {
  const [first = '', ...others] = names;
  let length = first.length;
  for (const name of others) while (!name.startsWith(first.slice(0, length))) length--;
  return first.slice(0, length);
}

function endpointChain(direction: Direction): FelixRule[] {
  const tunnels: FelixRule[] = [
    {
      match: `-p 17 -m multiport --destination-ports ${VXLAN_PORT}`,
      action: '--jump DROP',
      comment: 'Drop VXLAN encapped packets originating in workloads',
    },
    { match: '-p 4', action: '--jump DROP', comment: 'Drop IPinIP encapped packets originating in workloads' },
  ];
  return [
    { match: '-m conntrack --ctstate RELATED,ESTABLISHED', action: '--jump ACCEPT' },
    { match: '-m conntrack --ctstate INVALID', action: '--jump DROP' },
    { action: clearMark(Mark.Accept | Mark.Pass) },
    ...(direction === fromPod ? tunnels : []),
    ...PROFILES.flatMap(profile => [
      jump(chainName(direction.profile, profile)),
      { match: marked(Mark.Accept), action: '--jump RETURN', comment: 'Return if profile accepted' },
    ]),
    { action: '--jump DROP', comment: 'Drop if no profiles matched' },
  ];
}

/** The comment stands on the first rule; without rules it is one by itself, which only counts. */
function profileChain({ profileWord }: Direction, profile: string): FelixRule[] {
  const comment = `Profile ${profile} ${profileWord}`;
  return [profile.startsWith('kns.') ? { action: setMark(Mark.Accept), comment } : { comment }];
}
