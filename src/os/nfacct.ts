/**
 * Accounting objects of the kernel (`include/uapi/linux/netfilter/nfnetlink_acct.h`): named counters that rules with `-m nfacct` feed. What
 * nfacct(8) does, for whoever has no such tool.
 */
import { attributes } from './netlink.ts';
import { Nfnetlink } from './nfnetlink.ts';

const NFNL_SUBSYS_ACCT = 7 << 8;
const NEW = 0;
const GET = 1;
const NLM_F_CREATE = 0x400;
const NFACCT_NAME = 1;
const NFACCT_PKTS = 2;
/** `struct nfgenmsg` in front of the attributes. */
const FAMILY_HEADER = 4;

/** The object is there afterwards, counting on if it was before, in this thread's network namespace. @returns errno; 0: it is there */
export function ensureAccounting(name: string): number {
  const kernel = new Nfnetlink();
  try {
    const known = get(kernel, name);
    if (known.errno === 0) return 0;
    kernel.begin(NFNL_SUBSYS_ACCT | NEW, 0, NLM_F_CREATE);
    kernel.putText(NFACCT_NAME, name);
    return kernel.ask().errno;
  } finally {
    kernel.close();
  }
}

/** @returns packets that it has counted in this thread's network namespace; undefined: there is no such object */
export function accountedPackets(name: string): bigint | undefined {
  const kernel = new Nfnetlink();
  try {
    const { answer } = get(kernel, name);
    return answer === undefined ? undefined : attributes(answer, FAMILY_HEADER).get(NFACCT_PKTS)?.getBigUint64(0);
  } finally {
    kernel.close();
  }
}

function get(kernel: Nfnetlink, name: string): { errno: number; answer?: DataView } {
  kernel.begin(NFNL_SUBSYS_ACCT | GET, 0);
  kernel.putText(NFACCT_NAME, name);
  return kernel.ask();
}
