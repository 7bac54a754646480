/**
 * The chains of each table, in felix's own words (Calico v3.29, `felix/rules/static.go`, `nat.go`, `endpoints.go`,
 * `felix/dataplane/linux/int_dataplane.go`).
 */
import type { FelixConfig } from './felix.ts';
import { ALLOW_ACCEPTED, clearMark, goto, jump, Mark, marked, setMark, unmarked } from './felix-words.ts';
import type { FelixRule } from './rule-hash.ts';
import { workloadChains } from './workload-chains.ts';

type Chains = Readonly<Record<string, readonly FelixRule[]>>;

export interface FelixChains {
  /** Into the top of built-in chains. */
  readonly inserted: Chains;
  /** To their end. */
  readonly appended: Chains;
  readonly chains: Chains;
}

/** All bits of the mark that felix uses itself. */
const OWN_MARKS = Mark.Accept | Mark.Pass | Mark.FromWorkload | Mark.Scratch;
const PODS = 'cali+';
/** `ipip`: the protocol's number, since not every kernel knows a name for it. */
const IPIP = '-p 4';
/** Addresses that this host has itself. */
const LOCAL = '-m addrtype --dst-type LOCAL';
const accepted = (action: string, comment?: string): FelixRule => ({
  match: marked(Mark.Accept),
  action,
  ...(comment !== undefined && { comment }),
});
const HOST_ACCEPTED = 'Host endpoint policy accepted packet.';

export function rawChains(): FelixChains {
  return {
    inserted: { PREROUTING: [jump('cali-PREROUTING')], OUTPUT: [jump('cali-OUTPUT')] },
    appended: {},
    chains: {
      'cali-PREROUTING': [
        { action: clearMark(OWN_MARKS) },
        { match: `--in-interface ${PODS}`, action: setMark(Mark.FromWorkload) },
        { match: marked(Mark.FromWorkload), ...jump('cali-rpf-skip') },
        // a pod that speaks with an address which is not its own
        { match: `${marked(Mark.FromWorkload)} -m rpfilter --invert --validmark`, action: '--jump DROP' },
        { match: unmarked(Mark.FromWorkload), ...jump('cali-from-host-endpoint') },
        accepted('--jump ACCEPT'),
      ],
      'cali-OUTPUT': [{ action: clearMark(OWN_MARKS) }, jump('cali-to-host-endpoint'), accepted('--jump ACCEPT')],
      'cali-from-host-endpoint': [],
      'cali-to-host-endpoint': [],
      'cali-rpf-skip': [],
    },
  };
}

export function mangleChains(): FelixChains {
  return {
    inserted: { PREROUTING: [jump('cali-PREROUTING')], POSTROUTING: [jump('cali-POSTROUTING')] },
    appended: {},
    chains: {
      'cali-PREROUTING': [
        { match: '-m conntrack --ctstate RELATED,ESTABLISHED', action: '--jump ACCEPT' },
        accepted('--jump ACCEPT'),
        jump('cali-from-host-endpoint'),
        accepted('--jump ACCEPT', HOST_ACCEPTED),
      ],
      'cali-POSTROUTING': [
        accepted('--jump RETURN'),
        { action: clearMark(OWN_MARKS) },
        { match: '-m conntrack --ctstate DNAT', ...jump('cali-to-host-endpoint') },
        accepted('--jump RETURN', HOST_ACCEPTED),
      ],
      'cali-from-host-endpoint': [],
      'cali-to-host-endpoint': [],
    },
  };
}

/** Masquerading stands behind kube-proxy's, which clears its mark first: a packet that is wrapped into another hands its mark on. */
export function natChains({ ipip, pools }: FelixConfig): FelixChains {
  const MASQUERADE = '--jump MASQUERADE --random-fully';
  const outgoing: FelixRule = {
    match: '-m set --match-set cali40masq-ipam-pools src -m set ! --match-set cali40all-ipam-pools dst',
    action: MASQUERADE,
  };
  // The host's own packets take the tunnel's address, whichever of its others they were given.
  const tunnel: FelixRule = {
    match: '--out-interface tunl0 -m addrtype ! --src-type LOCAL --limit-iface-out -m addrtype --src-type LOCAL',
    action: MASQUERADE,
  };
  return {
    inserted: { PREROUTING: [jump('cali-PREROUTING')], OUTPUT: [jump('cali-OUTPUT')] },
    appended: { POSTROUTING: [jump('cali-POSTROUTING')] },
    chains: {
      'cali-PREROUTING': [jump('cali-fip-dnat')],
      'cali-OUTPUT': [jump('cali-fip-dnat')],
      'cali-POSTROUTING': [jump('cali-fip-snat'), jump('cali-nat-outgoing'), ...(ipip ? [tunnel] : [])],
      'cali-nat-outgoing': pools.length > 0 ? [outgoing] : [],
      'cali-fip-dnat': [],
      'cali-fip-snat': [],
    },
  };
}

export function filterChains({ ipip, interfaces }: FelixConfig): FelixChains {
  const fromHosts: FelixRule[] = [
    {
      match: `${IPIP} -m set --match-set cali40all-hosts-net src ${LOCAL}`,
      action: '--jump ACCEPT',
      comment: 'Allow IPIP packets from Calico hosts',
    },
    { match: IPIP, action: '--jump DROP', comment: 'Drop IPIP packets from non-Calico hosts' },
  ];
  const toHosts: FelixRule = {
    match: `${IPIP} -m set --match-set cali40all-hosts-net dst -m addrtype --src-type LOCAL`,
    action: '--jump ACCEPT',
    comment: 'Allow IPIP packets to other Calico hosts',
  };
  return {
    inserted: { INPUT: [jump('cali-INPUT')], FORWARD: [jump('cali-FORWARD')], OUTPUT: [jump('cali-OUTPUT')] },
    appended: { FORWARD: [accepted('--jump ACCEPT', 'Policy explicitly accepted packet.'), { action: setMark(Mark.Accept) }] },
    chains: {
      'cali-INPUT': [
        ...(ipip ? fromHosts : []),
        { match: `--in-interface ${PODS}`, ...goto('cali-wl-to-host') },
        ALLOW_ACCEPTED,
        { action: clearMark(OWN_MARKS) },
        jump('cali-from-host-endpoint'),
        accepted('--jump ACCEPT', HOST_ACCEPTED),
      ],
      'cali-FORWARD': [
        { action: clearMark(OWN_MARKS & ~Mark.Accept) },
        { match: unmarked(Mark.Accept), ...jump('cali-from-hep-forward') },
        { match: `--in-interface ${PODS}`, ...jump('cali-from-wl-dispatch') },
        { match: `--out-interface ${PODS}`, ...jump('cali-to-wl-dispatch') },
        jump('cali-to-hep-forward'),
        jump('cali-cidr-block'),
      ],
      'cali-OUTPUT': [
        ALLOW_ACCEPTED,
        { match: `--out-interface ${PODS}`, action: '--jump RETURN' },
        ...(ipip ? [toHosts] : []),
        { action: clearMark(OWN_MARKS) },
        { match: '-m conntrack ! --ctstate DNAT', ...jump('cali-to-host-endpoint') },
        accepted('--jump ACCEPT', HOST_ACCEPTED),
      ],
      'cali-wl-to-host': [jump('cali-from-wl-dispatch'), { action: '--jump ACCEPT', comment: 'Configured DefaultEndpointToHostAction' }],
      'cali-from-hep-forward': [],
      'cali-to-hep-forward': [],
      'cali-from-host-endpoint': [],
      'cali-to-host-endpoint': [],
      'cali-cidr-block': [],
      ...workloadChains(interfaces),
    },
  };
}
