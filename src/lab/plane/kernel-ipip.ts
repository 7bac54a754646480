/** Can this kernel wrap IPv4 into IPv4? Its module `ipip` is not everywhere, and with it comes `tunl0` into every namespace. */
import { LabError } from '../../base/errors.ts';
import { run } from '../shell.ts';
import type { Topology } from '../topology/model.ts';

const PROBE = 'ipip-probe';

/** @throws LabError IPIP_MISSING for a topology with a kernel node that has a tunl0, on a kernel that has none */
export async function checkIpip({ namespaces }: Topology): Promise<void> {
  const node = namespaces.find(ns => ns.node?.plane === 'kernel' && ns.node.calico?.ipip !== undefined);
  if (node === undefined) return;
  // A device of its own asks for the module, as tunl0 does not.
  const { code, stderr } = await run(['ip', 'link', 'add', PROBE, 'type', 'ipip', 'local', '127.0.0.1', 'remote', '127.0.0.2']);
  if (code !== 0)
    throw new LabError(
      'IPIP_MISSING',
      `${node.name} is a kernel node of calico-ipip, and this kernel has no module "ipip": ${stderr.trim()}`,
    );
  await run(['ip', 'link', 'del', PROBE]);
}
