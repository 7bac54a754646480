/**
 * Accounting objects (nfacct) of a node's namespace, as kube-proxy makes and reads them. A machine without nfnetlink_acct has none: rules go
 * uncounted there, on both data planes, as kube-proxy leaves it (kubernetes `pkg/proxy/util/nfacct`).
 */
import { insideNetns } from '../../os/netns.ts';
import { accountedPackets, ensureAccounting } from '../../os/nfacct.ts';

export interface Accounting {
  /** @returns is the object there now? */
  ensure(name: string): boolean;
  /** @returns what it has counted; undefined: there is none */
  packets(name: string): number | undefined;
}

/** @param netns path of the namespace */
export const accountingIn = (netns: string): Accounting => ({
  ensure: name => {
    try {
      return insideNetns(netns, () => ensureAccounting(name)) === 0;
    } catch {
      return false; // no such namespace, or not ours
    }
  },
  packets: name => {
    try {
      const packets = insideNetns(netns, () => accountedPackets(name));
      return packets === undefined ? undefined : Number(packets);
    } catch {
      return undefined;
    }
  },
});

export const noAccounting: Accounting = { ensure: () => false, packets: () => undefined };
