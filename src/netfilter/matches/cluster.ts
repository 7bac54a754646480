/** Which node of a cluster shall answer the connection (`xt_cluster`). */
import { asText, defineExtraMatch, extraOption, sign } from '../text/extra.ts';
import { u32, unsigned } from '../text/values.ts';

const MAX_NODES = 32;
const nodes = asText(unsigned(1, MAX_NODES));
const hex8 = (v: number): string => `0x${v.toString(16).padStart(8, '0')}`;

export const cluster = defineExtraMatch('cluster', {
  options: {
    'cluster-total-nodes': { parse: nodes, required: true },
    'cluster-local-node': { parse: nodes, not: true, excludes: ['cluster-local-nodemask'] },
    'cluster-local-nodemask': { parse: asText(u32), not: true },
    'cluster-hash-seed': { parse: asText(u32), required: true },
  },
  list: o =>
    ` cluster ${sign(o.not('cluster-local-nodemask'), '!')}node_mask=${o.value('cluster-local-nodemask')}` +
    ` total_nodes=${o.value('cluster-total-nodes')} hash_seed=${o.value('cluster-hash-seed')}`,
  read(given, words) {
    const total = Number(given['cluster-total-nodes']!.value);
    const node = given['cluster-local-node'];
    const local = node ?? given['cluster-local-nodemask'] ?? words.fail('cluster wants --cluster-local-node or --cluster-local-nodemask');
    const mask = node ? 2 ** (Number(node.value) - 1) : Number(local.value);
    if (mask === 0 || mask >= 2 ** total) words.fail(`cluster: the local node must be one of the ${total} nodes`);
    return [
      extraOption('cluster-local-nodemask', hex8(mask), local.not),
      extraOption('cluster-total-nodes', String(total)),
      extraOption('cluster-hash-seed', hex8(Number(given['cluster-hash-seed']!.value))),
    ];
  },
});
